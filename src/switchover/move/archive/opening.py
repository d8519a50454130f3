"""Archives by their endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from switchover.move.archive.server import ArchiveServer
from switchover.move.archive.store_maildir import MaildirStore

if TYPE_CHECKING:
    from switchover.move.endpoint import ArchiveEndpoint


def open_archive(endpoint: ArchiveEndpoint, *, may_create: bool) -> ArchiveServer:
    """Return a server for an archive; raises NotFound where there is none and none may be made."""
    path = Path(endpoint.path).absolute()
    return ArchiveServer(store=MaildirStore(path, is_tree=endpoint.is_tree, may_create=may_create))
