"""Which language a process speaks to people: French where the locale says so, English everywhere else.

Pure, and light: every command asks. Documents for programs, codes and logs are English in every locale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ENGLISH: Final = "en"
FRENCH: Final = "fr"
_NEUTRAL: Final = frozenset({"C", "POSIX"})


def language_of(environ: Mapping[str, str]) -> str:
    """`fr` or `en`. The locale is the first of LC_ALL, LC_MESSAGES and LANG that is set and not empty.

    As in gettext, LANGUAGE (a list, the best first) goes before it, unless the locale is the neutral one.
    """
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "C")
    if locale.partition(".")[0] in _NEUTRAL:
        return ENGLISH
    wanted = [each for each in environ.get("LANGUAGE", "").split(":") if each] or [locale]
    known = (_known(each) for each in wanted)
    return next((each for each in known if each), ENGLISH)


def _known(locale: str) -> str | None:
    """The language of ours that `fr_FR.UTF-8`, `fr` or `en_GB` names, or None."""
    name = locale.partition(".")[0].partition("@")[0].partition("_")[0].lower()
    return name if name in (FRENCH, ENGLISH) else None
