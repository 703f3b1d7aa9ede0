"""`translate`: a text that this program made, in the language of the person who reads it.

The program makes its texts in English; they are translated once, where they are shown. The words of a language are
loaded when they are first asked for, so that English costs nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sync.language import FRENCH

if TYPE_CHECKING:
    from sync.phrasebook import Phrasebook


def translate(text: str, language: str) -> str:
    """`text`, or its sentences one by one, in `language`; what is no text of ours stays as it is."""
    return _french().say(text) if language == FRENCH else text


@lru_cache(maxsize=1)
def _french() -> Phrasebook:
    from sync.french import STATES, phrases
    from sync.phrasebook import Phrasebook

    return Phrasebook(phrases(), STATES)
