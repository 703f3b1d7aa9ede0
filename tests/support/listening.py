"""Reads what goes over the wire to one who listens: server-sent events, as the standard has them read."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Heard:
    """One event. `id` is the last that was named when it came, as a browser would send it on coming back."""

    event: str
    data: dict[str, Any]
    id: str | None


class Ear:
    """Takes pieces of a stream, however they are cut, and remembers the last id."""

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self.comments: list[str] = []
        self.again_ms: int | None = None
        self._rest = ""

    def hear(self, text: bytes | str) -> list[Heard]:
        self._rest += text.decode() if isinstance(text, bytes) else text
        *blocks, self._rest = self._rest.split("\n\n")
        return [heard for block in blocks if (heard := self._read(block.split("\n"))) is not None]

    def _read(self, lines: Iterable[str]) -> Heard | None:
        fields: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            if not name:
                self.comments.append(value.removeprefix(" "))
            else:
                fields[name] = value.removeprefix(" ")
        self.last_id = fields.get("id", self.last_id)
        if "retry" in fields:
            self.again_ms = int(fields["retry"])
        if "data" not in fields:
            return None  # that is no event, but its id counts
        return Heard(fields.get("event", "message"), json.loads(fields["data"]), self.last_id)


def entries(heard: Iterable[Heard]) -> Iterator[dict[str, Any]]:
    """What the events of entries say."""
    return (each.data for each in heard if each.event == "entry")
