"""A manifest as a page for people: one file, nothing loaded from anywhere, readable in print. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from switchover.move.proof import DifferenceKind, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.move.manifest import Manifest
    from switchover.move.proof import Difference

_LEVELS = {
    Level.COUNTS: "number of mails in each folder",
    Level.PAIRS: "each mail's copy by its UIDs, with date, flags and size",
    Level.HEADERS: "header, date and flags of each mail",
    Level.BODIES: "the whole of each mail, date and flags",
}
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}caption{text-align:left;color:#57606a;padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d0d7de;overflow-wrap:anywhere}
td.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.85em;overflow-wrap:anywhere}
.verdict{padding:.75rem 1rem;border-left:.4rem solid}.good{border-color:#1a7f37;background:#eaf6ec}
.bad{border-color:#b3261e;background:#fbeceb}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.75rem}
@media print{body{max-width:none}details{display:none}}
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
        _folders(manifest),
        _differences("Differences", [one for one in proof.differences if not one.explanation]),
        _differences("Explained differences", [one for one in proof.differences if one.explanation]),
        _skipped(manifest),
        "<h2>Signed document</h2><p>The signature is over this text, not over the page.</p>",
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


def _verdict(manifest: Manifest) -> str:
    proof = manifest.proof
    faults = sum(not one.explanation for one in proof.differences)
    if faults:
        word, kind = "Not the same.", "bad"
        rest = f"{faults} differences have no explanation."
    else:
        word, kind = "The same.", "good"
        explained = len(proof.differences)
        rest = f"{explained} differences are explained below." if explained else "Nothing differs."
    return f'<p class="verdict {kind}"><strong>{word}</strong> {rest}</p>'


def _facts(manifest: Manifest, fingerprint: str) -> str:
    proof = manifest.proof
    looked_at = _LEVELS[proof.level]
    if manifest.sampled is not None:
        looked_at += f", in a sample of {manifest.sampled} mails"
    rows = (
        ("Source", manifest.source),
        ("Target", manifest.target),
        ("Time (UTC)", manifest.proved_at),
        ("Compared", f"level {int(proof.level)}: {looked_at}"),
        ("Canonical form", manifest.form),
        ("Root of the source", proof.source_root or "none at this level"),
        ("Root of the target", proof.target_root or "none at this level"),
        ("Written by", manifest.program),
        ("Key of the signature", fingerprint),
    )
    cells = "".join(f"<tr><th scope=row>{_text(a)}</th><td>{_text(b)}</td></tr>" for a, b in rows)
    return f"<table>{cells}</table>"


def _folders(manifest: Manifest) -> str:
    rows = [
        (
            one.folder,
            one.source_mails,
            one.target_mails,
            "the same" if one.is_same else "differs",
            one.source_root[:16],
            one.target_root[:16],
        )
        for one in manifest.proof.folders
    ]
    heads = (
        "Folder",
        "Mails on the source",
        "on the target",
        "Outcome",
        "Root (source)",
        "Root (target)",
    )
    return _table("Folders", heads, rows)


def _differences(title: str, found: Sequence[Difference]) -> str:
    heads = ("What", "Folder", "UID on the source", "on the target", "Source", "Target", "Why")
    rows = [
        (
            DifferenceKind(one.kind).value,
            one.folder,
            "" if one.source_uid is None else one.source_uid,
            "" if one.target_uid is None else one.target_uid,
            one.source,
            one.target,
            one.explanation,
        )
        for one in found
    ]
    return _table(title, heads, rows)


def _skipped(manifest: Manifest) -> str:
    rows = [(one.folder, one.source_uid, one.reason) for one in manifest.skipped]
    return _table("Skipped mails", ("Folder", "UID on the source", "Why"), rows)


def _table(title: str, heads: Iterable[str], rows: Sequence[Iterable[object]]) -> str:
    if not rows:
        return f"<h2>{_text(title)}</h2><p>None.</p>"
    head = "".join(f"<th scope=col>{_text(one)}</th>" for one in heads)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    caption = f"<caption>{len(rows)} in all</caption>"
    return f"<h2>{_text(title)}</h2><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td class="n">{value}</td>'
    return f"<td>{_text(value)}</td>"
