"""Reads what a browser posts: texts to values, files to the uploads that wait for their form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.datastructures import UploadFile

from switchover.edges.api.limits import MAX_FIELDS, MAX_FORM_BYTES
from switchover.edges.console.form.field import FieldFault, entries
from switchover.edges.console.form.upload import (
    MAX_FILE_BYTES,
    Uploads,
    describe,
    file_name,
    joined,
)
from switchover.edges.console.form.values import Values
from switchover.edges.console.replaced_file import TICK
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.edges.console.access import Person
from switchover.edges.console.form.field import FormField

ANY_FILE = "any"
"""What a field takes that is no key of the file: files of any kind, each under its own name."""
FILE_PREFIX = "file."
UPLOAD_PREFIX = "upload."
REFUSED_PREFIX = "refused."
"""Why files of a field were not kept; made here, never taken from a browser."""
NOT_SHOWN_AGAIN = frozenset({"csrf", "action", "reason", TICK})


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file that waits for its form, as a page may tell of it; ``facts`` or ``fault`` is "".

    ``field`` is the field it was sent for.
    """

    key: str
    field: str
    name: str
    facts: str
    fault: str


def find_uploads(request: Request) -> Uploads:
    """Return the files that wait for their forms."""
    found: Uploads = request.app.state.uploads
    return found


async def read_posted(request: Request, person: Person, fields: Iterable[FormField] = ()) -> Values:
    """Return the posted texts. Files that came with them are kept and their fields name them.

    A file that is too large, or for which there is no room, becomes a fault of its field.
    """
    form = await request.form(max_fields=MAX_FIELDS, max_part_size=MAX_FORM_BYTES)
    values = Values.of(
        (name, text)
        for name, text in form.multi_items()
        if isinstance(text, str) and not name.startswith(REFUSED_PREFIX)
    )
    for field in fields:
        parts = [
            (sent.filename, await sent.read(MAX_FILE_BYTES + 1))
            for sent in form.getlist(f"{FILE_PREFIX}{field.name}")
            if isinstance(sent, UploadFile) and sent.filename
        ]
        whole = (
            parts if field.takes == ANY_FILE or not parts else [joined(parts, takes=field.takes)]
        )
        for name, content in whole:
            values = _keep(find_uploads(request), person, values, field, name, content)
    return values


def _keep(
    uploads: Uploads, person: Person, values: Values, field: FormField, sent: str, content: bytes
) -> Values:
    named = [] if field.takes == ANY_FILE else entries(field, values.get(field.name))
    # Who typed a name wants the file under that name; who did not, under its own.
    name = named[0] if len(named) == 1 else file_name(sent)
    owner, kept = person.account.id, f"{UPLOAD_PREFIX}{field.name}"
    held = {key: uploads.find(owner, key) for key in values.all(kept)}
    replaced = [key for key, found in held.items() if found is not None and found.name == name]
    try:
        key = uploads.keep(owner, name, content, instead_of=replaced)
    except InvalidInput as error:
        refused = f"{REFUSED_PREFIX}{field.name}"
        return values.with_texts(**{refused: [*values.all(refused), str(error)]})
    names = named if name in named else [*named, name]
    others = [key for key, found in held.items() if found is not None and found.name != name]
    return values.with_texts(**{field.name: ["\n".join(names)], kept: [*others, key]})


def sent_files(
    uploads: Uploads, person: Person, values: Values, fields: Iterable[FormField]
) -> tuple[list[SentFile], list[FieldFault]]:
    """Return the files that wait for this form, and a fault for each that is refused, unusable or forgotten.

    A file whose name was taken out of its field is not part of the form any more.
    """
    files: list[SentFile] = []
    faults: list[FieldFault] = []
    for field in fields:
        refused = values.all(f"{REFUSED_PREFIX}{field.name}")
        faults += [FieldFault(field=field.name, message=message) for message in refused]
        for key in values.all(f"{UPLOAD_PREFIX}{field.name}"):
            found = uploads.find(person.account.id, key)
            if found is None:
                message = "the file that was sent is not kept any more"
                faults.append(FieldFault(field=field.name, message=message, hint="choose it again"))
                continue
            named = entries(field, values.get(field.name))
            if field.takes != ANY_FILE and found.name not in named:
                continue
            facts, fault = describe(found.content, name=found.name, takes=field.takes)
            files.append(
                SentFile(key=key, field=field.name, name=found.name, facts=facts, fault=fault)
            )
            if fault:
                faults.append(FieldFault(field=field.name, message=fault))
    return files, faults


def contents(uploads: Uploads, person: Person, files: Iterable[SentFile]) -> Mapping[str, bytes]:
    """Return what the files hold, by the name the platform file gives them."""
    found = {item.name: uploads.find(person.account.id, item.key) for item in files}
    return {name: upload.content for name, upload in found.items() if upload is not None}


def hidden_pairs(values: Values) -> list[tuple[str, str]]:
    """Return the texts that a page carries on, so that whoever comes back finds them."""
    return [(name, text) for name, text in values.pairs() if name not in NOT_SHOWN_AGAIN]
