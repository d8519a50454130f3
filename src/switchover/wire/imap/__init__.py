"""An IMAP client's protocol without I/O: bytes in, events out; commands in, bytes out.

Reading: ``fragment`` cuts the stream into lines and literals, ``fetch`` reads listings fast, ``tokens``
and ``parse`` read everything else into the types of ``responses`` and ``response_codes``, ``reader`` puts
them together. Writing: ``command`` and its neighbours. ``conversation`` joins both halves and ``shell`` is
the only file that touches the network.

Source: RFC 9051 (IMAP4rev2) and RFC 3501 (IMAP4rev1), and for each extension the RFC named beside it.
"""

from __future__ import annotations
