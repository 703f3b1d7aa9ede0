"""What stands last on the technician's page: may the tablet be switched off, and is the work safe? Pure.

Always one of three fixed sentences a language, so that people learn to know them at a glance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class _Sentences(NamedTuple):
    all_gone: str
    one_kept: str
    kept: str  # holds `{n}`
    sign_in: str


_SENTENCES: Final[Mapping[str, _Sentences]] = {
    "fr": _Sentences(
        "Tout est parti. Vous pouvez éteindre.",
        "1 enregistrée sur cet appareil : vous pouvez éteindre, ne réinitialisez pas la tablette.",
        "{n} enregistrées sur cet appareil : vous pouvez éteindre, ne réinitialisez pas la tablette.",
        "Session expirée : vos saisies sont gardées. Reconnectez-vous.",
    ),
    "en": _Sentences(
        "Everything has gone. You can switch off.",
        "1 saved on this device: you can switch off, do not reset the tablet.",
        "{n} saved on this device: you can switch off, do not reset the tablet.",
        "Session expired: your entries are kept. Sign in again.",
    ),
}


def last_line(kept: int, sign_in: bool, language: str) -> str:
    """The sentence for `kept` entries that are not finished, and whether they wait for a sign-in.

    With nothing kept nothing waits for a sign-in either, so then the device may be switched off in any case.
    """
    words = _SENTENCES[language]
    if kept == 0:
        return words.all_gone
    if sign_in:
        return words.sign_in
    return words.one_kept if kept == 1 else words.kept.replace("{n}", str(kept))
