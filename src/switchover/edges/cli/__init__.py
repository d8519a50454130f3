"""The command line: a client of the API, except for what works without a server.

``main`` builds the commands; each module holds those of one subject and imports what is heavy only when
it runs, so that ``--help`` answers at once. ``client`` speaks to the API, ``output`` prints.
"""

from __future__ import annotations
