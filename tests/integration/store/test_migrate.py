from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

import switchover.store.migrations
from switchover.errors import Conflict, Refused, Unavailable
from switchover.store.migrate import VERSION_TABLE, migrate
from switchover.store.pool import Database

TABLES = {
    "account",
    "api_token",
    "asset",
    "audit",
    "copy_folder",
    "copy_pair",
    "document",
    "engine",
    "event",
    "ledger_intent",
    "ledger_row",
    "recovery_code",
    "revision",
    "revision_asset",
    "session",
    "stat_hour",
    "stat_minute",
    "termination_count",
    VERSION_TABLE,
}


async def run(dsn: str, *statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for statement in statements:
            await connection.execute(statement.encode())


async def list_names(dsn: str, query: str) -> set[str]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(query.encode())
        return {row[0] for row in await cursor.fetchall()}


async def list_tables(dsn: str) -> set[str]:
    return await list_names(
        dsn, "select table_name::text from information_schema.tables where table_schema = 'public'"
    )


async def test_an_empty_database_gets_every_table_and_a_second_run_changes_nothing(
    empty_database_url: str,
) -> None:
    version = await migrate(empty_database_url)
    assert await list_tables(empty_database_url) == TABLES
    await run(empty_database_url, "update engine set last_sentence = 'kept'")
    assert await migrate(empty_database_url) == version
    assert await list_names(empty_database_url, "select last_sentence from engine") == {"kept"}


async def test_processes_that_start_together_take_turns(empty_database_url: str) -> None:
    versions = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    assert len(set(versions)) == 1
    assert await list_tables(empty_database_url) == TABLES


async def test_a_starter_does_not_wait_for_ever(empty_database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(empty_database_url) as connection:
        await connection.execute("select pg_advisory_xact_lock(%s)", (0x73776F766572,))
        with pytest.raises(Unavailable, match="another process still prepares"):
            await migrate(empty_database_url, wait_seconds=0.1)


async def test_a_database_of_a_newer_switchover_is_refused_untouched(database_url: str) -> None:
    await run(database_url, f"update {VERSION_TABLE} set version_num = '9999'")
    with pytest.raises(Conflict, match="has schema 9999, and this switchover knows up to"):
        await migrate(database_url)
    names = await list_names(database_url, f"select version_num from {VERSION_TABLE}")
    assert names == {"9999"}


async def test_a_database_with_somebody_elses_tables_is_refused_untouched(
    empty_database_url: str,
) -> None:
    await run(empty_database_url, "create table event (party text)")
    with pytest.raises(Conflict, match=r"tables of something else \(.*\"event\" already exists"):
        await migrate(empty_database_url)
    assert await list_tables(empty_database_url) == {"event"}


async def test_another_programs_migrations_in_the_same_database_do_not_disturb(
    empty_database_url: str,
) -> None:
    await run(
        empty_database_url,
        "create table alembic_version (version_num text)",
        "insert into alembic_version values ('theirs')",
    )
    await migrate(empty_database_url)
    assert await list_tables(empty_database_url) == TABLES | {"alembic_version"}


async def test_a_role_without_rights_is_refused(postgres: object, empty_database_url: str) -> None:
    superuser = empty_database_url.replace("user=switchover", "user=postgres")
    await run(
        superuser,
        "drop role if exists guest",
        "create role guest",
        "grant guest to switchover",
    )
    with pytest.raises(Refused, match="may not create tables"):
        await migrate(f"{empty_database_url} options='-c role=guest'")
    await run(superuser, "drop role guest")


async def test_a_database_in_another_encoding_is_refused(
    empty_database_url: str,
) -> None:
    superuser = empty_database_url.replace("user=switchover", "user=postgres")
    name = psycopg.conninfo.conninfo_to_dict(empty_database_url)["dbname"]
    async with await psycopg.AsyncConnection.connect(superuser, autocommit=True) as connection:
        await connection.execute(
            f"create database {name}_latin encoding 'LATIN1' template template0".encode()
        )
        try:
            with pytest.raises(Conflict, match="encoded in LATIN1"):
                await migrate(empty_database_url.replace(f"dbname={name}", f"dbname={name}_latin"))
        finally:
            await connection.execute(f"drop database {name}_latin".encode())


async def test_a_server_older_than_we_test_with_is_refused(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is one version here, so ours is declared too old instead of running an older one.
    monkeypatch.setattr("switchover.store.migrate.OLDEST_SERVER", 990000)
    with pytest.raises(Conflict, match="is PostgreSQL 16; 16 or newer is needed"):
        await migrate(empty_database_url)


async def test_a_missing_server_is_unavailable(short_directory: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be prepared"):
        await migrate(f"host={short_directory} dbname=switchover")


async def test_every_constraint_and_index_has_a_name_of_ours(database_url: str) -> None:
    # PostgreSQL's own names end like this; code that translates violations needs ours.
    generated = ("_pkey", "_fkey", "_key", "_check", "_idx", "_not_null")
    names = await list_names(
        database_url,
        f"""
        select conname::text from pg_constraint where connamespace = 'public'::regnamespace
           and conrelid <> '{VERSION_TABLE}'::regclass
        union
        select indexname::text from pg_indexes where schemaname = 'public'
           and tablename <> '{VERSION_TABLE}'
        """,
    )
    assert len(names) > 20
    assert not [name for name in names if name.endswith(generated)]


DIGEST = "a" * 64
REVISION = "insert into revision (number, parent, author, origin, verb, created_at, document_digest) values "


RULES = (
    ("insert into document values ('x', '', now())", "document_digest_is_sha256"),
    ("insert into asset values ('x', '', now())", "asset_digest_is_sha256"),
    ("insert into engine (id) values (2)", "engine_is_one_row"),
    ("update engine set applied_revision = 9", "engine_revision_fk"),
    (
        f"{REVISION} (1, null, 'a', 'mail', 'apply', now(), '{DIGEST}')",
        "revision_origin_is_known",
    ),
    (f"{REVISION} (1, null, 'a', 'cli', 'erase', now(), '{DIGEST}')", "revision_verb_is_known"),
    (f"{REVISION} (1, 1, 'a', 'cli', 'apply', now(), '{DIGEST}')", "revision_parent_is_older"),
    (
        f"{REVISION} (0, null, 'a', 'cli', 'apply', now(), '{DIGEST}')",
        "revision_number_is_positive",
    ),
    (f"{REVISION} (2, 1, 'a', 'cli', 'apply', now(), '{DIGEST}')", "revision_parent_fk"),
    (f"{REVISION} (1, null, 'a', 'cli', 'apply', now(), '{'b' * 64}')", "revision_document_fk"),
    (
        "insert into api_token (id, name, role, hash, created_at, created_by) "
        "values (gen_random_uuid(), 'n', 'king', 'h', now(), 'a')",
        "api_token_role_is_known",
    ),
    (
        "insert into event (at, kind, severity) values (now(), 'k', 'fatal')",
        "event_severity_is_known",
    ),
)


async def test_what_breaks_a_rule_is_refused_by_the_rules_name(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("insert into document values (%s, '', now())", (DIGEST,))
    for statement, constraint in RULES:
        async with database.transaction() as connection:
            with pytest.raises(psycopg.IntegrityError) as caught:
                await connection.execute(statement.encode())
        assert caught.value.diag.constraint_name == constraint


def test_every_step_says_what_it_is_for() -> None:
    versions = Path(str(switchover.store.migrations.__file__)).with_name("versions")
    steps = sorted(versions.glob("v*.py"))
    assert steps
    for step in steps:
        text = step.with_suffix(".sql").read_text("utf-8")
        tables = text.count("create table")
        assert text.count("\n-- ") + text.startswith("-- ") >= tables
        assert text == text.replace("SELECT", "select").replace("CREATE", "create")
