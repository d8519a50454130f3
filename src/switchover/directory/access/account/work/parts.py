"""What the verbs of sign-in work with, made once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.directory.access.account.work.hashing import Hashing
from switchover.directory.access.first_code import FirstCode
from switchover.directory.access.sign_in.throttle import Throttle

if TYPE_CHECKING:
    from switchover.directory.access.session.session import Limits
    from switchover.directory.audit.work import Refusals
    from switchover.store.pool import Database
    from switchover.store.seal import Sealer


@dataclass(slots=True, kw_only=True)
class AccessParts:
    """The database, what seals, how long sessions last, and what sign-in remembers in memory."""

    database: Database
    sealer: Sealer
    limits: Limits
    refusals: Refusals
    hashing: Hashing = field(default_factory=Hashing)
    throttle: Throttle = field(default_factory=Throttle)
    first_code: FirstCode = field(default_factory=FirstCode)
    is_claimed: bool = False
