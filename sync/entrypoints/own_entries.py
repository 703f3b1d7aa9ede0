"""Which entries somebody may name: other people's are to them as if they were not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.errors import InputRefused, Problem, shown
from sync.references import references

if TYPE_CHECKING:
    from storage.database import Transaction
    from sync.capture import Input
    from sync.visitor import Visitor

_LOCAL = "local:"


def foreign_names(transaction: Transaction, visitor: Visitor, given: Input) -> list[Problem]:
    """What is wrong with the entries that an input hangs on, for somebody who does not see all of them."""
    if visitor.everyone:
        return []
    named: list[tuple[str, str, str]] = []
    if given.target is not None and given.target.startswith(_LOCAL):
        named.append(("--target", "target", given.target))
    if given.after is not None:
        named.append(("--after", "after", given.after))
    named += [(path, "reference", name) for path, name in _in_body(given.data)]
    problems = (_problem(transaction, visitor, *each) for each in named)
    return [problem for problem in problems if problem is not None]


def _in_body(data: bytes | tuple[Problem, ...]) -> list[tuple[str, str]]:
    from sync.errors import json_path
    from sync.json_input import read_json

    if not isinstance(data, bytes):
        return []
    try:
        return [(json_path(where), name) for where, name in references(read_json(data))]
    except InputRefused:
        return []  # it is refused for that


def _problem(transaction: Transaction, visitor: Visitor, path: str, what: str, text: str) -> Problem | None:
    from storage import chains
    from storage.queries import Reader

    name = text.removeprefix(_LOCAL)
    found = chains.find(transaction, name)
    reader = Reader(transaction.cursor)
    # Of what was removed nobody knows any more whose it was: then its whole id has to be known.
    theirs = [
        parent
        for parent in found
        if (parent.id == name.strip().lower() if parent.purged else visitor.sees(reader.owner_of(parent.id)))
    ]
    if len(found) == 1 and theirs:
        return None
    place = "" if path.startswith("--") else f"{path.removeprefix('$.')} "
    if not theirs:
        message = f"{place}names {shown(name)}, and no entry's id ends in that."
        return Problem(path, f"{what}_unknown", message)
    several = f"{place}names {shown(name)}, which several entries end in. Give the whole id."
    return Problem(path, f"{what}_ambiguous", several)
