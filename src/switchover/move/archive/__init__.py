"""Mails in files as one end of a copy: Maildir, mbox and directories of .eml files.

``server`` speaks IMAP over a pair of sockets within the process, so that one engine copies, resumes and proves
archives as it does servers. ``command_parser`` and ``answers`` are the protocol, ``store`` is what every
kind of archive offers, ``maildir_*``, ``mbox_*`` and ``eml_*`` are the kinds.
"""

from __future__ import annotations
