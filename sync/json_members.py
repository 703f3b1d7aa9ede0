"""Cuts single members out of a JSON object as the bytes that they are, so that each goes to the reader it is for.

Pure. An object that cannot be cut is answered as it is: whoever reads it then says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_KEY: Final = re.compile(r'("(?:[^"\\]|\\.)*")[ \t\n\r]*:', re.DOTALL)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^"\[\]{},]+|[\[\]{},]', re.DOTALL)

Member = tuple[str, int, int]  # name, and where its value begins and ends


def cut_out(source: bytes, names: Collection[str]) -> tuple[bytes, dict[str, bytes]]:
    """`source` with a zero in the place of each named member's value, and these values.

    Lines and columns of the rest stay what they are. A name that stands there twice is left for the reader to refuse.
    """
    text = source.decode("latin-1")  # one character a byte: what has a meaning in JSON is ASCII
    found = members(text)
    if found is None:
        return source, {}
    values: dict[str, bytes] = {}
    rest, at = [], 0
    for name, start, end in found:
        if name in names:
            values[name] = text[start:end].encode("latin-1")
            rest += [text[at:start], _blank(text[start:end])]
            at = end
    return "".join((*rest, text[at:])).encode("latin-1"), values


def members(text: str) -> list[Member] | None:
    """The members of the object that `text` is, in their order; None where it is none, or is broken."""
    at = _after_space(text, text.startswith("\xef\xbb\xbf") * 3)
    if text[at : at + 1] != "{":
        return None
    at = _after_space(text, at + 1)
    found: list[Member] = []
    while text[at : at + 1] != "}" or found:
        key = _KEY.match(text, at)
        name = None if key is None else _name(key[1])
        if key is None or name is None:
            return None
        start = _after_space(text, key.end())
        end = _end(text, start)
        if end is None:
            return None
        found.append((name, start, start + len(text[start:end].rstrip(" \t\n\r"))))
        if text[end] == "}":
            at = end
            break
        at = _after_space(text, end + 1)
    return found if _after_space(text, at + 1) == len(text) else None


def _end(text: str, start: int) -> int | None:
    """Where the value that begins at `start` is over: at the comma or brace behind it."""
    depth, at = 0, start
    while (token := _TOKEN.match(text, at)) is not None:
        mark = token[0]
        if depth == 0 and mark in (",", "}"):
            return at if at > start else None
        depth += (mark in ("[", "{")) - (mark in ("]", "}"))
        if depth < 0:
            return None
        at = token.end()
    return None


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None, "the pattern also matches nothing"
    return found.end()


def _name(quoted: str) -> str | None:
    try:
        name: str = json.loads(quoted.encode("latin-1"))
    except ValueError:
        return None
    return name


def _blank(value: str) -> str:
    return "0" + "".join(char if char in "\r\n" else " " for char in value[1:])
