"""Finds the template from which a text was made, and says it with the words of another language.

Pure. A template has `{}` where a value stands. In its translation `{}` are the same values in their order, `{1}` is
the second one, and `{1:state}` the second one as the word for a state. A value that is itself a text of ours is
translated too; what others wrote fits no template and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

# A text of several sentences or parts is said part by part where it is not known as a whole.
_SEAMS: Final = tuple(re.compile(each) for each in (r"(?<=[.!?]) (?=[A-Z])", "; ", ", "))
_JOINTS: Final = (" ", " ; ", ", ")
_HOLE: Final = re.compile(r"\{(\d*)(?::(\w+))?\}")
_DEEPEST: Final = 6
# French sets a space that does not break before these, and inside its quotation marks.
_BEFORE: Final = re.compile(r" (?=[;:!?»])")
_AFTER: Final = re.compile(r"(?<=«) ")
_NBSP: Final = "\u00a0"


def spaced(text: str) -> str:
    """`text` with the spaces of French typography that must not break."""
    return _AFTER.sub(_NBSP, _BEFORE.sub(_NBSP, text))


class Phrasebook:
    """The templates of one language in another one."""

    def __init__(self, phrases: Mapping[str, str], states: Mapping[str, str]) -> None:
        self._states = states
        self._whole = {text: spaced(said) for text, said in phrases.items() if "{}" not in text}
        # The most telling first: the one with most words of its own is meant where several fit.
        self._made = sorted(
            ((*_ends(text), text, said) for text, said in phrases.items() if "{}" in text),
            key=lambda each: -len(each[2].replace("{}", "")),
        )

    def say(self, text: str) -> str:
        """`text` in the other language, as far as it is made of texts of ours."""
        return self._say(text, 0)

    def _say(self, text: str, depth: int) -> str:
        if depth > _DEEPEST or (text.startswith("fieldsync ") and text not in self._whole):
            return text
        known = self._whole.get(text)
        if known is not None:
            return known
        bare = text.strip()
        if not any(each.isalpha() for each in bare):
            return text
        if bare != text and (found := self._whole.get(bare)) is not None:
            return text.replace(bare, found)
        if "\n" in bare:
            return "\n".join(self._say(line, depth + 1) for line in text.split("\n"))
        return self._filled(text, depth) or self._in_parts(text, depth)

    def _filled(self, text: str, depth: int) -> str | None:
        for start, end, template, said in self._made:
            if text.startswith(start) and text.endswith(end):
                found = _pattern(template).fullmatch(text)
                if found:
                    return self._fill(said, found.groups(), depth)
        return None

    def _fill(self, said: str, values: tuple[str, ...], depth: int) -> str:
        turn = iter(range(len(values)))

        def value(hole: re.Match[str]) -> str:
            given = values[int(hole[1]) if hole[1] else next(turn)]
            if hole[2] == "state":
                return self._states.get(given, given)
            return self._say(given, depth + 1)

        return _HOLE.sub(value, spaced(said))

    def _in_parts(self, text: str, depth: int) -> str:
        for seam, joint in zip(_SEAMS, _JOINTS, strict=True):
            parts = seam.split(text)
            if len(parts) > 1:
                said = [self._say(part, depth + 1) for part in parts]
                if said != parts:
                    return spaced(joint).join(said)
        return text


def _ends(template: str) -> tuple[str, str]:
    return template[: template.index("{}")], template[template.rindex("{}") + 2 :]


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("(.*?)".join(re.escape(each) for each in template.split("{}")), re.DOTALL)
