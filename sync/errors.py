"""What this package refuses, in a shape that a person and a program can both act on.

Every refusal of input carries all of its problems at once: correcting one mistake to be told the next
is what makes people give up in a boiler room. Light on purpose, because every command may import it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

IMAGE_PATH = "--signature"  # where a problem of the image itself is; it has no place in the JSON
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input: where (`$.siteIds[0]` or `--signature`), a stable code, a sentence."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SyncProblem(Exception):
    """Base of what this package raises for misuse or input it cannot take; `code` is stable English."""

    code = "sync_problem"


class InputRefused(SyncProblem):
    """The input cannot become an entry; nothing was stored and `problems` (never empty) says all of why."""

    code = "input_refused"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        assert self.problems, "a refusal names at least one problem"
        super().__init__("; ".join(map(str, self.problems)))


class UnknownKind(SyncProblem):
    """No operation has this kind; `known` lists those there are."""

    code = "unknown_kind"

    def __init__(self, kind: str, known: tuple[str, ...]) -> None:
        self.kind = kind
        self.known = known
        super().__init__(f"There is no kind {shown(kind)}. Known kinds: {', '.join(known)}.")


def json_path(keys: Iterable[str | int]) -> str:
    """The JSON path of a place, such as `$.siteIds[0]`; a key that is not a plain word is quoted."""
    path = "$"
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            path += f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{shown(key)}]"
    return path


def shown(text: str) -> str:
    """`text` quoted and cut for a message; always printable, whatever it holds."""
    cut = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
    quoted = json.dumps(cut, ensure_ascii=False)
    # Escapes are for what would break a terminal or a log line; an accent is not one of them.
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in quoted)
