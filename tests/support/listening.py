"""A feed whose looks a test makes by hand, who listens to it, and server-sent events as the standard has them read."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync.entrypoints.api.feed import STATUS_S, Feed
from sync.entrypoints.api.listening import Listener
from sync.visitor import OPS, Visitor
from tests.support.scratch import Scratch


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


STANDING: dict[str, Any] = {
    "waiting": 0, "needs_action": 0, "in_doubt": 0, "paused": None, "online": True, "level": "ok", "version": "1",
}  # fmt: skip


class Hall:
    """A feed whose looks, status and clock are the test's."""

    def __init__(self, place: Path) -> None:
        self.box = Scratch(place)
        self.status = dict(STANDING)
        self.asked = 0
        self.trouble: Exception | None = None
        self.now_s = 1_000.0
        self.feed = Feed(self.box.database, self._status, monotonic_s=lambda: self.now_s)

    def _status(self) -> dict[str, Any]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return dict(self.status)

    def close(self) -> None:
        self.feed._forget()
        self.box.close()

    def look(self, *, after_s: float = STATUS_S) -> None:
        self.now_s += after_s
        while self.feed.look():
            pass


class Seat:
    """A listener in that hall, and what it heard."""

    def __init__(self, hall: Hall, visitor: Visitor = OPS, last_id: str | None = None) -> None:
        self.listener = Listener(hall.feed, visitor, last_id)
        self.ear = Ear(last_id)

    def hear(self) -> list[Heard]:
        """Everything there is to be told now."""
        return asyncio.run(self._all())

    def next_text(self) -> bytes:
        """The next piece that would go over the wire; empty where there is nothing to tell."""
        return asyncio.run(self.listener.more()) or b""

    async def _all(self) -> list[Heard]:
        heard = []
        while (text := await self.listener.more()) is not None:
            heard += self.ear.hear(text)
        return heard

    def numbers(self) -> list[int]:
        return [each["seq"] for each in entries(self.hear())]
