"""Reads JSON that people and other programs hand in, and refuses what could be read in two ways.

A second value for the same key, NaN, half a surrogate pair: Python's reader takes them all, and each would be
sent as something else than was meant, or break when it is sent. All such places are reported together.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sync.errors import InputRefused, Problem, json_path, shown
from sync.utf16 import lone_surrogate

MAX_JSON_BYTES = 2**20
MAX_DEPTH = 32
_MAX_DIGITS = 400  # far beyond what any field takes, far below where Python itself refuses to convert


@dataclass(frozen=True, slots=True)
class _Unusable:
    """Stands where a value was that JSON or we do not have."""

    code: str
    sentence: str


class _Doubled(dict[str, Any]):
    """An object that had keys more than once; `names` says which."""

    names: tuple[str, ...] = ()


def read_json(source: bytes, *, most_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """The object that `source` (UTF-8, with or without a byte order mark, at most `most_bytes`) holds.

    Raises: InputRefused with every problem that can be told before the fields are known.
    """
    text = _decoded(source, most_bytes)
    try:
        root = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        message = f"The JSON is broken at {where}: {error.msg}. Correct it there."
        raise InputRefused([Problem("$", "broken_json", message)]) from None
    except RecursionError:
        raise InputRefused([_too_deep(())]) from None
    if not isinstance(root, dict):
        message = "The JSON must be one object, { ... } with the fields of the request. Put them in one."
        raise InputRefused([Problem("$", "not_an_object", message)])
    if problems := list(_faults(root, ())):
        raise InputRefused(problems)
    return root


def _decoded(source: bytes, most_bytes: int) -> str:
    if len(source) > most_bytes:
        message = f"The JSON is larger than the {most_bytes} bytes that are allowed. Is it the right file?"
        raise InputRefused([Problem("$", "too_large", message)])
    # Some editors put a byte order mark in front; it is no part of the text.
    source = source.removeprefix(BOM_UTF8)
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        before = source[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        message = f"The JSON is not UTF-8 text at line {line}, column {column}. Save the file as UTF-8."
        raise InputRefused([Problem("$", "not_utf8", message)]) from None
    if not text.strip():
        message = "There is no JSON: the input is empty. Give the request body as one object."
        raise InputRefused([Problem("$", "empty", message)])
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for key, _ in pairs:
        if key in seen:
            twice[key] = None
        seen.add(key)
    doubled = _Doubled(plain)
    doubled.names = tuple(twice)
    return doubled


def _integer(digits: str) -> int | _Unusable:
    if len(digits) > _MAX_DIGITS:
        return _Unusable("out_of_range", f"is a number of {len(digits)} digits. Correct the number.")
    return int(digits)


def _float(digits: str) -> float | _Unusable:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        return _Unusable("out_of_range", f"is {shown(digits)}, too large for a number. Correct it.")
    return number


def _constant(word: str) -> _Unusable:
    return _Unusable(
        "not_json", f"is {word}, which JSON does not have. Give a number, or leave the field out."
    )


def _faults(value: object, where: tuple[str | int, ...]) -> Iterator[Problem]:
    """What is wrong at and below `value`, in the order of the document."""
    if isinstance(value, dict | list) and len(where) >= MAX_DEPTH:
        yield _too_deep(where)
    elif isinstance(value, dict):
        if isinstance(value, _Doubled):
            for key in value.names:
                message = f"{_name((*where, key))} is given more than once. Keep the one that is meant."
                yield Problem(json_path((*where, key)), "duplicate_key", message)
        for key, inner in value.items():
            if broken := lone_surrogate(key):
                yield _half_character((*where, key), broken, "name")
            yield from _faults(inner, (*where, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            # Lists of numbers may be long, and a number that got this far is fine.
            if type(inner) is not int:
                yield from _faults(inner, (*where, index))
    elif isinstance(value, _Unusable):
        yield Problem(json_path(where), value.code, f"{_name(where)} {value.sentence}")
    elif isinstance(value, str) and (broken := lone_surrogate(value)):
        yield _half_character(where, broken, "text")


def _half_character(where: tuple[str | int, ...], broken: str, what: str) -> Problem:
    message = (
        f"The {what} of {_name(where)} holds half a character ({broken}), which cannot be sent. Retype it."
    )
    return Problem(json_path(where), "lone_surrogate", message)


def _too_deep(where: tuple[str | int, ...]) -> Problem:
    message = (
        f"The JSON is nested more than {MAX_DEPTH} levels deep. No request needs that: is it the right file?"
    )
    return Problem(json_path(where), "too_deep", message)


def _name(where: tuple[str | int, ...]) -> str:
    return json_path(where).removeprefix("$").removeprefix(".")
