"""The balancer's public verbs: load, decide (in pure files), act, record.

``revisions`` changes the wish, ``engine_room`` brings the engine to it (with ``engine_files`` on disk),
``cycle`` compares and keeps, ``observation`` turns the engine's log and counters into events and
statistics, ``advice`` answers the agent port, ``views`` puts wish and observation side by side for people.
"""

from __future__ import annotations
