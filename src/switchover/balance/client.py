"""Who is connected through the engine. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One open connection: the client's address and port, where it was sent, and for how long it is open.

    ``age`` is as the engine writes it, ``seconds`` what that is, None where it can not be read.
    """

    address: str
    service: str
    workload: str
    server: str
    age: str
    seconds: int | None
