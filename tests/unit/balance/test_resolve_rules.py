from __future__ import annotations

from typing import Any

import pytest
from tests.builders import (
    faults_of,
    http_service,
    mail_service,
    names_service,
    server,
    service,
    stream_service,
)

CERTIFICATE = {"certificate": "mail.pem"}
CLEAR: dict[str, Any] = {
    "title": "Own",
    "workloads": {
        "web": {"title": "Web", "protocol": "http", "port": 80, "transport": "clear", "paths": ["/"]},
        "portal": {"title": "Portal", "protocol": "http", "port": 80, "transport": "clear", "paths": ["/"]},
        "hidden": {"title": "Hidden", "protocol": "http", "port": 80, "transport": "clear"},
    },
}  # fmt: skip
OWN: dict[str, Any] = {
    "templates": {"own": CLEAR},
    "servers": {"cas1": server(1, runs="own"), "cas2": server(2, runs="own")},
}


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        (
            http_service(workloads=["owa", "imaps"]),
            "workloads: HTTP and mail workloads need a service each",
        ),
        # TLS
        (stream_service(tls={"mode": "offload"}), "tls.mode: layout l4 does not decrypt (use l7)"),
        (
            names_service(tls={"mode": "re-encrypt"}),
            "tls.mode: layout l4-names does not decrypt (use l7)",
        ),
        (
            stream_service(tls=CERTIFICATE),
            "tls.certificate: layout l4 shows the servers' own certificate (remove this key, or use layout l7)",
        ),
        (
            http_service(tls={"mode": "pass-through", **CERTIFICATE}),
            "tls.mode: layout l7 decrypts (use re-encrypt or l4)",
        ),
        (
            http_service(tls={}),
            "tls: layout l7 needs a certificate to show to clients (tls: {certificate: mail.pem})",
        ),
        (
            mail_service("submissions", layout="l7", names=["a"], tls={"mode": "offload", **CERTIFICATE},
                         servers=["mx1"]),
            "tls.mode: the workload 'submissions' has no port without TLS",
        ),
        (
            http_service(names=[]),
            "names: an l7 service needs the names clients use: checks and certificates need one "
            "(names: [mail.contoso.example])",
        ),
        (
            mail_service(layout="l7", tls=CERTIFICATE),
            "tls: the servers' certificates can not be verified without a name "
            "(names: [mail.contoso.example], or tls: {server_name: mail.contoso.example})",
        ),
        # l4
        (
            stream_service(names={"owa": "a"}, workloads=["owa"]),
            "names: layout l4 has one namespace (use l4-names)",
        ),
        (
            stream_service(workloads=["imaps", "pop3s"]),
            "workloads: layout l4 passes one port, these workloads use [993, 995] (make a service for each port)",
        ),
        (
            stream_service(health={"workloads": {"owa": {"kind": "tcp"}}}),
            "workloads: one check of all workloads can not mix HTTP and other conversations "
            "(choose the one that counts: health: {workload: owa})",
        ),
        (
            stream_service(health={"workload": "all", "workloads": {"owa": {"port": 8080}}}),
            "workloads: one check of all workloads can not go to several ports "
            "(choose the one that counts: health: {workload: owa})",
        ),
        (
            stream_service(health={"workloads": {"owa": {"tls": False}}}),
            "workloads: one check of all workloads can not be partly inside TLS "
            "(choose the one that counts: health: {workload: owa})",
        ),
        (
            stream_service(health={"workload": "ow"}),
            "health.workload: 'ow' is not a workload of this service (did you mean 'owa'?)",
        ),
        # l4-names
        (
            names_service(names=["owa.contoso.example"], workloads=["owa"]),
            "names: layout l4-names needs a host name for each workload "
            "(names: {owa: owa.contoso.example, activesync: eas.contoso.example})",
        ),
        (
            names_service(names=[], workloads=["owa"]),
            "layout: layout l4-names needs a host name for each workload "
            "(names: {owa: owa.contoso.example, activesync: eas.contoso.example})",
        ),
        (
            names_service(workloads=["owa", "activesync", "ecp"]),
            "workloads: the workload 'ecp' has no name",
        ),
        (
            names_service(names={"owa": "a.example", "ecp": "A.example."}),
            "names.ecp: a.example already belongs to 'owa'",
        ),
        (
            names_service(names={"imap": "imap.contoso.example"}),
            "names.imap: 'imap' does not begin with TLS, so no name (SNI) can be seen "
            "(give it its own address, or a service of its own)",
        ),
        # l7
        (
            http_service(names={"owa": "a", "activesync": "b"}),
            "names: layout l7 routes by path: list its names (names: [...])",
        ),
        (
            mail_service(layout="l7", names=["a"], workloads=["imaps", "pop3s"], tls=CERTIFICATE),
            "workloads: a decrypted mail service carries one workload",
        ),
        (
            mail_service("imap", layout="l7", names=["a"], tls=CERTIFICATE),
            "layout: 'imap' begins in the clear; STARTTLS can not be decrypted (use layout l4)",
        ),
        # sorry
        (http_service(sorry={}), "sorry: give either a page or an address"),
        (
            http_service(sorry={"page": "a.html", "address": "192.0.2.1"}),
            "sorry: give either a page or an address",
        ),
        (
            mail_service(sorry={"page": "a.html"}),
            "sorry.page: only HTTP clients can be shown a page",
        ),
        (
            stream_service(sorry={"page": "a.html"}),
            "sorry.page: layout l4 does not decrypt, so the page needs a certificate "
            "(sorry: {page: sorry.html, certificate: mail.pem}, or the address of a sorry server)",
        ),
        (
            http_service(sorry={"address": "192.0.2.99"}),
            "sorry.address: a decrypted service speaks to its sorry server in the clear; give its port "
            "(sorry: {address: 192.0.2.99, port: 80})",
        ),
        # home
        (
            stream_service(home_path="/owa/"),
            "home_path: only a decrypted HTTP service (layout l7) can lead home",
        ),
        (
            mail_service(layout="l7", names=["a"], tls=CERTIFICATE, home_path="/owa/"),
            "home_path: only a decrypted HTTP service (layout l7) can lead home",
        ),
        (http_service(home_path="/"), "home_path: / would lead to itself (home_path: /owa/)"),
        (
            http_service(home_path="/ecp/"),
            "home_path: no workload of this service answers /ecp/ (it answers /microsoft-server-activesync/, /owa/)",
        ),
        # other keys
        (mail_service(redirect_from=80), "redirect_from: only HTTP services can be redirected"),
        (
            http_service(health={"workload": "owa"}),
            "health.workload: layout l7 judges every workload on its own (remove this key, or use layout l4)",
        ),
        (
            names_service(health={"workload": "owa"}),
            "health.workload: layout l4-names judges every workload on its own (remove this key, or use layout l4)",
        ),
        (
            stream_service(persistence="cookie"),
            "persistence: a cookie needs a decrypted HTTP service (layout l7) "
            "(use source, or none: Exchange 2013 and newer need no persistence)",
        ),
        (
            mail_service(layout="l7", names=["a"], tls=CERTIFICATE, persistence="cookie"),
            "persistence: a cookie needs a decrypted HTTP service (layout l7) "
            "(use source, or none: Exchange 2013 and newer need no persistence)",
        ),
    ],
)  # fmt: skip
def test_keys_that_contradict_each_other_are_a_fault(keys: dict[str, Any], fault: str) -> None:
    servers = {
        "cas1": server(1), "cas2": server(2), "mx1": {"address": "192.0.2.21", "runs": ["postfix"]}
    }  # fmt: skip
    assert faults_of({"mail": keys}, servers=servers) == [f"services.mail.{fault}"]


@pytest.mark.parametrize(
    ("workloads", "fault"),
    [
        (["web", "portal"], "services.mail.workloads: 'web' and 'portal' both own /"),
        (
            ["hidden"],
            "services.mail.workloads: 'hidden' has no paths in its template, so no request would reach it "
            "(give it paths, or use layout l4)",
        ),
    ],
)  # fmt: skip
def test_every_workload_of_a_decrypted_service_owns_paths(workloads: list[str], fault: str) -> None:
    assert faults_of({"mail": http_service(workloads=workloads)}, **OWN) == [fault]


@pytest.mark.parametrize(
    "keys",
    [
        http_service(sorry={"page": "a.html"}),
        http_service(sorry={"address": "192.0.2.99", "port": 80}),
        http_service(home_path="/OWA"),
        http_service(persistence="cookie", redirect_from=80),
        http_service(tls={"mode": "offload", **CERTIFICATE}),
        stream_service(sorry={"page": "a.html", "certificate": "mail.pem"}),
        stream_service(sorry={"address": "192.0.2.99"}),
        stream_service(
            health={"workload": "owa", "workloads": {"owa": {"port": 81, "tls": False}}}
        ),
        stream_service(persistence="source", names=["mail.contoso.example"], redirect_from=80),
        names_service(names={"imap": {"name": "imap.contoso.example", "address": "203.0.113.9"}}),
        names_service(names={"imaps": "imap.contoso.example", "pop3s": "pop.contoso.example"}),
        mail_service(layout="l7", names=["a"], tls=CERTIFICATE),
        mail_service(layout="l7", tls={"server_name": "a", **CERTIFICATE}),
        mail_service(layout="l7", tls={"verify": False, **CERTIFICATE}),
        mail_service(layout="l7", tls={"mode": "offload", **CERTIFICATE}),
    ],
)
def test_keys_that_belong_together_are_taken(keys: dict[str, Any]) -> None:
    assert service(keys).name == "mail"


def test_a_page_for_clear_http_needs_no_certificate() -> None:
    keys = stream_service(workloads=["web"], sorry={"page": "a.html"})
    assert service(keys, **OWN).sorry is not None
    assert service(http_service(workloads=["web"], home_path="/x"), **OWN).home_path == "/x"
