"""The practice farm: small servers that play other people's mail servers and break on command.

The balancer, the probes and the demo need something to stand in front of that fails in the ways real
servers fail, when told to. The farm plays Exchange front ends (every virtual directory with its
``healthcheck.htm``, Basic and connection-bound sign-in, ActiveSync's long poll), SOGo, Roundcube and
DAV pages, and IMAP, POP3, SMTP, submission, ManageSieve and LMTP. One process and one event loop run
them all, on loopback addresses only. Why they are written here and not borrowed:
``docs/decisions/0003-practice-mail-servers.md``.

A connection comes in at a ``listener``, which takes off the PROXY header and TLS and hands a
``connection`` to ``exchange`` (web) or ``mail`` (lines). Before every answer the session asks its
``running`` server to admit it: there hangs, delays and refusals happen, as the fault book says.
Breaking something writes the book, brings the ports into line and wakes those who wait.

pure:     ``faults`` the faults and the book; ``workloads`` ports and paths; ``spec`` what a farm
          consists of; ``json_input`` checked JSON; ``sign_in`` Basic and the NTLM-like handshake;
          ``pages`` what web servers show; ``mail_dialects`` what mail servers say; ``stories`` what
          traffic does
servers:  ``farm`` (start here), ``listener``, ``connection``, ``tls``, ``proxy_header``,
          ``certificates``, ``running``, ``exchange``, ``http1``, ``mail``
outside:  ``control`` breaks and mends from another process; ``traffic`` with ``clients`` and
          ``http_client`` plays steady users and counts; ``__main__`` runs either as a process

The farm knows nothing of the product: it may import errors and clock only.
"""

from __future__ import annotations
