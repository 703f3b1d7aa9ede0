"""Every text of the page by its key, in one language: what templates call as `t`.

A missing key is an error, never an empty place: tests render every page in every language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Final

_TABLES: Final = {
    "fr": ("french", "ops_french", "door_french"),
    "en": ("english", "ops_english", "door_english"),
}
# In French one and a half is singular, and so is nothing at all; in English only one is.
_SINGULAR: Final = {"fr": (0, 1), "en": (1,)}
_BEFORE: Final = re.compile(" ([;:!?])")


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language."""

    language: str
    table: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text under `key`, with `{name}` replaced by the value of that name."""
        text = self.table[key]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def has(self, key: str) -> bool:
        return key in self.table

    def counted(self, key: str, n: int, **values: object) -> str:
        """The text under `key.one` or `key.many`, as `n` asks for in this language; `{n}` becomes the number."""
        form = "one" if n in _SINGULAR[self.language] else "many"
        return self(f"{key}.{form}", n=n, **values)


def wording(language: str) -> Wording:
    """All words of `fr` or `en`."""
    table: dict[str, str] = {}
    for name in _TABLES[language]:
        path = f"{__package__}.words.{name}"
        if find_spec(path) is not None:
            table.update(import_module(path).WORDS)
    return Wording(
        language, {key: typeset(text) for key, text in table.items()} if language == "fr" else table
    )


def typeset(text: str) -> str:
    """French as it is printed: no line breaks before ; : ! ?."""
    return _BEFORE.sub("\u00a0\\1", text)
