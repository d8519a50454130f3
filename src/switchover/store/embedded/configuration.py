"""The configuration files of the embedded PostgreSQL, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "switchover"
ROLE = "switchover"
SUPERUSER = "postgres"
PORT = 5432

_MAP = "owner"


def render_settings(*, socket_directory: Path, configuration_directory: Path) -> str:
    """Return ``postgresql.conf``: one machine, a UNIX socket only, nothing unsafe made faster.

    It is written anew at each start; an operator's own values go through ``alter system``, which
    PostgreSQL keeps in the cluster and reads after this file.
    """
    lines = (
        "# Written by switchover at each start. Use 'alter system' for values of your own.",
        "listen_addresses = ''",
        f"port = {PORT}",
        f"unix_socket_directories = {_quote(str(socket_directory))}",
        "unix_socket_permissions = 0700",
        f"hba_file = {_quote(str(configuration_directory / 'pg_hba.conf'))}",
        f"ident_file = {_quote(str(configuration_directory / 'pg_ident.conf'))}",
        "max_connections = 50",
        "shared_buffers = 64MB",
        "max_wal_size = 512MB",
        "max_logical_replication_workers = 0",
        # POSIX shared memory is 64 MB in a default container, and logind removes it when a normal
        # user logs out (RemoveIPC in logind.conf(5)).
        "dynamic_shared_memory_type = mmap",
        "max_parallel_workers_per_gather = 0",
        "jit = off",
        "timezone = 'UTC'",
        "log_timezone = 'UTC'",
        "log_line_prefix = '%m [%p] '",
        "log_checkpoints = off",
        # Row values and statements stay out of the log: they may be secrets.
        "log_error_verbosity = terse",
        "log_min_error_statement = panic",
    )
    return "\n".join(lines) + "\n"


def render_access() -> str:
    """Return ``pg_hba.conf``: local connections of mapped users, nothing else."""
    return f"local all {ROLE},{SUPERUSER} peer map={_MAP}\n"


def render_identities(system_users: tuple[str, ...]) -> str:
    """Return ``pg_ident.conf``: each of ``system_users`` may be either role.

    The kernel says who connects (SO_PEERCRED), so the socket stays closed for others even where its
    directory's mode is lost, for example in a restored backup.
    """
    lines = (
        f'{_MAP} "{_double(name)}" {role}' for name in system_users for role in (ROLE, SUPERUSER)
    )
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _double(name: str) -> str:
    return name.replace('"', '""')
