"""Which columns a CSV may have, and what a cell in each of them means: read off the payload models of the kinds.

A column is named by the path of its field, such as `companyId` or `provider.firstName`. What a cell holds becomes the
type that its field has; where it cannot, it stays text, and the check of the payload says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sync.dependencies import LOCAL
from sync.operations import OPERATIONS, by_kind
from sync.references import REFERENCE_KEY

LIST_SEPARATOR: Final = ";"
# Further digits are for the check of the payload to refuse, and Python refuses to read thousands.
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,400}")
# Excel writes what its language has.
_FLAGS: Final = {"true": True, "false": False, "vrai": True, "faux": False}


class Cell(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    FLAG = "true or false"
    INTEGERS = f"integers, with {LIST_SEPARATOR} between them"
    TEXTS = f"texts, with {LIST_SEPARATOR} between them"
    INTERVENTION = f"a server id, or {LOCAL}ENTRY"


@cache
def columns_of(kind: str) -> Mapping[str, Cell]:
    """The columns of the body of this kind by their names, in the order of the model.

    Raises: UnknownKind.
    """
    schema = by_kind(kind).payload_model().model_json_schema()
    return dict(_leaves(schema, schema.get("$defs", {}), ()))


@cache
def all_columns() -> tuple[str, ...]:
    """The columns of the bodies of all kinds, each once."""
    return tuple(dict.fromkeys(name for operation in OPERATIONS for name in columns_of(operation.kind)))


def _leaves(
    schema: Mapping[str, Any], named: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[str, Cell]]:
    for key, found in schema["properties"].items():
        inner = named[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
        if "properties" in inner:
            yield from _leaves(inner, named, (*path, key))
        elif (cell := _cell(inner)) is not None:
            yield ".".join((*path, key)), cell


def _cell(schema: Mapping[str, Any]) -> Cell | None:
    """None: no cell can say it; JSON Lines can."""
    match schema.get("type"):
        case "string":
            return Cell.TEXT
        case "integer":
            return Cell.INTEGER
        case "boolean":
            return Cell.FLAG
        case "array":
            of = schema["items"].get("type")
            return {"integer": Cell.INTEGERS, "string": Cell.TEXTS}.get(of)
        case None:
            return Cell.INTERVENTION
        case _:
            return None


def value_of(cell: Cell, text: str) -> Any:
    """What `text` means in such a cell, or None where it is empty: then the field is left out."""
    if cell is Cell.TEXT:
        return text or None
    text = text.strip()
    return _READERS[cell](text) if text else None


def _integer(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else text


def _flag(text: str) -> bool | str:
    return _FLAGS.get(text.lower(), text)


def _texts(text: str) -> list[str]:
    return [each.strip() for each in text.split(LIST_SEPARATOR)]


def _integers(text: str) -> list[int | str]:
    return [_integer(each) for each in _texts(text)]


def _intervention(text: str) -> dict[str, str] | int | str:
    return {REFERENCE_KEY: text.removeprefix(LOCAL)} if text.startswith(LOCAL) else _integer(text)


_READERS: Final[Mapping[Cell, Callable[[str], Any]]] = {
    Cell.INTEGER: _integer,
    Cell.FLAG: _flag,
    Cell.INTEGERS: _integers,
    Cell.TEXTS: _texts,
    Cell.INTERVENTION: _intervention,
}
