"""A large installation to look at: 200 services, 2,000 servers, a million events, three months of numbers.

One of the services is big: 200 servers with eight workloads each. Rows are made by the database itself
(``insert ... select``), oldest first as they come in life; entries of the audit log, of which each holds the one
before, are made here as the application makes them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg

from switchover.directory.access.role import Door
from switchover.directory.audit.chain import Link, new_link
from switchover.directory.audit.entry import Entry
from switchover.settings import Settings
from switchover.store.notary import Notary

SERVERS_PER_SERVICE = 10
BIG_SERVERS = 200

_L7 = """\
  mail{number:03}:
    address: 127.17.4.{number}
    port: 10443
    layout: l7
    title: Outlook and webmail of district {number}
    names: [mail{number:03}.contoso.example]
    workloads: [owa, activesync, ews]
    tls: {{mode: offload, certificate: mail.pem}}
    health: {{interval: 10s}}
    servers: [{servers}]
"""
_L4 = """\
  mail{number:03}:
    address: 127.17.4.{number}
    port: 10443
    layout: l4
    names: [mail{number:03}.contoso.example]
    workloads: [owa, activesync]
    tls: {{verify: false}}
    health: {{interval: 10s}}
    servers: [{servers}]
"""
_BIG = """\
  mail{number:03}:
    address: 127.17.4.{number}
    port: 10443
    layout: l7
    title: Everything of the whole country
    names: [mail{number:03}.contoso.example, autodiscover.contoso.example]
    workloads: [owa, ecp, activesync, ews, mapi, rpc, oab, autodiscover]
    tls: {{mode: offload, certificate: mail.pem}}
    health: {{interval: 10s}}
    servers: [{servers}]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large. ``charted`` services have numbers of all days, the others of the last hours."""

    services: int = 200
    events: int = 1_000_000
    days: int = 90
    minute_days: int = 2
    charted: int = 10
    revisions: int = 1000
    audit_entries: int = 100_000

    @property
    def servers(self) -> int:
        return self.services * SERVERS_PER_SERVICE


FULL = Size()
QUICK = Size(
    services=8, events=20_000, days=10, minute_days=1, charted=1, revisions=50, audit_entries=2000
)


def service_name(number: int) -> str:
    return f"mail{number:03}"


def server_addresses(size: Size) -> list[str]:
    return [f"127.18.{number // 200 + 8}.{number % 200 + 1}" for number in range(size.servers)]


def platform_text(size: Size) -> str:
    """Return a platform file: services of ten servers, every other one decrypted with three workloads.

    The last one has the last 200 servers, which others have too, and eight workloads.
    """
    text = "platform: contoso\nengine: {max_connections: 4000}\nservers:\n" + "".join(
        f"  cas{number:04}: {{address: {address}, site: {'brussels' if number % 2 else 'ghent'}, "
        f"runs: [exchange], ports: {{443: 10443, 80: 10080}}}}\n"
        for number, address in enumerate(server_addresses(size))
    )
    text += "services:\n"
    for number in range(1, size.services + 1):
        servers = ", ".join(f"cas{one:04}" for one in _servers_of(number, size))
        form = _BIG if number == size.services else _L7 if number % 2 else _L4
        text += form.format(number=number, servers=servers)
    return text


def _servers_of(number: int, size: Size) -> range:
    if number == size.services:
        return range(max(0, size.servers - BIG_SERVERS), size.servers)
    first = (number - 1) * SERVERS_PER_SERVICE
    return range(first, first + SERVERS_PER_SERVICE)


_EVENTS = """
-- events of ninety days, evenly; no lock beyond the rows
insert into event (at, kind, severity, service, workload, server, cause, detail)
select
    now() - make_interval(secs => (%(events)s - n) * (%(days)s * 86400.0 / %(events)s)),
    (array['server-down', 'server-up', 'drain-entered', 'drain-left', 'engine-reloaded',
           'server-stopping', 'server-up', 'advice'])[1 + n %% 8],
    (array['error', 'info', 'warning', 'info', 'info', 'warning', 'info', 'warning'])[1 + n %% 8],
    'mail' || lpad((1 + n * 7919 %% %(services)s)::text, 3, '0'),
    (array['owa', 'activesync', 'ews'])[1 + n %% 3],
    'cas' || lpad((n * 7919 %% %(services)s * 10 + n %% 10)::text, 4, '0'),
    'Layer7 wrong status: code 503: HTTP status check returned code <503>',
    jsonb_build_object('code', 503, 'milliseconds', n %% 40)
from generate_series(1, %(events)s::bigint) as n
"""
_STATISTICS = """
-- what {table} would hold; no lock beyond the rows
insert into {table} (
    {table_key}, service, workload, server, sessions, requests, bytes_in, bytes_out, connect_errors,
    response_errors, http_2xx, http_4xx, http_5xx, current_sessions_max, total_ms_avg, response_ms_avg
)
select
    date_trunc(%(unit)s, now()) - t * make_interval(secs => %(step)s),
    'mail' || lpad(s::text, 3, '0'), w, case when w = '' then '' else
    'cas' || lpad(((s - 1) * 10 + c)::text, 4, '0') end,
    100 + (t * 31 + s) %% 57, 900 + (t * 17 + c) %% 301, 90000, 4000000, (t %% 97 = 0)::int,
    (t %% 41 = 0)::int * 3, 880, 5, (t %% 41 = 0)::int * 3, 20 + t %% 15, 40 + t %% 30, 12 + t %% 9
from generate_series(%(last)s::int, 1, -1) as t,
     generate_series(%(low)s::int, %(high)s::int) as s,
     unnest(case when s %% 2 = 1 then array['', 'owa', 'activesync', 'ews'] else array['', 'all'] end)
        as w,
     generate_series(0, 9) as c
where w <> '' or c = 0
"""
_BIG_STATISTICS = """
-- what {table} would hold of the big service: each of its servers with each workload; no lock beyond the rows
insert into {table} (
    {table_key}, service, workload, server, sessions, requests, bytes_in, bytes_out, connect_errors,
    response_errors, http_2xx, http_4xx, http_5xx, current_sessions_max, total_ms_avg, response_ms_avg
)
select
    date_trunc(%(unit)s, now()) - t * make_interval(secs => %(step)s),
    'mail' || lpad(%(service)s::text, 3, '0'), w,
    case when w = '' then '' else 'cas' || lpad(c::text, 4, '0') end,
    100 + (t * 31) %% 57, 900 + (t * 17 + c) %% 301, 90000, 4000000, (t %% 97 = 0)::int,
    (t %% 41 = 0)::int * 3, 880, 5, (t %% 41 = 0)::int * 3, 20 + t %% 15, 40 + t %% 30, 12 + t %% 9
from generate_series(%(last)s::int, 1, -1) as t,
     unnest(array['', 'owa', 'ecp', 'activesync', 'ews', 'mapi', 'rpc', 'oab', 'autodiscover']) as w,
     generate_series(%(low)s::int, %(high)s::int) as c
where w <> '' or c = %(low)s
"""
_REVISIONS = """
-- a long history: the file in force, again and again; no lock beyond the rows
insert into revision (
    number, parent, author, origin, verb, reason, created_at, document_digest, overrides, diff, summary
)
select r.number + n, r.number + n - 1, 'anna', 'console', 'weight', 'monthly updates', now(),
       r.document_digest, r.overrides, '', 'weight of cas0001 in mail001: 100 to ' || n %% 100
from (select * from revision order by number desc limit 1) as r,
     generate_series(1, %(revisions)s::bigint) as n
"""
_REVISION_FILES = """
-- and the files it names; no lock beyond the rows
insert into revision_asset (number, name, digest)
select r.number, a.name, a.digest
from revision as r, revision_asset as a
where a.number = (select min(number) from revision_asset)
  and not exists (select from revision_asset as o where o.number = r.number)
"""


def seed(dsn: str, size: Size, settings: Settings) -> dict[str, float]:
    """Fill the database of a switchover that runs the platform of this size; return seconds by part."""
    spent = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute("set statement_timeout = 0")
        for part, statements in _parts(size).items():
            began = time.perf_counter()
            for statement, values in statements:
                connection.execute(statement.encode(), values)
            spent[part] = round(time.perf_counter() - began, 1)
        began = time.perf_counter()
        _add_audit(
            connection, size.audit_entries, Notary(settings.key_file, settings.audit_head_file)
        )
        spent["audit"] = round(time.perf_counter() - began, 1)
        connection.execute("vacuum (analyze)")
    return spent


_AUDIT_COLUMNS = tuple(Link.__dataclass_fields__)


def _add_audit(connection: psycopg.Connection, count: int, notary: Notary) -> None:
    """Let the audit log go on by so many entries that verify; nobody else may add one meanwhile."""
    found = connection.execute("select number, hash from audit order by number desc limit 1")
    (number, digest) = found.fetchone() or (0, "0" * 64)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy audit ({', '.join(_AUDIT_COLUMNS)}) from stdin") as copy,
    ):
        for link in _links(number, digest, count):
            sealed = replace(link, seal=notary.seal(link.hash))
            copy.write_row([getattr(sealed, name) for name in _AUDIT_COLUMNS])


def _links(number: int, digest: str, count: int) -> Iterator[Link]:
    now = datetime.now(UTC)
    for left in range(count, 0, -1):
        number += 1
        entry = Entry(
            actor=("anna", "bert")[left % 2],
            origin=Door.CONSOLE,
            action=("server.drain", "server.resume", "sign-in")[left % 3],
            subject=f"cas{left % 2000:04}",
            address="192.0.2.7",
            before={"state": "ready"},
            after={"state": "drain"},
            reason="monthly updates",
        )
        # None after now: what the application adds next comes later.
        link = new_link(entry, number=number, at=now - timedelta(seconds=left), previous=digest)
        digest = link.hash
        yield link


def _parts(size: Size) -> dict[str, list[tuple[str, dict[str, object]]]]:
    all_of_it = {"low": 1, "high": size.services}
    charted = {"low": 1, "high": size.charted}
    others = {"low": size.charted + 1, "high": size.services - 1}
    return {
        "events": [
            (_EVENTS, {"events": size.events, "days": size.days, "services": size.services})
        ],
        "minutes": [
            _statistics("minute", charted, last=size.minute_days * 1440),
            _statistics("minute", others, last=60),
            _statistics("minute", _big(size), last=60),
        ],
        "hours": [
            _statistics("hour", charted, last=size.days * 24),
            _statistics("hour", others, last=24),
            _statistics("hour", _big(size), last=24),
        ],
        "revisions": [(_REVISIONS, {"revisions": size.revisions}), (_REVISION_FILES, {})],
        "terminations": [(_TERMINATIONS, {**all_of_it})],
    }


_TERMINATIONS = """
-- how connections ended; no lock beyond the rows
insert into termination_count (hour, service, workload, server, state, count)
select date_trunc('hour', now()) - make_interval(hours => t), 'mail' || lpad(s::text, 3, '0'), 'owa',
       'cas' || lpad(((s - 1) * 10)::text, 4, '0'), 'cD', 3 + t
from generate_series(0, 23) as t, generate_series(%(low)s::int, %(high)s::int) as s
"""


def _statistics(unit: str, services: dict[str, int], *, last: int) -> tuple[str, dict[str, object]]:
    form = _BIG_STATISTICS if "service" in services else _STATISTICS
    statement = form.format(table=f"stat_{unit}", table_key=unit)
    step = {"minute": 60, "hour": 3600}[unit]
    return statement, {"unit": unit, "step": step, "last": last, **services}


def _big(size: Size) -> dict[str, int]:
    servers = _servers_of(size.services, size)
    return {"service": size.services, "low": servers.start, "high": servers.stop - 1}
