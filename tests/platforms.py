"""Random platform files over all keys, for property tests: hypothesis strategies of plain mappings.

Most of what comes out is valid, so that examples reach the engine; the rest shows that we refuse first.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from tests.builders import EXCHANGE_HTTP

Keys = dict[str, Any]

CERTIFICATE = "mail.pem"
BLANK_CERTIFICATE = "My Mail.pem"
AUTHORITY = "our ca.pem"
PAGE = "sorry page.html"

NASTY = (
    "'", '"', "\\", "#", "$HOME", "${HOME}", "%[src]", "%T", "%%", "%", " ", "'\n    bind :1", "a\n", "\r\n",
    "\t", "é", "\u2028", "\U0001f4e7", "';x", '" x "', "\\'", "]", "{", "}", "!", "`id`", "$(id)", "<b>&",
)  # fmt: skip
MAIL_PORTS = {
    "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "sieve": 4190, "lmtp": 24, "dovecot/submission": 587,
    "postfix/submissions": 465, "smtp": 25,
}  # fmt: skip


def free_text(longest: int = 60) -> st.SearchStrategy[str]:
    """Return text as people (and attackers) write it."""
    pieces = st.one_of(
        st.sampled_from(NASTY), st.text("abc ABC012.-_/", max_size=6), st.text(max_size=3)
    )
    return st.lists(pieces, max_size=6).map("".join).map(lambda text: text[:longest])


PRINTABLE = free_text(100).map(
    lambda text: "".join(sign for sign in text if " " <= sign <= "~") or "ok"
)
URL_SIGNS = "abcXYZ019._~!$&'()*+,;=:@%/-"
URL_PATHS = st.one_of(
    st.sampled_from(["/", "/owa/", "/a%20b", "/%T/%", "/$HOME/'x'", "/owa/healthcheck.htm"]),
    st.text(URL_SIGNS, max_size=30).map(lambda text: f"/{text}"),
)
DURATIONS = st.one_of(
    st.sampled_from(["1ms", "500ms", "2s", "5m", "1h", "24d", 1, 0.5, 60]),
    st.integers(1, 24 * 86400),
)
NETWORKS = st.lists(
    st.sampled_from(
        ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "0.0.0.0/0", "::/0", "127.0.0.0/8"]
    ),
    max_size=3,
)
PORTS = st.integers(1, 65535)
COUNTS = st.integers(1, 1_000_000)
HOSTS = st.sampled_from(
    ["mail.contoso.example", "autodiscover.contoso.example", "b\u00fccher.contoso.example", "_x.contoso.example",
     "a" * 63 + ".contoso.example", "localhost", "123"]
)  # fmt: skip
TIMING: dict[str, st.SearchStrategy[Any]] = {
    "interval": DURATIONS,
    "timeout": DURATIONS,
    "fall": st.integers(1, 100),
    "rise": st.integers(1, 100),
    "fast_interval": DURATIONS,
}
CHECK: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(["http", "imap", "pop3", "smtp", "submission", "sieve", "lmtp", "tcp"]),
    "method": st.sampled_from(["GET", "HEAD", "OPTIONS"]),
    "path": URL_PATHS,
    "host": HOSTS,
    "port": PORTS,
    "tls": st.booleans(),
    "expect_status": st.lists(
        st.sampled_from([200, "200", "200-399", "401", "100-599"]), min_size=1, max_size=4
    ),
    "expect_header": st.sampled_from(["DAV", "X-Feserver", "a-1"]),
    "expect_text": PRINTABLE,
}


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Keys]:
    """Return mappings with any of the keys."""
    return st.fixed_dictionaries({}, optional=optional)


def health(workloads: list[str], *, layout: str) -> st.SearchStrategy[Keys]:
    """Return the health of a service that carries ``workloads``."""
    single = st.dictionaries(st.sampled_from(workloads), some(**TIMING, **CHECK), max_size=2)
    chosen = {"workload": st.sampled_from([*workloads, "all"])} if layout == "l4" else {}
    return some(
        **TIMING,
        **chosen,
        profile=st.sampled_from(["default", "fast"]),
        observe=st.booleans(),
        on_down=st.sampled_from(["keep", "close"]),
        workloads=single,
    )


def shared_keys(workloads: list[str], *, layout: str) -> dict[str, st.SearchStrategy[Any]]:
    """Return the keys every service may have."""
    return {
        "title": free_text(),
        "scheduler": st.sampled_from(
            ["round-robin", "weighted", "least-connections", "source-hash", "first-available"]
        ),
        "limits": some(connections=COUNTS, connections_per_source=COUNTS, rate_per_source=COUNTS),
        "allow": NETWORKS,
        "deny": NETWORKS,
        "timeouts": st.dictionaries(st.sampled_from(workloads), DURATIONS, max_size=3),
        "accept_proxy": st.booleans(),
        "health": health(workloads, layout=layout),
        "log": st.sampled_from(["errors", "all"]),
        "persistence": st.one_of(
            st.sampled_from(["none", "source"]),
            some(expire=DURATIONS, size=COUNTS).map(lambda keys: {"kind": "source", **keys}),
        ),
    }


COOKIE = st.one_of(
    st.just("cookie"), some(expire=DURATIONS).map(lambda keys: {"kind": "cookie", **keys})
)
SORRY_ADDRESS = st.sampled_from(
    [{"address": "192.0.2.99", "port": 80}, {"address": "2001:db8::99", "port": 8080}]
)
CERTIFICATES = st.sampled_from([CERTIFICATE, BLANK_CERTIFICATE, [CERTIFICATE, BLANK_CERTIFICATE]])
TLS_END: dict[str, st.SearchStrategy[Any]] = {
    "mode": st.sampled_from(["re-encrypt", "offload"]),
    "server_ca": st.just(AUTHORITY),
    "verify": st.booleans(),
    "server_name": HOSTS,
    "minimum": st.sampled_from(["1.2", "1.3"]),
}


@st.composite
def decrypted_web(draw: st.DrawFn, servers: list[str]) -> Keys:
    """Draw a service of layout l7 for HTTP."""
    workloads = draw(st.lists(st.sampled_from(EXCHANGE_HTTP), min_size=1, max_size=4, unique=True))
    keys = shared_keys(workloads, layout="l7")
    keys["persistence"] = keys["persistence"] | COOKIE
    optional = {
        **keys,
        "redirect_from": PORTS,
        "home_path": st.sampled_from(workloads).flatmap(
            lambda name: URL_PATHS.map(lambda path: f"/{name}{path}")
        ),
        "sorry": SORRY_ADDRESS | st.just({"page": PAGE}),
        "allow_restricted": NETWORKS,
        "http2": st.booleans(),
    }
    tls = st.fixed_dictionaries({"certificate": CERTIFICATES}, optional=TLS_END)
    names = st.lists(HOSTS, min_size=1, max_size=3, unique=True)
    return {
        "layout": "l7", "workloads": workloads, "servers": draw(chosen_servers(servers)),
        "names": draw(names), "tls": draw(tls), **draw(some(**optional)),
    }  # fmt: skip


@st.composite
def passed_web(draw: st.DrawFn, servers: list[str]) -> Keys:
    """Draw a service of layout l4 for HTTP."""
    workloads = draw(st.lists(st.sampled_from(EXCHANGE_HTTP), min_size=1, max_size=4, unique=True))
    optional = {
        **shared_keys(workloads, layout="l4"),
        "redirect_from": PORTS,
        "names": st.lists(HOSTS, max_size=2, unique=True),
        "sorry": SORRY_ADDRESS | st.just({"page": PAGE, "certificate": BLANK_CERTIFICATE}),
        "tls": some(server_ca=st.just(AUTHORITY), verify=st.booleans(), server_name=HOSTS),
    }
    return {
        "layout": "l4", "workloads": workloads, "servers": draw(chosen_servers(servers)),
        **draw(some(**optional)),
    }  # fmt: skip


@st.composite
def named_web(draw: st.DrawFn, servers: list[str]) -> Keys:
    """Draw a service of layout l4-names, some workloads on addresses of their own."""
    workloads = draw(st.lists(st.sampled_from(EXCHANGE_HTTP), min_size=1, max_size=4, unique=True))
    names: Keys = {}
    for number, workload in enumerate(workloads):
        name = f"{workload}.contoso.example"
        own = f"203.0.113.{200 + number}"
        names[workload] = draw(
            st.sampled_from([name, {"name": name}, {"name": name, "address": own}])
        )
    optional = {
        **shared_keys(workloads, layout="l4-names"),
        "redirect_from": PORTS,
        "sorry": SORRY_ADDRESS | st.just({"page": PAGE, "certificate": CERTIFICATE}),
        "tls": some(server_ca=st.just(AUTHORITY), verify=st.booleans(), server_name=HOSTS),
    }
    return {
        "layout": "l4-names", "names": names, "servers": draw(chosen_servers(servers)),
        **draw(some(**optional)),
    }  # fmt: skip


@st.composite
def mail(draw: st.DrawFn, servers: list[str]) -> Keys:
    """Draw a mail service, passed through or decrypted."""
    layout = draw(st.sampled_from(["l4", "l7"]))
    known = [name for name in MAIL_PORTS if layout == "l4" or name.endswith("s")]
    workload = draw(st.sampled_from(known))
    optional = {**shared_keys([workload], layout=layout), "sorry": SORRY_ADDRESS}
    fixed: dict[str, st.SearchStrategy[Any]] = {"servers": chosen_servers(servers)}
    if layout == "l7":
        fixed["tls"] = st.fixed_dictionaries({"certificate": CERTIFICATES}, optional=TLS_END)
        fixed["names"] = st.lists(HOSTS, min_size=1, max_size=2, unique=True)
    return {
        "layout": layout,
        "workloads": [workload],
        **draw(st.fixed_dictionaries(fixed, optional=optional)),
    }


@st.composite
def chosen_servers(draw: st.DrawFn, servers: list[str]) -> list[Any]:
    """Draw some of the servers, plain or with keys of their own."""
    chosen = draw(st.lists(st.sampled_from(servers), min_size=1, unique=True))
    keys = some(weight=st.integers(0, 256), max_connections=COUNTS, backup=st.booleans())
    return [name if draw(st.booleans()) else {"name": name, **draw(keys)} for name in chosen]


def server_keys(products: list[str], number: int) -> st.SearchStrategy[Keys]:
    """Return the keys of a server."""
    return st.fixed_dictionaries(
        {
            "address": st.sampled_from([f"192.0.2.{number}", f"2001:db8::{number}"]),
            "runs": st.just(products),
        },
        optional={
            "site": st.sampled_from(["brussels", "ghent"]),
            "proxy_protocol": st.lists(
                st.sampled_from(["http", "smtp"] if "exchange" in products else ["imap", "imaps", "smtp", "sieve"]),
                max_size=2,
            ),
            "ports": st.dictionaries(st.sampled_from([443, 993, 143, 25]), PORTS, max_size=2),
            "weight": st.integers(0, 256),
            "product": st.sampled_from(["exchange-2019-cu14", "15.2"]),
        },
    )  # fmt: skip


@st.composite
def platforms(draw: st.DrawFn) -> Keys:
    """Draw a platform file with one to four services."""
    web_servers, mail_servers = ["cas1", "cas2", "cas3"], ["mx1", "mx2"]
    servers = {
        **{name: draw(server_keys(["exchange"], n)) for n, name in enumerate(web_servers, start=1)},
        **{
            name: draw(server_keys(["dovecot", "postfix"], n))
            for n, name in enumerate(mail_servers, start=9)
        },
    }
    kinds = st.one_of(
        decrypted_web(web_servers),
        passed_web(web_servers),
        named_web(web_servers),
        mail(mail_servers),
    )
    services: Keys = {}
    for number in range(draw(st.integers(1, 4))):
        address = draw(st.sampled_from([f"203.0.113.{number + 1}", f"2001:db8:1::{number + 1}"]))
        services[f"s{number}"] = {"address": address, "port": draw(PORTS), **draw(kinds)}
    engine = some(
        max_connections=COUNTS, threads=st.integers(1, 2), old_workers=st.integers(1, 200),
        old_worker_lifetime=DURATIONS, connect_timeout=DURATIONS, agent_interval=DURATIONS,
    )  # fmt: skip
    return {"platform": "contoso", "engine": draw(engine), "servers": servers, "services": services}
