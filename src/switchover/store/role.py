"""The role the application works as: it may do all but change the audit log, and owns no table of it.

The role that SWITCHOVER_DATABASE_URL names (``switchover`` in the embedded server) makes the tables and owns
them. Sessions then take on ``<owner>_app``. Where that role is missing and the owner may not make it, sessions
go on as the owner, who takes the rights from itself but could give them back: ``switchover audit verify`` says
which of the two it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy

ROLE_NAME = "left(current_user, 59) || '_app'"
"""SQL: the name beside the owner's; PostgreSQL cuts names at 63 bytes."""

# The role is taken only where it can work: a database that was prepared without it gives it no rights. Names
# are looked up by functions that have a cache: a view of the catalogue would double the time of a connection.
TAKE_ROLE = f"""
    set_config(
        'role',
        case
            when pg_has_role(session_user, to_regrole(quote_ident({ROLE_NAME})), 'SET')
             and has_table_privilege(
                     to_regrole(quote_ident({ROLE_NAME})), to_regclass('audit'), 'INSERT'
                 )
            then {ROLE_NAME}
            else current_setting('role')
        end,
        false
    )
"""


_ARRANGE = f"""
-- rights of the application's role; row locks in the catalogue, ledger_intent once while it gets its owner
do $$
declare
    app text := {ROLE_NAME};
    one record;
begin
    if has_table_privilege(current_user, 'audit', 'UPDATE') then
        revoke update, delete, truncate on audit from current_user;
    end if;
    begin
        if not exists (select from pg_roles where rolname = app) then
            execute format('create role %I nologin', app);
        end if;
        for one in
            select distinct name
            from unnest(array[current_user, session_user]::text[]) as name
            where not pg_has_role(name, app, 'SET')
        loop
            execute format('grant %I to %I with inherit true, set true', app, one.name);
        end loop;
    exception when insufficient_privilege or duplicate_object or unique_violation then
        null;  -- somebody else has to, or did meanwhile
    end;
    if not exists (select from pg_roles where rolname = app and pg_has_role(current_user, oid, 'SET'))
    then
        return;
    end if;
    begin
        for one in
            select tablename as name
            from pg_tables
            where schemaname = current_schema()
              and tableowner = current_user
              and tablename <> 'audit'
              and not has_table_privilege(app, format('%I.%I', schemaname, tablename), 'UPDATE')
        loop
            execute format(
                'grant select, insert, update, delete, truncate on %I to %I', one.name, app
            );
        end loop;
        -- Copies give the room of finished batches back, which only an owner may.
        if exists (
            select from pg_tables
            where schemaname = current_schema() and tablename = 'ledger_intent' and tableowner = current_user
        ) then
            execute format('grant create on schema %I to %I', current_schema(), app);
            execute format('alter table ledger_intent owner to %I', app);
            execute format('revoke create on schema %I from %I', current_schema(), app);
        end if;
        if not has_table_privilege(app, 'audit', 'INSERT') then
            execute format('grant usage on schema %I to %I', current_schema(), app);
            execute format('grant usage on all sequences in schema %I to %I', current_schema(), app);
            execute format(
                'alter default privileges in schema %I '
                'grant select, insert, update, delete, truncate on tables to %I', current_schema(), app
            );
            execute format('grant select, insert on audit to %I', app);
        end if;
    exception when insufficient_privilege then
        null;  -- the schema belongs to somebody else, who gives rights to nobody through us
    end;
end
$$
"""  # noqa: S608 - constant names


def arrange_role(connection: sqlalchemy.Connection) -> None:
    """Give the application's role its rights, make it where it is missing and may be made. Idempotent."""
    connection.exec_driver_sql(_ARRANGE, execution_options={"no_parameters": True})
