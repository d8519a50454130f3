"""A manifest as a page for people: one file, nothing loaded from anywhere, readable in print. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from switchover.move.difference import DifferenceKind, Level
from switchover.move.manifest import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.move.difference import Difference
    from switchover.move.manifest import LeftOut, Manifest
    from switchover.move.proof import FolderProof

_FORMS = {
    "exact": "exact: every byte",
    "lines": "lines: every byte, with line ends and NUL in one form",
    "structure": "structure: sender, date, subject, text and attachments, however the server wraps them",
}
_LEVELS = {
    Level.COUNTS: "number of mails in each folder",
    Level.PAIRS: "each mail's copy by its UIDs, with date, flags and size",
    Level.HEADERS: "header, date and flags of each mail",
    Level.BODIES: "the whole of each mail, date and flags",
}
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--dim:#57606a;--line:#d0d7de;--good:#1a7f37;--bad:#b3261e;
--wait:#8a6100;--wash:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--paper:#14171b;--dim:#9aa4af;--line:#343b44;--good:#4ac26b;
--bad:#ff7b72;--wait:#e3b341;--wash:#1d2229}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:74rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;line-height:1.3;margin:0 0 1rem}h2{font-size:1.1rem;margin:2.2rem 0 .4rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--dim);padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line)}
td{overflow-wrap:anywhere}thead th{color:var(--dim);font-weight:600;white-space:nowrap}
.facts th{width:12rem;color:var(--dim);font-weight:400;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.root{font:12px/1.6 ui-monospace,monospace}
.verdict{padding:.8rem 1rem;border-left:.35rem solid var(--tone);background:var(--wash)}
.verdict strong{color:var(--tone)}.good{--tone:var(--good)}.bad{--tone:var(--bad)}.wait{--tone:var(--wait)}
td.good,td.bad,td.wait{color:var(--tone);white-space:nowrap}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:12px/1.5 ui-monospace,monospace;background:var(--wash);padding:1rem}
p.none{color:var(--dim);margin:.2rem 0}
@media print{:root{--ink:#000;--paper:#fff;--dim:#444;--line:#bbb;--good:#1a7f37;--bad:#b3261e;--wait:#8a6100;--wash:#f4f4f4}
body{max-width:none;margin:0;font-size:10pt}details{display:none}tr{break-inside:avoid}h2{break-after:avoid}.scroll{overflow:visible}}
"""
# No script, no picture, no font, no form: even a name that escaped escaping could load nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def manifest_page(manifest: Manifest, document: bytes, fingerprint: str) -> str:
    """Return the page; ``document`` is the signed JSON, which is put into it whole."""
    proof = manifest.proof
    return "\n".join((
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{_text(_title(manifest))}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(_title(manifest))}</h1>",
        _verdict(manifest),
        _facts(manifest, fingerprint),
        _differences("Differences", [one for one in proof.differences if not one.explanation]),
        _differences("Explained differences", [one for one in proof.differences if one.explanation]),
        _skipped(manifest),
        _folders(manifest),
        _left_out("Not compared", manifest.left_out),
        _left_out("Not finished", manifest.unfinished),
        "<h2>Signed document</h2><p>The signature is over this text, not over the page. "
        "<code>switchover verify --check FILE</code> checks it.</p>",
        f"<details><summary>JSON</summary><pre>{_text(document.decode('ascii'))}</pre></details>",
        "</body></html>\n",
    ))  # fmt: skip


def _title(manifest: Manifest) -> str:
    return f"Proof of the copy from {manifest.source} to {manifest.target}"


def _text(value: object) -> str:
    """Return text that is safe in HTML; control characters and broken names are shown, not used."""
    raw = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in raw)
    return escape(shown, quote=True)


_TONES = {Verdict.SAME: "good", Verdict.DIFFERENT: "bad", Verdict.UNFINISHED: "wait"}


def _verdict(manifest: Manifest) -> str:
    proof = manifest.proof
    faults = sum(not one.explanation for one in proof.differences)
    explained = len(proof.differences) - faults
    said = []
    if faults:
        said.append(f"{_counted(faults, 'difference')} without an explanation.")
    if explained:
        said.append(f"{_counted(explained, 'difference')} explained below.")
    if manifest.unfinished:
        said.append(f"{_counted(len(manifest.unfinished), 'folder')} not finished.")
    words = " ".join(said) or "Nothing differs."
    verdict = manifest.verdict
    name = f"{verdict[0].upper()}{verdict[1:]}."
    return f'<p class="verdict {_TONES[verdict]}"><strong>{name}</strong> {words}</p>'


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _facts(manifest: Manifest, fingerprint: str) -> str:
    proof = manifest.proof
    looked_at = _LEVELS[proof.level]
    if manifest.sampled is not None:
        looked_at += f", in a sample of {manifest.sampled} mails"
    mails = sum(one.source_mails for one in proof.folders)
    rows = (
        ("Source", manifest.source),
        ("Target", manifest.target),
        ("Time (UTC)", manifest.proved_at),
        ("Compared", f"level {int(proof.level)}: {looked_at}"),
        ("Size", f"{_counted(mails, 'mail')} in {_counted(len(proof.folders), 'folder')}"),
        ("Canonical form", _FORMS.get(manifest.form, manifest.form)),
        ("Mails matched by", "the ledger of the copy" if manifest.has_ledger else "what they show"),
        ("Root of the source", proof.source_root or "none at this level"),
        ("Root of the target", proof.target_root or "none at this level"),
        ("Written by", manifest.program),
        ("Key of the signature", fingerprint),
    )
    cells = "".join(f"<tr><th scope=row>{_text(a)}</th><td>{_text(b)}</td></tr>" for a, b in rows)
    return f'<table class="facts">{cells}</table>'


def _folders(manifest: Manifest) -> str:
    heads = (
        "Folder",
        "On the target",
        "Mails",
        "There",
        "Outcome",
        "Root (source)",
        "Root (target)",
    )
    rows = [
        (
            one.folder,
            "" if one.target == one.folder else one.target,
            one.source_mails,
            one.target_mails,
            _outcome(one),
            _Styled(one.source_root[:16], "root"),
            _Styled("" if one.source_root == one.target_root else one.target_root[:16], "root"),
        )
        for one in manifest.proof.folders
    ]
    return _table("Folders", heads, rows)


class _Styled(NamedTuple):
    """A cell with a style of its own; the words say it too, never the colour alone."""

    words: str
    style: str


def _outcome(one: FolderProof) -> _Styled:
    if one.faults:
        return _Styled("differs", "bad")
    return _Styled("explained", "wait") if one.explained else _Styled("the same", "good")


def _differences(title: str, found: Sequence[Difference]) -> str:
    heads = ("What", "Folder", "UID", "There", "Mail", "Source", "Target", "Why")
    rows = [
        (
            DifferenceKind(one.kind).value,
            one.folder,
            "" if one.source_uid is None else one.source_uid,
            "" if one.target_uid is None else one.target_uid,
            " ".join(filter(None, (one.subject, one.message_id))),
            one.source,
            one.target,
            one.explanation or one.hint,
        )
        for one in found
    ]
    return _table(title, heads, rows)


def _left_out(title: str, found: Sequence[LeftOut]) -> str:
    if not found:
        return ""
    return _table(title, ("Folder", "Why"), [(one.folder, one.reason) for one in found])


def _skipped(manifest: Manifest) -> str:
    rows = [(one.folder, one.source_uid, one.reason) for one in manifest.skipped]
    return _table("Skipped mails", ("Folder", "UID on the source", "Why"), rows)


def _table(title: str, heads: Iterable[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return f'<h2>{_text(title)}</h2><p class="none">None.</p>'
    numbers = [isinstance(cell, int) for cell in rows[0]]
    head = "".join(
        f"<th scope=col{' class=n' if is_number else ''}>{_text(one)}</th>"
        for one, is_number in zip(heads, numbers, strict=True)
    )
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<h2>{_text(title)}</h2><div class="scroll"><table><caption>{len(rows):,} in all</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: object) -> str:
    match value:
        case int():
            return f'<td class="n">{value:,}</td>'
        case _Styled():
            return f'<td class="{value.style}">{_text(value.words)}</td>'
        case _:
            return f"<td>{_text(value)}</td>"
