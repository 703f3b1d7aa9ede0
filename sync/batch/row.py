"""One row of a batch: what it asks to capture, in the words of the file, before anything is looked up.

A row that cannot be read is a row all the same, with its line and its problems.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from sync.errors import Problem, json_path, shown

# Beside `data`, which is the API's body. Those that are ids may be written as numbers.
TEXT_KEYS: Final = ("kind", "id", "signature", "target", "after", "owner")
_IDS: Final = frozenset({"id", "target", "after"})
_MAX_CHARS: Final = 1000  # of the longest path of an image; ids and names are far shorter
_MAX_ID_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is the first line of the row, from 1. `data` is the body of the request, None where there are problems."""

    line: int
    problems: tuple[Problem, ...] = ()
    data: Mapping[str, Any] | None = None
    kind: str | None = None
    id: str | None = None
    signature: str | None = None
    target: str | None = None
    after: str | None = None
    owner: str | None = None
    from_cells: bool = False  # then a field that has fields of its own is not one column, but several


def row_of(line: int, given: Mapping[str, Any]) -> Row:
    """The row that the object `{"kind", "id", "data", "signature", "target", "after", "owner"}` is."""
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    for key in TEXT_KEYS:
        if key in given:
            text = _text(key, given[key])
            if isinstance(text, Problem):
                problems.append(text)
            else:
                texts[key] = text
    problems += (_unknown(key) for key in given if key not in TEXT_KEYS and key != "data")
    data = given.get("data")
    if "data" not in given:
        message = 'data is missing. Put the fields of the request into it: {"data": {"companyId": 1, ...}}.'
        problems.append(Problem("$.data", "missing", message))
    elif not isinstance(data, Mapping):
        problems.append(
            Problem("$.data", "wrong_type", "data must be an object, { ... } with the fields of the request.")
        )
    if problems:
        return Row(line, tuple(problems), id=texts.get("id"))
    kind, id, signature, target, after, owner = (texts.get(key) for key in TEXT_KEYS)
    return Row(line, (), data, kind, id, signature, target, after, owner)


def _text(key: str, value: object) -> str | Problem:
    path = json_path((key,))
    if key in _IDS and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return Problem(path, "wrong_type", f"{key} must be text. Put it in quotes, or leave it out.")
    text = value.strip()
    if not text:
        return Problem(path, "empty", f"{key} is empty. Give it a value or leave it out.")
    most = _MAX_ID_CHARS if key in _IDS else _MAX_CHARS
    if len(text) > most:
        return Problem(path, "too_long", f"{key} has {len(text)} characters, and {most} are allowed.")
    if not text.isprintable():
        return Problem(path, "not_printable", f"{key} holds something that cannot be printed: {shown(text)}.")
    return text


def _unknown(key: str) -> Problem:
    known = (*TEXT_KEYS, "data")
    nearest = get_close_matches(key[:60].lower(), known, n=1)
    advice = (
        f"Did you mean {nearest[0]}?"
        if nearest
        else f"Known here: {', '.join(known)}; the fields of the request go into data."
    )
    return Problem(
        json_path((key,)), "unknown_field", f"{shown(key)} is not a field that a row has. {advice}"
    )
