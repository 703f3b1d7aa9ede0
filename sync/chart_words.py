"""What a chart says, in each language. Labels with a number behind them: nothing here has a plural to get wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ChartWords:
    """`day` and `month` are titles; the others stand in the picture or, after a figure, in its description."""

    day: str
    month: str
    waiting: str
    needs_action: str
    delivered: str
    by_hour: str
    by_day: str
    nothing_recorded: str
    empty: str
    last: str
    most: str
    colon: str
    date: str
    thousands: str
    months: tuple[str, ...]


ENGLISH: Final = ChartWords(
    day="The last 24 hours",
    month="The last 30 days",
    waiting="Waiting",
    needs_action="Needs a person",
    delivered="Delivered",
    by_hour="Delivered, by the hour",
    by_day="Delivered, by the day",
    nothing_recorded="Nothing recorded",
    empty="Nothing is recorded yet. The first figures come within five minutes.",
    last="last",
    most="at most",
    colon=": ",
    date="{day} {month}",
    thousands=",",
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
FRENCH: Final = ChartWords(
    day="Les dernières 24 heures",
    month="Les 30 derniers jours",
    waiting="En attente",
    needs_action="À traiter",
    delivered="Envoyées",
    by_hour="Envoyées, heure par heure",
    by_day="Envoyées, jour par jour",
    nothing_recorded="Rien d'enregistré",
    empty="Rien n'est encore enregistré. Les premiers chiffres arrivent dans les cinq minutes.",
    last="dernier relevé",
    most="au plus",
    colon="\N{NO-BREAK SPACE}: ",
    date="{day} {month}",
    thousands="\N{NARROW NO-BREAK SPACE}",
    months=(
        "janv.",
        "févr.",
        "mars",
        "avr.",
        "mai",
        "juin",
        "juil.",
        "août",
        "sept.",
        "oct.",
        "nov.",
        "déc.",
    ),
)
WORDS: Final[Mapping[str, ChartWords]] = MappingProxyType({"en": ENGLISH, "fr": FRENCH})
