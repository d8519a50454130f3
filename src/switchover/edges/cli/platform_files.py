"""Reads a platform file and the files it names from disk, for sending or checking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.errors import InvalidInput, NotFound
from switchover.model.platform_file.read import PlatformFile, read_platform_file
from switchover.model.platform_file.tree import MAX_BYTES, decode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from switchover.balance.virtual_service import Balance

MAX_NAMED_FILE_BYTES = 1024 * 1024


def read_text(path: Path) -> str:
    """Return the text of a platform file; one that is too large is never read whole."""
    try:
        with path.open("rb") as file:
            return decode(file.read(MAX_BYTES + 1), source=str(path))
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except IsADirectoryError:
        raise InvalidInput(f"{path} is a directory; give the platform file in it") from None
    except OSError as error:
        raise InvalidInput(f"{path} can not be read: {error.strerror}") from error


def read_file(path: Path) -> tuple[str, PlatformFile]:
    """Return text and validated content of a platform file."""
    text = read_text(path)
    return text, read_platform_file(text, source=str(path))


def read_named_files(path: Path, balance: Balance) -> dict[str, bytes]:
    """Return the certificates and pages that a platform file names, from the folder it stands in.

    Missing ones are left out: the server may have them from an earlier apply; ``check`` reports them.
    """
    from switchover.balance.assets import file_names  # noqa: PLC0415 - start-up time

    return read_files_beside(path, file_names(balance))


def read_files_beside(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return those of the named files that stand in the folder of ``path``."""
    found: dict[str, bytes] = {}
    for name in names:
        file = path.parent / name
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_NAMED_FILE_BYTES + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InvalidInput(f"{file} can not be read: {error.strerror}") from error
        if len(content) > MAX_NAMED_FILE_BYTES:
            raise InvalidInput(f"{file} is larger than {MAX_NAMED_FILE_BYTES:,} bytes")
        found[name] = content
    return found
