"""Changes single values in a platform file's text and leaves every other character where it was.

``rewrite`` is given the values that the file shall have. It compares them with those it has, key by key
and item by item, and touches only what differs: order, blank lines, quotes, comments, line ends and
indentation of everything else stay. What it wrote is read again and compared with what was wanted: what
can not be written rightly is refused.

What can not stay: comments inside a value that is written anew, and those inside what is removed.
``Rewritten.lost_comments`` holds them. A comment above an entry stays even when the entry goes. Where a value
is shared by an anchor and only one of its users changes, the others are written out (``written_out``).
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from switchover.errors import Conflict, InvalidInput
from switchover.model.platform_file.splice import Splices
from switchover.model.platform_file.syntax import (
    Item,
    Kind,
    Node,
    aliases_of,
    anchors_of,
    comments_of,
    read_syntax,
)
from switchover.model.platform_file.tree import Path, read_kept_tree
from switchover.model.platform_file.writing import entry_lines, flow, json_text, key_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BYTE_ORDER_MARK = "\ufeff"
LINES_BELOW = {"services": 1, "templates": 3}
"""How deep mappings below a section stand in lines by custom; servers are one line each."""
_BLOCK = 2
"""The depth of a single server or service: what is written anew when parts of it can not be."""
_KINDS: dict[object, Kind] = {dict: Kind.MAPPING, list: Kind.SEQUENCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """The new text.

    ``lost_comments`` could not be kept, in the order of the old text; ``written_out`` are the anchors
    whose value is no longer shared.
    """

    text: str
    lost_comments: tuple[str, ...] = ()
    written_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Which entries of a collection stay, with their new value, and what is new after which of them.

    ``added`` is keyed by the position of a kept entry, -1 for the beginning.
    """

    kept: dict[int, Any]
    added: dict[int, list[tuple[str, Any]]]


def rewrite(
    text: str, wanted: Mapping[str, Any], *, renamed: Mapping[Path, str] | None = None
) -> Rewritten:
    """Return ``text`` changed so that it reads as ``wanted``.

    ``renamed`` gives keys another name where the entry stays otherwise: old path to new last part;
    ``wanted`` holds the new names. Raises InvalidInput for a text that can not be read, Conflict where
    the change can not be made without changing more.
    """
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    body = text.removeprefix(BYTE_ORDER_MARK)
    found = read_kept_tree(body).value
    old = {} if found is None else found
    if not isinstance(old, dict):
        raise InvalidInput("the file must be a mapping of keys")
    if same(old, wanted):
        return Rewritten(text=text)
    root = read_syntax(body)
    shared = _shared_by_changed(root, old, wanted)
    for depth, apart in ((None, ()), (_BLOCK, ()), (None, shared), (_BLOCK, shared)):
        work = _Rewriter(body, root, renamed or {}, deepest=depth, apart=frozenset(apart))
        work.change_root(old, wanted)
        result = work.splices.result()
        if _reads_as(result, wanted):
            gone = [note for at, note in comments_of(body, root) if work.splices.removes(at)]
            return Rewritten(
                text=mark + result, lost_comments=tuple(gone), written_out=tuple(apart)
            )
    raise Conflict(
        "the platform file is written in a way that can not be changed in part; change the text itself"
    )


def same(one: object, other: object) -> bool:
    """True when two plain values are the same in a file: ``1`` is not ``true``, but is ``1.0``."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _reads_as(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return same(read_kept_tree(text).value, wanted)
    except InvalidInput:
        return False


def _shared_by_changed(
    root: Node | None, old: Mapping[str, Any], wanted: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the anchors that stand in a server, service or other part that changes, and are used."""
    found: list[str] = []
    for section in root.items if root else ():
        before, after = old.get(section.name), wanted.get(section.name)
        if same(before, after):
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            found += [section.value.anchor] if section.value.anchor else []
            for item in section.value.items:
                if not same(before.get(item.name), after.get(item.name)):
                    found += anchors_of(item.value)
        else:
            found += anchors_of(section.value)
    used = aliases_of(root)
    return tuple(dict.fromkeys(name for name in found if name in used))


class _Rewriter:
    """Collects the splices of one attempt.

    ``deepest`` is the depth below which all is written anew, ``apart`` are the anchors whose aliases are
    written out.
    """

    def __init__(
        self,
        text: str,
        root: Node | None,
        renamed: Mapping[Path, str],
        *,
        deepest: int | None,
        apart: frozenset[str],
    ) -> None:
        self.text = text
        self.root = root
        self.renamed = renamed
        self.deepest = deepest
        self.apart = apart
        self.splices = Splices(text)
        self.step = _step(root, self.splices)
        self.short = json_text if _is_json(text, root) else flow

    def change_root(self, old: dict[str, Any], new: Mapping[str, Any]) -> None:
        if self.root is not None and self.root.items and self._go_on(self.root, old, dict(new), ()):
            return
        lines = [
            line
            for key, value in new.items()
            for line in entry_lines(
                key, value, column=0, step=self.step, levels=1 + LINES_BELOW.get(key, 0)
            )
        ]
        if self.root is not None and self.root.end > self.root.start:
            self.splices.replace(self.root.start, self.root.end, "\n".join(lines))
        else:
            self.splices.insert_lines(len(self.text), lines)

    def _change(self, item: Item, old: Any, new: Any, path: Path, *, parent: Node) -> None:
        node = item.value
        if same(old, new):
            self._write_out(node, old)
            return
        is_collection = node.kind is _KINDS.get(type(old)) is _KINDS.get(type(new))
        may_go_on = self.deepest is None or len(path) < self.deepest
        if is_collection and may_go_on and self._go_on(node, old, new, path):
            return
        self._write_anew(item, new, path, parent=parent)

    def _write_out(self, node: Node, value: Any) -> None:
        """Put its value in the place of each alias that must not share any more."""
        if not self.apart:
            return
        if node.kind is Kind.ALIAS and node.anchor in self.apart:
            self.splices.replace(node.start, node.end, self.short(value))
        for position, item in enumerate(node.items):
            self._write_out(item.value, value[item.name] if item.key else value[position])

    def _go_on(self, node: Node, old: Any, new: Any, path: Path) -> bool:
        """Change a collection entry by entry; False when nothing of it stays."""
        plan = (
            self._plan_mapping(node, new, path) if isinstance(new, dict) else _plan_list(old, new)
        )
        if not plan.kept:
            return False
        for position, value in plan.kept.items():
            item = node.items[position]
            before = old[item.name] if item.key else old[position]
            self._change(item, before, value, (*path, item.name or position), parent=node)
        if node.is_flow:
            self._entries_in_braces(node, plan)
        else:
            self._entries_in_lines(node, plan, path)
        return True

    def _plan_mapping(self, node: Node, new: dict[str, Any], path: Path) -> _Plan:
        positions: dict[str, int] = {}
        for position, item in enumerate(node.items):
            name = self.renamed.get((*path, item.name), item.name)
            positions[name] = position
            if name != item.name and name in new and item.key is not None:
                self.splices.replace(item.key.start, item.key.end, key_text(name))
        added: dict[int, list[tuple[str, Any]]] = {}
        after = -1
        for key, value in new.items():
            if key in positions:
                after = positions[key]
            else:
                added.setdefault(after, []).append((key, value))
        return _Plan(
            kept={place: new[key] for key, place in positions.items() if key in new}, added=added
        )

    def _entries_in_braces(self, node: Node, plan: _Plan) -> None:
        items, last = node.items, max(plan.kept)
        for position in range(last):
            if position not in plan.kept:
                self.splices.replace(items[position].start, items[position + 1].start, "")
        self.splices.replace(items[last].value.end, items[-1].value.end, "")
        between = self._between(node)
        for after, entries in plan.added.items():
            texts = [self._entry_in_braces(key, value) for key, value in entries]
            if after < 0:
                text = "".join(f"{entry}{between}" for entry in texts)
                self.splices.insert(items[0].start, text)
            else:
                text = "".join(f"{between}{entry}" for entry in texts)
                self.splices.insert(items[after].value.end, text)

    def _entry_in_braces(self, key: str, value: Any) -> str:
        return self.short({key: value})[1:-1] if key else self.short(value)

    def _between(self, node: Node) -> str:
        """Return what parts two entries in braces: a line end where they stand one a line."""
        first = node.items[0].start
        if any(self.splices.line_start(item.start) <= node.start for item in node.items):
            return ", "
        return f",{self.splices.line_end}{' ' * self.splices.column(first)}"

    def _entries_in_lines(self, node: Node, plan: _Plan, path: Path) -> None:
        items, column = node.items, self.splices.column(node.items[0].start)
        whole = _Lines(self.splices, node)
        whole.remove([place for place in range(len(items)) if place not in plan.kept])
        for after, entries in plan.added.items():
            lines: list[str] = []
            for key, value in entries:
                if key:
                    levels = self._levels((*path, key), node)
                    lines += entry_lines(
                        key, value, column=column, step=self.step, levels=levels
                    )  # fmt: skip
                else:
                    lines.append(f"{' ' * column}- {flow(value)}")
            self.splices.insert_lines(whole.place_after(after, min(plan.kept)), lines)

    def _levels(self, path: Path, parent: Node | None) -> int:
        """Return how deep a new entry stands in lines: as its neighbours do, else by custom."""
        section = str(path[0])
        if len(path) == 1:
            return 1 + LINES_BELOW.get(section, 0)
        if len(path) > _BLOCK:
            return 0
        neighbours = [item.value for item in parent.items if item.value.items] if parent else []
        if neighbours:
            return 0 if neighbours[-1].is_flow else 1
        return LINES_BELOW.get(section, 0)

    def _write_anew(self, item: Item, new: Any, path: Path, *, parent: Node) -> None:
        node = item.value
        in_lines = bool(node.items) and not node.is_flow
        if item.key is None or parent.is_flow:
            self.splices.replace(node.start, node.end, self.short(new))
            return
        column, colon = self.splices.column(item.start), self.splices.after_colon(item.key.end)
        if new in ({}, []) and in_lines:
            self.splices.insert(colon, f" {flow(new)}")
            _Lines(self.splices, node).remove(range(len(node.items)))
            return
        levels = 1 if in_lines and len(path) == _BLOCK else 0
        if not node.items and len(path) < _BLOCK:
            levels = self._levels(path, None)
        lines = list(
            entry_lines(str(path[-1]), new, column=column, step=self.step, levels=levels)
        )  # fmt: skip
        if len(lines) == 1:
            self.splices.replace(colon, node.end, f" {flow(new)}")
        elif in_lines:
            begin = self.splices.next_line(colon)
            self.splices.replace(begin, self.splices.block_end(node.end, column), "")
            self.splices.insert_lines(begin, lines[1:])
        else:
            self.splices.replace(colon, node.end, "")
            self.splices.insert_lines(self.splices.next_line(node.end), lines[1:])


class _Lines:
    """The entries of a collection that stands in lines."""

    def __init__(self, splices: Splices, node: Node) -> None:
        self.splices = splices
        self.items = node.items
        self.column = splices.column(node.items[0].start)
        begin = node.items[0].start
        self.shares_line = not splices.is_first_in_line(begin)
        """The first entry stands behind a dash: ``- name: cas1``."""

    def end(self, position: int) -> int:
        return self.splices.block_end(self.items[position].value.end, self.column)

    def remove(self, positions: Iterable[int]) -> None:
        gone = set(positions)
        first = min(set(range(len(self.items))) - gone, default=len(self.items))
        if self.shares_line and 0 in gone and first < len(self.items):
            self.splices.replace(self.items[0].start, self.items[first].start, "")
            gone -= set(range(first))
        for position in gone:
            begin = self.splices.line_start(self.items[position].start)
            self.splices.replace(begin, self.end(position), "")

    def place_after(self, position: int, first_kept: int) -> int:
        """Return where lines go after the entry; before the first one for -1, where that can be."""
        if position < 0 and not self.shares_line:
            return self.splices.line_start(self.items[0].start)
        return self.end(first_kept if position < 0 else position)


def _plan_list(old: list[Any], new: list[Any]) -> _Plan:
    kept: dict[int, Any] = {}
    added: dict[int, list[tuple[str, Any]]] = {}
    matcher = SequenceMatcher(None, list(map(repr, old)), list(map(repr, new)), autojunk=False)
    for _, begin, end, new_begin, new_end in matcher.get_opcodes():
        both = min(end - begin, new_end - new_begin)
        for offset in range(both):
            kept[begin + offset] = new[new_begin + offset]
        if rest := new[new_begin + both : new_end]:
            added[begin + both - 1] = [("", value) for value in rest]
    return _Plan(kept=kept, added=added)


def _is_json(text: str, root: Node | None) -> bool:
    if root is None or not root.is_flow or not root.items:
        return False
    return text.startswith('"', root.items[0].start)


def _step(root: Node | None, splices: Splices) -> int:
    """Return by how much the file indents: as its first section does, else by two."""
    for item in root.items if root else ():
        inner = item.value
        if inner.items and not inner.is_flow and inner.kind is Kind.MAPPING:
            by = splices.column(inner.items[0].start) - splices.column(item.start)
            if by > 0:
                return by
    return 2
