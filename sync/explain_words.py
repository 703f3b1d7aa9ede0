"""The shape of the words in which entries are explained, the same for every language.

Named tuples and not dataclasses: these are made whenever `status` finds something wrong, and cost a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Explained = dict[str, Any]  # {"waiting_for", "until", "next_step", "person_can"}


class Words(NamedTuple):
    """What there is to say in one case.

    `what` happened or is awaited, empty where the language's `sentences` have it; `can`: what a person can do, each
    sentence with a command; `next`: what happens by itself; `command`: what to run where several entries share this;
    `of_storage`: `what` where the other end is the storage for signatures, empty where that makes no difference.

    `{id}` is the end of the entry's id, `{owner}` becomes ` --owner NAME` where the entry has one.
    """

    what: str
    can: tuple[str, ...] = ()
    next: str = ""
    command: str = ""
    of_storage: str = ""


class Language(NamedTuple):
    """One complete table. The keys are the same in every language; a test compares them with what the code can say."""

    reasons: Mapping[str, Words]  # by reason code
    sentences: Callable[
        [], Mapping[str, str]
    ]  # what happened, by reason code, where the words above do not say it
    situations: Mapping[str, Words]  # by what `explain.py` found an entry to be in
    stages: Mapping[str, str]  # where a held entry goes on, by the stage that it remembers
    unknown: Words  # for a reason that a newer program wrote; holds `{reason}`
    states: Mapping[str, str]  # what a state is called, where that is not its own name
    reported: str  # a sentence with what a program said about it: `{what}`, `{said}`
