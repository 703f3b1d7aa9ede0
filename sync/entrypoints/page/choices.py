"""What a form offers to choose from: lines of the reference list, with what is chosen already always among them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from storage import listed
from storage.queries import Reader

TYPE_OF: Final = {"company_id": listed.COMPANY, "site_ids": listed.SITE, "rule_ids": listed.RULE}
# A page of sixty kilobytes holds so many lines; the others are found by their name.
OFFERED: Final = 40
COMPANIES_OFFERED: Final = 400
_MOST_ID: Final = 17


@dataclass(frozen=True, slots=True)
class Choice:
    id: int
    name: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """`name` is that of the field; `more`: others fit as well, and are not shown."""

    name: str
    listed: tuple[Choice, ...]
    more: bool


def choices(
    reader: Reader, name: str, *, sought: str, chosen: Collection[str], company: str | None = None
) -> Choices:
    """What fits `sought` for the field `name`; with a company its sites only."""
    type = TYPE_OF[name]
    numbers = _numbers(chosen)
    picked = listed.names(reader.each, type, numbers)
    most = COMPANIES_OFFERED if type == listed.COMPANY else OFFERED
    company_id = next(iter(_numbers([company or ""])), None) if type == listed.SITE else None
    found = listed.search(reader.each, type, sought, company_id=company_id, limit=most + 1)
    others = [line for line in found[:most] if line.id not in picked]
    return Choices(
        name,
        (
            *(Choice(line.id, line.name, True) for line in picked.values()),
            *(Choice(line.id, line.name, False) for line in others),
        ),
        more=len(found) > most,
    )


def typed_beside(reader: Reader, name: str, chosen: Collection[str]) -> list[str]:
    """What was typed and cannot be chosen, as it was typed."""
    known = listed.names(reader.each, TYPE_OF[name], _numbers(chosen))
    return [each for each in chosen if next(iter(_numbers([each])), None) not in known]


def _numbers(texts: Collection[str]) -> list[int]:
    return [int(each) for each in texts if each.isascii() and each.isdigit() and len(each) <= _MOST_ID]
