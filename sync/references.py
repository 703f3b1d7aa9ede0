"""Where a body names an entry in place of a server id: `{"$entry": ENTRY}`. Find the places, and fill them. Pure.

That it stands only where an intervention's id is expected was checked at capture (`fields.InterventionId`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

REFERENCE_KEY: Final = "$entry"


def references(data: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each place that names an entry, as the keys that lead there, and the name."""
    if is_reference(data):
        yield where, data[REFERENCE_KEY]
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from references(value, (*where, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from references(value, (*where, number))


def filled(data: Any, value_of: Callable[[str], Any]) -> Any:
    """A copy of `data` in which `value_of` answered what stands in the place of each name; the rest as it is."""
    if is_reference(data):
        return value_of(data[REFERENCE_KEY])
    if isinstance(data, dict):
        return {key: filled(value, value_of) for key, value in data.items()}
    if isinstance(data, list):
        return [filled(value, value_of) for value in data]
    return data


def is_reference(data: Any) -> bool:
    """Whether this is `{"$entry": ENTRY}` and nothing else."""
    return isinstance(data, dict) and set(data) == {REFERENCE_KEY} and isinstance(data[REFERENCE_KEY], str)
