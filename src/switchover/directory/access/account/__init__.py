"""Accounts of people: name, role, password, second factor.

``account``, ``password`` and ``second_factor`` are pure. ``queries`` and ``work`` keep accounts in the
database: passwords as argon2id, the second factor's secret sealed, recovery codes hashed.
"""

from __future__ import annotations
