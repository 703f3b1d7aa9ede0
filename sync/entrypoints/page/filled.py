"""A form as a template shows it: what was typed, what can be chosen, and what is wrong, beside its field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sync.entrypoints.page.choices import Choices
from sync.entrypoints.page.form import Typed, by_field
from sync.entrypoints.page.wording import Wording
from sync.errors import Problem

# These say that something is wrong with the form itself, which no technician can correct.
_OF_THE_FORM: Final = frozenset({"id_invalid", "owner_invalid"})


@dataclass(frozen=True, slots=True)
class Wrong:
    """One sentence, beside `field`; None where it is about the whole form."""

    field: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened to the whole form. `entry` is one to look at."""

    tone: str
    title: str
    text: str
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """`offered` and `typed_free`: by field, the choices, and what was typed beside them; no choices, no list.

    `fresh`: nobody has sent it yet, so what this browser kept of an earlier one may be put into it. `signs`: it has a
    place for a signature. `disliked`: what the server named when it refused.
    """

    typed: Typed
    offered: Mapping[str, Choices] = field(default_factory=dict)
    typed_free: Mapping[str, str] = field(default_factory=dict)
    searches: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Wrong, ...] = ()
    disliked: tuple[Wrong, ...] = ()
    notice: Notice | None = None
    fresh: bool = False
    signs: bool = True

    def at(self, name: str) -> list[str]:
        """What is wrong with this field."""
        return [each.text for each in (*self.problems, *self.disliked) if each.field == name]

    def has_list(self, name: str) -> bool:
        return name in self.offered

    def choices(self, name: str) -> Choices:
        return self.offered[name]

    def free(self, name: str) -> str:
        """What was typed beside the list."""
        return self.typed_free.get(name, "")

    def sought(self, name: str) -> str:
        return self.searches.get(name, "")


def wrongs(problems: Iterable[Problem], t: Wording) -> tuple[Wrong, ...]:
    """The problems in words, each once a field, in the order of the form."""
    found = [
        Wrong(name, wrong_text(name, problem.code, t))
        for name, each in by_field(list(problems)).items()
        for problem in each
    ]
    return tuple(dict.fromkeys(found))


def wrong_text(name: str | None, code: str, t: Wording) -> str:
    """What is said of this code at this field."""
    if name is None and code in _OF_THE_FORM:
        return t("problem.form")
    keys = (f"problem.{name}.{code}", f"problem.{code}", "problem.other")
    return t(next(key for key in keys if t.has(key)))
