"""One who listens to the feed: where they stand, what they may see, and what goes over the wire next."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Final

from storage.errors import StorageProblem
from sync import events
from sync.entrypoints.api import event_lines
from sync.entrypoints.api.event_lines import Told, event_id
from sync.entrypoints.api.feed import Feed
from sync.entrypoints.api.news import News
from sync.visitor import Visitor

_LOG: Final = logging.getLogger(__name__)


class Listener:
    """One who listens: where they stand, and what they are told next."""

    def __init__(self, feed: Feed, visitor: Visitor, last_id: str | None) -> None:
        self._feed = feed
        self._visitor = visitor
        self._last_id = last_id
        self.wake = asyncio.Event()
        self._seq: int | None = None
        self._numbering = ""
        self._id_told: str | None = None
        self._status: str | None = None
        self._signs: int | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """What goes over the wire, until the feed stops, it has lasted long enough, or whoever reads this ends it."""
        yield event_lines.OPENING
        ends_s = time.monotonic() + self._feed.longest_s
        while not self._feed.stopped.is_set() and time.monotonic() < ends_s:
            self.wake.clear()
            try:
                text = await self.more()
            except StorageProblem as problem:
                # Whoever listens comes back with the id it has, and is told the rest then.
                events.log(_LOG, events.FEED_DISTURBED, level=logging.WARNING, reason=problem.code)
                return
            if text:
                yield text
            elif text is None:
                await self.wake.wait()

    async def more(self) -> bytes | None:
        """Some of what it has not been told; empty where that holds nothing it may see; None: nothing is new.

        Raises:
            StorageProblem: the database cannot be read now.
        """
        if self._seq is None:
            self._seq, self._numbering, first = await asyncio.to_thread(self._feed.opening, self._last_id)
            return first
        news = self._feed.news
        if news is None:
            return None
        found = news.since(self._seq)
        if found is not None:
            return self._text(news, self._seq, found) or None
        self._seq, text = await asyncio.to_thread(self._feed.page, self._seq, self._visitor)
        self._id_told = None
        return text

    def _text(self, news: News, seq: int, found: tuple[Told, ...]) -> bytes:
        """What is new in `news`: the changes it may see, then where everything stands, then at least a sign of life."""
        seen = [each.text for each in found if self._visitor.sees(each.owner)]
        self._seq = seq = found[-1].seq if found else seq
        id = event_id(self._numbering, seq)
        if news.status is not None and news.status != self._status:
            self._status = news.status
            seen.append(event_lines.status(news.status, id))
        if not seen and self._signs is not None and news.signs != self._signs:
            seen.append(event_lines.sign_of_life(id if id != self._id_told else None))
        self._signs = news.signs
        if seen:
            self._id_told = id
        return b"".join(seen)
