"""Finds the template from which a text was made, and says it with the words of another language.

Pure. In a template `{}` or `{name}` is a value, `{#}` a number. In its translation `{}` are the same values in their
order, `{1}` is the second one, `{name}` the one of that name; `{:state}` the word for a state, `{:number}` with a
decimal comma. A value that is a text of ours is translated too; what others wrote fits no template and stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

_HOLE: Final = re.compile(r"\{(#|\w*)(?::(\w+))?\}")
# A text of several sentences or parts is said part by part where it is not known as a whole.
_SENTENCES: Final = (re.compile(r"(?<=[.!?]) (?=[A-Z0-9])"), " ")
_PARTS: Final = ((re.compile("; "), " ; "), (re.compile(", "), ", "), (re.compile(": "), " : "))
_OF_A_FIELD: Final = re.compile(r" ((?:is|must|has|holds|names|waits|cannot|begins) )")
# A template with so many letters of its own is meant where it fits; others fit whole sentences by chance.
_TELLING: Final = 12
_DEEPEST: Final = 8
# French sets a space that does not break before these, and inside its quotation marks.
_BEFORE: Final = re.compile(r" (?=[;:!?»])")
_AFTER: Final = re.compile(r"(?<=«) ")
_NBSP: Final = "\u00a0"


def spaced(text: str) -> str:
    """`text` with the spaces of French typography that must not break."""
    return _AFTER.sub(_NBSP, _BEFORE.sub(_NBSP, text))


def holes(text: str) -> list[str]:
    """The names of the values in a template or translation, in their order; empty for those without a name."""
    return [found[1] for found in _HOLE.finditer(text)]


class _Template(NamedTuple):
    text: str
    said: str
    start: str  # what stands before its first value
    end: str  # what stands after its last
    letters: int


class Phrasebook:
    """The templates of one language in another one."""

    def __init__(self, phrases: Mapping[str, str], states: Mapping[str, str]) -> None:
        self._states = states
        self._whole = {text: spaced(said) for text, said in phrases.items() if not holes(text)}
        made = [_template(text, spaced(said)) for text, said in phrases.items() if holes(text)]
        # Where several fit, the one with most words of its own is meant.
        made.sort(key=lambda each: (-each.letters, -len(each.text)))
        self._telling = [each for each in made if each.letters >= _TELLING]
        self._short = [each for each in made if each.letters < _TELLING]

    def say(self, text: str) -> str:
        """`text` in the other language, as far as it is made of texts of ours."""
        return self._say(text, 0)

    def _say(self, text: str, depth: int) -> str:
        known = self._whole.get(text)
        if known is not None:
            return known
        if depth > _DEEPEST or text.startswith("fieldsync ") or not any(each.isalpha() for each in text):
            return text
        for bare in (text.strip(), text.removesuffix(".")):
            if bare in self._whole:
                return text.replace(bare, self._whole[bare])
        if "\n" in text.strip():
            return "\n".join(self._say(line, depth + 1) for line in text.split("\n"))
        found = (
            self._filled(self._telling, text, depth)
            or self._said_of(text, depth)
            or self._parted(_SENTENCES, text, depth)
            or self._filled(self._short, text, depth)
            or self._stopped(text, depth)
        )
        for seam in _PARTS:
            found = found or self._parted(seam, text, depth)
        return found or text

    def _filled(self, among: Sequence[_Template], text: str, depth: int) -> str | None:
        for each in among:
            if text.startswith(each.start) and text.endswith(each.end):
                found = _pattern(each.text).fullmatch(text)
                if found:
                    return self._fill(each, found.groups(), depth)
        return None

    def _said_of(self, text: str, depth: int) -> str | None:
        """What is said of a field: its name stays, and what follows is a text of ours."""
        name, verb, rest = _OF_A_FIELD.split(text, maxsplit=1) if _OF_A_FIELD.search(text) else ("", "", "")
        predicate = f"{verb}{rest}"
        said = self._whole.get(predicate) or self._filled(self._telling, predicate, depth)
        return f"{self._say(name, depth + 1)} {said}" if name and said else None

    def _stopped(self, text: str, depth: int) -> str | None:
        """A sentence as what it says without its full stop."""
        bare = text.removesuffix(".")
        said = self._say(bare, depth + 1) if bare != text else text
        return None if said in (bare, text) else f"{said}."

    def _fill(self, template: _Template, values: Sequence[str], depth: int) -> str:
        names = holes(template.text)
        turn = iter(values)

        def value(hole: re.Match[str]) -> str:
            name, kind = hole.groups()
            if name.isdigit():
                given = values[int(name)]
            else:
                given = values[names.index(name)] if name in names and name not in ("", "#") else next(turn)
            if kind == "state":
                return self._states.get(given, given)
            return given.replace(".", ",") if kind == "number" else self._say(given, depth + 1)

        return _HOLE.sub(value, template.said)

    def _parted(self, seam: tuple[re.Pattern[str], str], text: str, depth: int) -> str | None:
        """What the parts between the seams say; None where none of them is a text of ours."""
        pattern, joint = seam
        parts = pattern.split(text)
        said = [self._say(part, depth + 1) for part in parts] if len(parts) > 1 else parts
        return None if said == parts else spaced(joint).join(said)


def _template(text: str, said: str) -> _Template:
    found = list(_HOLE.finditer(text))
    letters = sum(each.isalpha() for each in _HOLE.sub("", text))
    return _Template(text, said, text[: found[0].start()], text[found[-1].end() :], letters)


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    between = [re.escape(each) for each in _HOLE.split(template)[::3]]
    values = [r"(\d+)" if name == "#" else "(.*?)" for name in holes(template)]
    return re.compile("".join(a + b for a, b in zip(between, [*values, ""], strict=True)), re.DOTALL)
