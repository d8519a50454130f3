"""Who and where: access to switchover itself, later recipients, addresses, routes and places.

The base that balance, move and measure may import.
"""

from __future__ import annotations
