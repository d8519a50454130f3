"""The fields of a service: every key of the platform file that has a place of its own in the form.

What has none (``timeouts``, ``health.workloads``) is written in the field ``more``, as in the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from switchover.edges.console.form.field import FormField, Kind
from switchover.model.platform_file.spec import (
    Layout,
    LogDepth,
    PersistenceKind,
    Scheduler,
    TlsMode,
)
from switchover.model.platform_file.spec_health import HealthProfile, OnDown

_L7 = frozenset({Layout.L7})
_UNDECRYPTED = frozenset({Layout.L4, Layout.L4_NAMES})
_L4 = frozenset({Layout.L4})
_ONE_NAMESPACE = frozenset({Layout.L4, Layout.L7})
_BY_DEFAULT = ("", "By default")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldGroup:
    """Fields that stand together; ``key`` names the group in the page."""

    key: str
    title: str
    fields: tuple[FormField, ...]
    line: str = ""


WHERE = FieldGroup(
    key="where",
    title="Where clients connect",
    fields=(
        FormField(
            path=("address",),
            title="Address",
            placeholder="203.0.113.10",
            hint="An IPv4 or IPv6 address of this machine.",
            needed="give the address that clients connect to, such as 203.0.113.10",
        ),
        FormField(
            path=("port",),
            title="Port",
            kind=Kind.NUMBER,
            placeholder="443",
            needed="give the port that clients connect to: 443 for webmail, 993 for IMAP over TLS",
        ),
        FormField(path=("title",), title="Title", hint="For people; the name where it is empty."),
        FormField(
            path=("redirect_from",),
            title="Send from port to https",
            kind=Kind.NUMBER,
            placeholder="80",
            hint="Who types the name without https is led there.",
        ),
    ),
)
NAMES = FormField(
    path=("names",),
    title="Host names",
    kind=Kind.LIST,
    placeholder="mail.contoso.example",
    hint="One on a line. Checks and certificates need them in layout l7.",
    layouts=_ONE_NAMESPACE,
)
TLS = FieldGroup(
    key="tls",
    title="Certificates",
    line="Layout l7 shows this certificate to clients and encrypts again towards the servers.",
    fields=(
        FormField(
            path=("tls", "certificate"),
            title="Certificate shown to clients",
            kind=Kind.FILES,
            placeholder="mail.pem",
            hint="PEM: certificate, chain and key, in one file or several. With Extended Protection: the "
            "servers' own.",
            layouts=_L7,
            takes="certificate",
        ),
        FormField(
            path=("tls", "server_ca"),
            title="Authority of the servers' certificates",
            placeholder="ca.pem",
            hint="PEM. Empty: the authorities that this machine trusts.",
            layouts=_L7,
            takes="authority",
        ),
        FormField(
            path=("tls", "mode"),
            title="Towards the servers",
            kind=Kind.CHOICE,
            choices=(
                _BY_DEFAULT,
                (TlsMode.RE_ENCRYPT.value, "Encrypt again"),
                (TlsMode.OFFLOAD.value, "In the clear (offload)"),
            ),
            layouts=_L7,
        ),
        FormField(
            path=("tls", "server_name"),
            title="Name asked for at the servers",
            placeholder="mail.contoso.example",
            hint="Empty: the first host name.",
            layouts=_L7,
        ),
        FormField(
            path=("tls", "minimum"),
            title="Oldest TLS version",
            kind=Kind.CHOICE,
            choices=(_BY_DEFAULT, ("1.2", "TLS 1.2"), ("1.3", "TLS 1.3")),
            layouts=_L7,
        ),
        FormField(
            path=("tls", "verify"),
            title="Verify the servers' certificates",
            kind=Kind.SWITCH_ON,
            layouts=_L7,
        ),
    ),
)
BALANCING = FieldGroup(
    key="balancing",
    title="How clients are shared out",
    fields=(
        FormField(
            path=("scheduler",),
            title="Scheduler",
            kind=Kind.CHOICE,
            choices=(
                ("", "By default: least connections"),
                (Scheduler.LEAST_CONNECTIONS.value, "Least connections"),
                (Scheduler.ROUND_ROBIN.value, "Round robin"),
                (Scheduler.WEIGHTED.value, "Weighted"),
                (Scheduler.SOURCE_HASH.value, "Source hash"),
                (Scheduler.FIRST_AVAILABLE.value, "First available"),
            ),
            hint="Least connections suits mail: its connections live long.",
        ),
        FormField(
            path=("persistence", "kind"),
            title="Persistence",
            kind=Kind.CHOICE,
            choices=(
                ("", "By default: none"),
                (PersistenceKind.NONE.value, "None"),
                (PersistenceKind.SOURCE.value, "Source address"),
                (PersistenceKind.COOKIE.value, "Cookie (decrypted HTTP)"),
            ),
            hint="Exchange 2013 and newer need none.",
        ),
        FormField(
            path=("persistence", "expire"),
            title="Tie holds without use",
            kind=Kind.DURATION,
            placeholder="30m",
        ),
        FormField(
            path=("persistence", "size"),
            title="Clients remembered",
            kind=Kind.NUMBER,
            placeholder="100000",
        ),
    ),
)
HEALTH = FieldGroup(
    key="health",
    title="Health checks",
    line="Each workload's template knows what to ask. Here is how often, and what follows.",
    fields=(
        FormField(
            path=("health", "profile"),
            title="Timing",
            kind=Kind.CHOICE,
            choices=(
                ("", "By default: every 2 s, out after 2 failures"),
                (HealthProfile.DEFAULT.value, "Default: every 2 s"),
                (HealthProfile.FAST.value, "Fast: every 0.8 s"),
            ),
        ),
        FormField(
            path=("health", "workload"),
            title="Workload that speaks for the server",
            placeholder="all",
            hint="In layout l4 one verdict counts: of all workloads, or of this one.",
            layouts=_L4,
        ),
        FormField(
            path=("health", "interval"), title="Interval", kind=Kind.DURATION, placeholder="2s"
        ),
        FormField(
            path=("health", "timeout"), title="Timeout", kind=Kind.DURATION, placeholder="2s"
        ),
        FormField(
            path=("health", "fast_interval"),
            title="Interval while in doubt",
            kind=Kind.DURATION,
            placeholder="500ms",
        ),
        FormField(
            path=("health", "fall"),
            title="Failures until out",
            kind=Kind.NUMBER,
            placeholder="2",
        ),
        FormField(
            path=("health", "rise"),
            title="Successes until back",
            kind=Kind.NUMBER,
            placeholder="2",
        ),
        FormField(
            path=("health", "observe"),
            title="Failing traffic hurries the next check",
            kind=Kind.THREE_WAY,
            choices=(("", "By default: yes"), ("yes", "Yes"), ("no", "No")),
        ),
        FormField(
            path=("health", "on_down"),
            title="Connections of a failed server",
            kind=Kind.CHOICE,
            choices=(
                _BY_DEFAULT,
                (OnDown.KEEP.value, "Keep them"),
                (OnDown.CLOSE.value, "Close them"),
            ),
        ),
    ),
)
SORRY = FieldGroup(
    key="sorry",
    title="When no server is left",
    line="A page for people with a browser, or the address of a server that apologises.",
    fields=(
        FormField(
            path=("sorry", "page"),
            title="Sorry page",
            placeholder="sorry.html",
            hint="HTML, at most 15,000 bytes.",
            takes="page",
        ),
        FormField(path=("sorry", "address"), title="Sorry server", placeholder="192.0.2.99"),
        FormField(path=("sorry", "port"), title="Its port", kind=Kind.NUMBER, placeholder="80"),
        FormField(
            path=("sorry", "certificate"),
            title="Certificate for the sorry page",
            placeholder="mail.pem",
            hint="Needed where nothing is decrypted.",
            layouts=_UNDECRYPTED,
            takes="certificate",
        ),
    ),
)
LIMITS = FieldGroup(
    key="limits",
    title="Limits, sources and details",
    fields=(
        FormField(
            path=("limits", "connections"), title="Open connections at once", kind=Kind.NUMBER
        ),
        FormField(
            path=("limits", "connections_per_source"),
            title="Of one client address",
            kind=Kind.NUMBER,
        ),
        FormField(
            path=("limits", "rate_per_source"),
            title="New ones of one address in 10 s",
            kind=Kind.NUMBER,
        ),
        FormField(
            path=("allow",),
            title="Only these sources",
            kind=Kind.LIST,
            placeholder="192.0.2.0/24",
        ),
        FormField(
            path=("deny",), title="Not these sources", kind=Kind.LIST, placeholder="192.0.2.0/24"
        ),
        FormField(
            path=("allow_restricted",),
            title="Sources for restricted workloads",
            kind=Kind.LIST,
            placeholder="192.0.2.0/24",
            hint="Exchange's ecp and powershell are meant for administrators.",
        ),
        FormField(
            path=("home_path",),
            title="Where / leads",
            placeholder="/owa/",
            layouts=_L7,
        ),
        FormField(
            path=("http2",),
            title="HTTP/2 to clients",
            kind=Kind.THREE_WAY,
            choices=(
                ("", "By default: not with Windows sign-in"),
                ("yes", "Offer it"),
                ("no", "Do not offer it"),
            ),
            layouts=_L7,
        ),
        FormField(
            path=("log",),
            title="The engine reports",
            kind=Kind.CHOICE,
            choices=(
                ("", "By default: errors"),
                (LogDepth.ERRORS.value, "Errors"),
                (LogDepth.ALL.value, "All"),
            ),
        ),
        FormField(
            path=("accept_proxy",),
            title="Clients come through a balancer that sends the PROXY protocol",
            kind=Kind.SWITCH,
        ),
    ),
)
GROUPS = (WHERE, TLS, BALANCING, HEALTH, SORRY, LIMITS)
FIELDS: tuple[FormField, ...] = (NAMES, *(field for group in GROUPS for field in group.fields))
