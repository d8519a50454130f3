"""Sessions of browsers: kept in the database, known by the hash of a cookie, ended from either side."""

from __future__ import annotations
