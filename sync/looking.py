"""Reads the server for entries in doubt, within a time of its own: the list for what was made, single
interventions for what was to be changed. Runs in a worker thread.

It answers what the list showed; what that means is decided in `reconcile.py` and written down by `lookups.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from storage.doubts import Doubt
from sync.clock import Clock
from sync.credentials import Tokens
from sync.exchange import Exchange
from sync.exchange_facts import clock_offset_s
from sync.listing import INCOMPLETE, Listing, NoPage, Page, read_detail, read_page
from sync.matching import Item, Wanted, lacks_provider
from sync.policy import Step

if TYPE_CHECKING:
    from sync.transport import ApiRequest

# A look-up ends by itself well before the watchdog of the drain would end it.
MOST_S: Final = 45.0
_BEYOND_THE_END: Final = 404
# A page may hold more than was asked for; so much more is no list that a tablet can work through.
_MOST_ITEMS_PER_PAGE: Final = 4
# So many interventions are read one by one to see whose they are; the others wait for the next look-up.
MOST_DETAILS: Final = 500


class Reader(Protocol):
    """The API as a look-up sees it; `Transport` is the real one."""

    def send(
        self, request: ApiRequest, tokens: Tokens, *, before_first_byte: Callable[[], None]
    ) -> Exchange: ...


@dataclass(frozen=True, slots=True)
class ListCall:
    """How the list is asked for: the settings of the section `lookup`.

    `parameters` are `name=value` texts; `{from}` and `{to}` in them stand for the window, in the server's time.
    """

    path: str = "/interventions/v2/rs"
    parameters: tuple[str, ...] = ()
    page_parameter: str = "page"
    page_size_parameter: str = "pageSize"
    page_size: int = 50
    max_pages: int = 40
    newest_first: bool = False
    details: bool = True


@dataclass(frozen=True, slots=True)
class LookJob:
    """One reading of the list, for all entries of one owner that are due for it."""

    owner: str | None
    tokens: Tokens
    doubts: tuple[Doubt, ...]
    wanted: tuple[Wanted, ...]  # in the order of `doubts`
    call: ListCall
    step: Step = Step.LOOKUP
    has_signature: bool = False
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read. `started_mono_ms` is before the first byte: what was stored later may be missing in it."""

    job: LookJob
    listing: Listing
    started_mono_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class TargetJob:
    """Readings of single interventions, for updates of one owner whose answers were lost."""

    owner: str | None
    tokens: Tokens
    doubts: tuple[Doubt, ...]
    targets: tuple[int, ...]  # server ids, in the order of `doubts`
    path: str
    step: Step = Step.LOOKUP
    has_signature: bool = False
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class TargetsRead:
    """What was read, in the order of the job; None where its turn did not come. Begun at `started_mono_ms`."""

    job: TargetJob
    answers: tuple[Item | NoPage | None, ...]
    started_mono_ms: int
    duration_ms: int
    clock_offset_s: float | None = None


def read_targets(reader: Reader, job: TargetJob, clock: Clock) -> TargetsRead:
    """Read one intervention after the other, to the end of our time or until nobody answers."""
    started_ms, deadline_s = clock.monotonic_ms(), clock.monotonic_s() + MOST_S
    answers: list[Item | NoPage | None] = []
    offset_s: float | None = None
    for target in job.targets:
        if clock.monotonic_s() > deadline_s:
            break
        exchange = _get(reader, job, f"{job.path}/{target}")
        answer = read_detail(exchange)
        answers.append(answer)
        if isinstance(answer, NoPage) and not answer.online:
            break
        offset_s = clock_offset_s(exchange) if offset_s is None else offset_s
    left = len(job.targets) - len(answers)
    duration_ms = clock.monotonic_ms() - started_ms
    return TargetsRead(job, (*answers, *([None] * left)), started_ms, duration_ms, offset_s)


def look_up(reader: Reader, job: LookJob, clock: Clock) -> Looked:
    """Read pages to the end of the list, to a bound, or to the end of our time."""
    started_ms, deadline_s = clock.monotonic_ms(), clock.monotonic_s() + MOST_S
    listing = Listing(most=_MOST_ITEMS_PER_PAGE * job.call.page_size * job.call.max_pages)
    needed_from = _needed_from(job)
    while not listing.ended and listing.trouble is None:
        if listing.pages >= job.call.max_pages or clock.monotonic_s() > deadline_s:
            listing.fail(NoPage(INCOMPLETE, online=True))
            break
        page = _page(reader, job, listing.pages + 1)
        if isinstance(page, Page):
            listing.add(page, newest_first=job.call.newest_first, needed_from=needed_from)
        elif page.status == _BEYOND_THE_END and listing.last_was_short:
            listing.ended = True
        else:
            listing.fail(page)
    if listing.complete:
        # Some servers count from 0; then what was read began with their second page.
        first = _page(reader, job, 0)
        if isinstance(first, Page):
            listing.add_first(first)
        elif not first.online:
            listing.fail(first)
    if job.call.details:
        _look_closer(reader, job, listing, clock, deadline_s)
    return Looked(job, listing, started_ms, clock.monotonic_ms() - started_ms)


def unread(job: LookJob | TargetJob, reason: str, clock: Clock) -> Looked | TargetsRead:
    """A look-up that broke off inside this program."""
    if isinstance(job, TargetJob):
        return TargetsRead(job, (None,) * len(job.targets), clock.monotonic_ms(), 0)
    listing = Listing()
    listing.fail(NoPage(reason, online=False))
    return Looked(job, listing, clock.monotonic_ms(), 0)


def _look_closer(reader: Reader, job: LookJob, listing: Listing, clock: Clock, deadline_s: float) -> None:
    """Read those that may be ours and do not show whose work they are. Where that is refused, the list must do."""
    numbers = lacks_provider(job.wanted, listing.items.values())
    for done, number in enumerate(numbers):
        if done >= MOST_DETAILS or clock.monotonic_s() > deadline_s:
            listing.later = frozenset(numbers[done:])
            return
        more = read_detail(_get(reader, job, f"{job.call.path}/{number}"))
        if isinstance(more, NoPage):
            if not more.online:
                listing.later = frozenset(numbers[done:])
            return
        listing.detail(number, more)


def _page(reader: Reader, job: LookJob, number: int) -> Page | NoPage:
    from urllib.parse import quote

    call = job.call
    first, last = _window(job)
    query = [f"{call.page_parameter}={number}", f"{call.page_size_parameter}={call.page_size}"]
    for parameter in call.parameters:
        name, _, value = parameter.partition("=")
        for mark, moment in (("{from}", first), ("{to}", last)):
            value = value.replace(mark, moment)
        query.append(f"{name}={quote(value, safe='')}")
    return read_page(_get(reader, job, f"{call.path}?{'&'.join(query)}"), call.page_size)


def _get(reader: Reader, job: LookJob | TargetJob, path: str) -> Exchange:
    from sync.transport import ApiRequest

    # A read may be repeated and disturbs nothing, so no lease is asked about before its first byte.
    return reader.send(ApiRequest("GET", path, b"", ""), job.tokens, before_first_byte=lambda: None)


def _needed_from(job: LookJob) -> int | None:
    from sync.matching import WINDOW_BEFORE_MS

    firsts = [each.window.first_sent for each in job.wanted]
    known = [first for first in firsts if first is not None]
    return min(known) - WINDOW_BEFORE_MS if len(known) == len(firsts) and known else None


def _window(job: LookJob) -> tuple[str, str]:
    """From and to of all windows as the API writes instants; the widest there is where one is not known."""
    from datetime import UTC, datetime

    from sync.instants import instant_text
    from sync.matching import WINDOW_AFTER_MS

    first = _needed_from(job)
    lasts = [each.window.last_sent for each in job.wanted]
    if first is None or any(last is None for last in lasts):
        return "1970-01-01T00:00:00.000Z", "2199-12-31T23:59:59.999Z"
    last = max(last for last in lasts if last is not None) + WINDOW_AFTER_MS
    begin, end = (datetime.fromtimestamp(at / 1000, UTC) for at in (first, last))
    return instant_text(begin), instant_text(end)
