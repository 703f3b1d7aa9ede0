"""Every reason and every situation of an entry, explained in French: the table of `explain_english.py`, said again.

Keys and commands are those of the English table by construction; its sentences are in `sync/french/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sync.explain_english import ENGLISH
from sync.explain_words import Language, Words
from sync.french import STATES
from sync.french.explaining import EXPLANATIONS
from sync.phrasebook import spaced


def _said(text: str) -> str:
    return spaced(EXPLANATIONS[text]) if text else ""


def _in_french(words: Words) -> Words:
    return words._replace(
        what=_said(words.what),
        can=tuple(_said(each) for each in words.can),
        next=_said(words.next),
        of_storage=_said(words.of_storage),
    )


def _sentences() -> Mapping[str, str]:
    from sync.french.outcomes import OUTCOMES

    said = {**EXPLANATIONS, **OUTCOMES}
    return {reason: spaced(said[text]) for reason, text in ENGLISH.sentences().items()}


FRENCH: Final = Language(
    reasons={reason: _in_french(words) for reason, words in ENGLISH.reasons.items()},
    sentences=_sentences,
    situations={situation: _in_french(words) for situation, words in ENGLISH.situations.items()},
    stages={stage: _said(text) for stage, text in ENGLISH.stages.items()},
    unknown=_in_french(ENGLISH.unknown),
    states=STATES,
    reported=spaced("{what} : {said}."),
)
