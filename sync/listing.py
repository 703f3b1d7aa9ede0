"""What the pages of the intervention list say, and whether all of it was read. Pure; `looking.py` asks for pages.

Parameters, order and page ceiling of this call could not be read anywhere, so nothing is believed about them: pages
are read until there is no more, and a list that may go on is never taken for all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sync import matching
from sync.answer import is_page, read_object, retry_after_s
from sync.exchange import Exchange, Failure, Reply
from sync.matching import Item
from sync.policy import HostNews

UNAVAILABLE: Final = "lookup_unavailable"
INCOMPLETE: Final = "lookup_incomplete"
UNREACHABLE: Final = "lookup_unreachable"


@dataclass(frozen=True, slots=True)
class Page:
    """One answered page. `asked` is the page size that was asked for, `total` what the server says there is."""

    items: tuple[Item, ...]
    asked: int
    total: int | None


@dataclass(frozen=True, slots=True)
class NoPage:
    """No page came. `online`: somebody answered who can be taken for the server, so the look was a look."""

    reason: str
    online: bool
    news: HostNews = HostNews.NONE
    status: int | None = None
    wait_s: float | None = None


@dataclass(slots=True)
class Listing:
    """What was read so far. `ended`: there is no more, or nothing more that could matter.

    `later` are items that were to be read closer and could not be yet: they are neither a match nor a miss.
    """

    items: dict[int, Item] = field(default_factory=dict)
    pages: int = 0
    ended: bool = False
    trouble: NoPage | None = None
    later: frozenset[int] = frozenset()
    last_was_short: bool = False  # fewer than asked for: some servers answer 404 to the page behind it
    unpaged: bool = False  # the same page again and again: all there is, or all that one gets
    most: int = 8000

    @property
    def complete(self) -> bool:
        """Whether what is not in it is not in the list either."""
        return self.ended and self.trouble is None

    def add(self, page: Page, *, newest_first: bool, needed_from: int | None) -> None:
        """Take up one more page. Only an empty one is the end: totals and short pages are not believed to be.

        `newest_first` is the word of the settings that the list is in that order; then what was made before
        `needed_from` (milliseconds, server time) ends it.
        """
        self.pages += 1
        self.last_was_short = len(page.items) < page.asked
        new = self._take(page)
        if page.items and not new:
            self.ended = self.unpaged = True
        elif not page.items:
            self.ended = True
        elif newest_first and needed_from is not None:
            self._stop_before(page, needed_from)
        if len(self.items) > self.most or (
            self.ended and page.total is not None and page.total > len(self.items)
        ):
            self.trouble = self.trouble or NoPage(INCOMPLETE, online=True)

    def add_first(self, page: Page) -> None:
        """What stands on page 0: nothing new where pages are counted from 1, the first page where from 0."""
        self._take(page)

    def _take(self, page: Page) -> bool:
        """Keep what is new on this page; whether anything is."""
        numbered = [(matching.item_id(item), item) for item in page.items]
        new = {number: item for number, item in numbered if number is not None and number not in self.items}
        if any(number is None for number, _ in numbered):
            # What has no id cannot be told from what it hides.
            self.trouble = NoPage(UNAVAILABLE, online=True)
        self.items.update(new)
        return bool(new)

    def _stop_before(self, page: Page, needed_from: int) -> None:
        made = [matching.made_at(item) for item in page.items]
        known = [at for at in made if at is not None]
        if len(known) == len(made) and known == sorted(known, reverse=True) and known[-1] < needed_from:
            self.ended = True

    def fail(self, trouble: NoPage) -> None:
        self.trouble = trouble

    def detail(self, number: int, more: Mapping[str, Any]) -> None:
        """What reading one intervention by its id adds to what the list showed."""
        self.items[number] = {**self.items[number], **{k: v for k, v in more.items() if v is not None}}


def read_page(exchange: Exchange, asked: int) -> Page | NoPage:
    """One page, or why there is none. No answer to a read ever pauses anything: the entry stays as it was.

    Source: delivery-semantics.md section 3, "to a look-up or other read".
    """
    answer = _answer(exchange)
    if isinstance(answer, NoPage):
        return answer
    found = answer.get("data")
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        return NoPage(UNAVAILABLE, online=True, status=200)
    total = answer.get("totalCount")
    counted = total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None
    return Page(tuple(found), asked, counted)


def read_detail(exchange: Exchange) -> Mapping[str, Any] | NoPage:
    """One intervention's own fields, or why there are none."""
    answer = _answer(exchange)
    if isinstance(answer, NoPage):
        return answer
    found = answer.get("data")
    return found if isinstance(found, Mapping) else NoPage(UNAVAILABLE, online=True, status=200)


def _answer(exchange: Exchange) -> dict[str, object] | NoPage:
    if isinstance(exchange, Failure):
        # Once it was written in full the link is there; a list that is slow says nothing about sending.
        news = HostNews.NONE if exchange.fully_written else HostNews.UNREACHABLE
        return NoPage(UNREACHABLE, online=False, news=news)
    if _is_foreign(exchange):
        return NoPage(UNREACHABLE, online=False, news=HostNews.UNREACHABLE, status=exchange.status)
    if exchange.status == 429:
        wait_s = retry_after_s(exchange.headers, exchange.received_at)
        return NoPage(UNAVAILABLE, online=True, news=HostNews.HELD, status=429, wait_s=wait_s)
    answer = read_object(exchange) if exchange.body_complete else None
    if exchange.status != 200 or answer is None:
        return NoPage(UNAVAILABLE, online=True, status=exchange.status)
    return answer


def _is_foreign(reply: Reply) -> bool:
    """A portal or a proxy: the same signs as in the answer to a send."""
    return (
        300 <= reply.status < 400
        or reply.status in (407, 511)
        or (not reply.secure and reply.body_complete and is_page(reply))
    )
