"""Why a server can not be reached, in words."""

from __future__ import annotations

import errno
import os
import re


def why(error: OSError) -> str:
    """Return what an error of connecting means; empty where the error says it best itself.

    asyncio says "Connect call failed" with an address, and of a host with several addresses all of that.
    """
    numbers = {int(one) for one in re.findall(r"\[Errno ([0-9]+)\]", str(error))}
    if numbers == {errno.ECONNREFUSED}:
        return "the connection is refused; is the port right, and is the server running?"
    return os.strerror(numbers.pop()) if len(numbers) == 1 else ""
