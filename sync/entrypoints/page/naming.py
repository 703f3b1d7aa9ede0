"""What companies, sites and rules are called on this page: by the reference list, else by their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage import listed
from storage.queries import Reader
from sync.entrypoints.page.wording import Wording

_TYPES: Final = {listed.COMPANY: "companyId", listed.SITE: "siteIds", listed.RULE: "ruleIds"}


@dataclass(frozen=True, slots=True)
class Names:
    """The names of what some bodies speak of. Keys are type and id."""

    t: Wording
    known: Mapping[tuple[str, int], str]

    def of(self, type: str, id: Any) -> str:
        """Its name, or the word for it with its number."""
        return self.known.get((type, id)) or self.t(type, id=id)

    def all_of(self, type: str, payload: Mapping[str, Any]) -> list[str]:
        """The names of all that a body names of this type, in its order."""
        return [self.of(type, id) for id in _ids(payload, type)]


def names_in(reader: Reader, payloads: Iterable[Mapping[str, Any]], t: Wording) -> Names:
    """The names of everything that these bodies speak of."""
    wanted: dict[str, set[int]] = {type: set() for type in _TYPES}
    for payload in payloads:
        for type in _TYPES:
            wanted[type].update(_ids(payload, type))
    known = {
        (type, id): line.name
        for type, ids in wanted.items()
        for id, line in listed.names(reader.each, type, ids).items()
    }
    return Names(t, known)


def types_listed(reader: Reader) -> list[str]:
    """Of which types the reference list has any."""
    return [type for type in _TYPES if listed.is_there(reader.each, type)]


def _ids(payload: Mapping[str, Any], type: str) -> list[int]:
    given = payload.get(_TYPES[type])
    ids = given if isinstance(given, list) else [given]
    return [id for id in ids if isinstance(id, int) and not isinstance(id, bool)]
