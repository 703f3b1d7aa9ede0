"""Looks for secrets where none may be: in everything that the commands said, and in every byte of the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

# Values of a presigned URL's query that are secret by themselves.
_SECRET_NAMES: Final = frozenset({"x-amz-signature", "signature", "x-amz-credential", "x-amz-security-token"})
# Below this a part of a secret could be part of honest text.
_LEAST_CHARS: Final = 16


def secrets_of(url: str) -> set[str]:
    """The secret values of a presigned URL, or of its path and query; both as written and decoded."""
    found: set[str] = set()
    for pair in urlsplit(url).query.split("&"):
        name, _, value = pair.partition("=")
        if name.lower() in _SECRET_NAMES:
            found |= {value, *(text for _, text in parse_qsl(f"{name}={value}")), unquote(value)}
    return {value for value in found if value}


def leaks(folder: Path, secrets: Iterable[str], *, left_out: frozenset[str] = frozenset()) -> Iterator[str]:
    """The name of each file below `folder` that gives a secret away, also a cut one of which half is there.

    `left_out` are names of files where secrets belong.
    """
    parts = {
        each[: max(_LEAST_CHARS, len(each) // 2)].encode() for each in secrets if len(each) >= _LEAST_CHARS
    }
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in left_out:
            continue
        content = path.read_bytes()
        for part in sorted(parts):
            if part in content:
                yield f"{path.name} gives away a secret that begins with {part[:4].decode('ascii', 'replace')}..."
