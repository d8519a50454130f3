"""Archives by their endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from switchover.errors import Refused
from switchover.move.archive.server import ArchiveServer
from switchover.move.archive.store_eml import EmlStore
from switchover.move.archive.store_maildir import MaildirStore
from switchover.move.archive.store_mbox import MboxStore
from switchover.move.endpoint import ArchiveKind

if TYPE_CHECKING:
    from switchover.move.archive.store import Store
    from switchover.move.endpoint import ArchiveEndpoint


def open_archive(endpoint: ArchiveEndpoint, *, may_create: bool) -> ArchiveServer:
    """Return a server for an archive; raises NotFound where there is none and none may be made.

    Raises Refused for one that may not be looked into.
    """
    try:
        return ArchiveServer(store=_store(endpoint, may_create=may_create))
    except OSError as error:
        place = error.filename or endpoint.path
        raise Refused(f"{place} can not be read: {error.strerror or error}") from error


def _store(endpoint: ArchiveEndpoint, *, may_create: bool) -> Store:
    path = Path(endpoint.path).absolute()
    match endpoint.kind:
        case ArchiveKind.MAILDIR:
            return MaildirStore(path, is_tree=endpoint.is_tree, may_create=may_create)
        case ArchiveKind.MBOX:
            return MboxStore(path, may_create=may_create)
        case ArchiveKind.EML:
            return EmlStore(path, may_create=may_create)
