"""The HTTP API under ``/api/v1``: thin, typed, and closed unless a role opens it.

``server`` builds the application, ``access`` says who asks and what they may, ``errors`` is the one
table from error class to status. Every other module holds the routes of one subject.
"""

from __future__ import annotations
