"""Which language a page is in: what was asked for, else what was chosen before, else what the browser prefers. Pure."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("fr", "en")
DEFAULT: Final = "fr"
COOKIE: Final = "lang"


def chosen(asked: str | None, kept: str | None, accepted: str | None) -> str:
    """`fr` or `en`. `asked`: of the address; `kept`: of the cookie; `accepted`: the header Accept-Language."""
    for each in (asked, kept):
        if each in LANGUAGES:
            return str(each)
    return _preferred(accepted or "")


def _preferred(accepted: str) -> str:
    """The first of ours by weight; ties in the order written. What cannot be read weighs nothing."""
    best, most = DEFAULT, 0.0
    for part in accepted[:500].split(","):
        tag, _, weight = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES and (weighed := _weight(weight)) > most:
            best, most = language, weighed
    return best


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
