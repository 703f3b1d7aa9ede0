"""The first ops page in plain values: headline, numbers, facts about this device, what keeps entries waiting.

Reads in a number of statements that does not grow with the entries. Nothing here names who was there or what they did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from storage import control, samples
from storage.database import Transaction
from storage.queries import Reader
from sync.entrypoints.page import ops_causes
from sync.entrypoints.page.ops_causes import Held
from sync.entrypoints.page.ops_charts import calendar
from sync.entrypoints.page.ops_figures import decimal, number, size, span
from sync.entrypoints.page.ops_frame import Told
from sync.entrypoints.page.wording import Wording
from sync.explain import reason_words
from sync.status import Status, conclude
from sync.status_facts import Facts
from sync.status_troubles import CLOCK_SUSPECT_S, Trouble

_HELD: Final = ("parked", "dead")
_LOW_DISK_BYTES: Final = 500_000_000


@dataclass(frozen=True, slots=True)
class Tile:
    """One number. `tone` is calm, act or bad; `href` leads to the entries behind it."""

    name: str
    value: str
    note: str = ""
    tone: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line about this device. `tone` is good, act, bad or none; what it means stands in `text`."""

    name: str
    text: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """What keeps entries waiting that no person needs to look at one by one."""

    reason: str
    count: int
    sentence: str
    command: str
    oldest: str


@dataclass(frozen=True, slots=True)
class Board:
    level: str
    headline: str
    advice: str
    tiles: Sequence[Tile]
    facts: Sequence[Fact]
    waits: Sequence[Wait]
    held: Held
    paused: Mapping[str, Any] | None
    worker: bool
    broken: bool


def board(facts: Facts, transaction: Transaction | None, told: Told) -> Board:
    """Everything but the charts. `transaction` is None where the database cannot be used."""
    found = conclude(facts)
    held = Held((), 0, ())
    if transaction is not None:
        held = ops_causes.look(Reader(transaction.cursor), told, facts.needs_action, facts.reasons)
    return Board(
        level=found.level.value,
        headline=_headline(facts, found, told),
        advice=told.t(f"ops.advice.{found.level.value}"),
        tiles=() if transaction is None else tuple(_tiles(facts, found.document, transaction, told)),
        facts=tuple(_facts(facts, found.document, told)),
        waits=tuple(_waits(found.troubles, held, told)),
        held=held,
        paused=found.document["paused"],
        worker=found.alive,
        broken=facts.broken is not None,
    )


def _headline(facts: Facts, found: Status, told: Told) -> str:
    key, n = _situation(facts, found)
    return told.t(f"ops.head.{key}") if n is None else told.t.counted(f"ops.head.{key}", n)


def _situation(facts: Facts, found: Status) -> tuple[str, int | None]:
    """The first of these that is so, and how many entries it is about where that is worth saying."""
    unsigned = sum(group.n for _, group in facts.unsigned)
    cases: tuple[tuple[bool, str, int | None], ...] = (
        (facts.broken is not None, "broken", None),
        (bool(facts.needs_action), "needs", facts.needs_action),
        (bool(facts.counts["in_doubt"]), "doubt", facts.counts["in_doubt"]),
        (found.sign_in_needed and bool(unsigned), "sign_in", unsigned),
        (found.sign_in_needed, "nobody", None),
        (facts.pause is not None, "paused", None),
        (bool(facts.waiting) and found.held_up, "offline", facts.waiting),
        (bool(facts.waiting), "waiting", facts.waiting),
        (bool(facts.counts["done"]), "done", None),
    )
    return next(((key, n) for so, key, n in cases if so), ("empty", None))


def _tiles(facts: Facts, told_by: Mapping[str, Any], transaction: Transaction, told: Told) -> Iterator[Tile]:
    t, counts = told.t, facts.counts
    apart = ", ".join(
        _apart(each, counts[each], t) for each in ("pending", "sending", "accepted") if counts[each]
    )
    yield Tile("waiting", number(facts.waiting, t), apart)
    yield Tile(
        "in_doubt", number(counts["in_doubt"], t), t("ops.tile.in_doubt.note"),
        "act" if counts["in_doubt"] else "", "/ops/entries?state=in_doubt",
    )  # fmt: skip
    apart = ", ".join(_apart(each, counts[each], t) for each in _HELD if counts[each])
    yield Tile(
        "needs_action", number(facts.needs_action, t), apart,
        "bad" if facts.needs_action else "", "/ops/entries?state=needs_action",
    )  # fmt: skip
    total, today = _delivered(facts, transaction, told)
    yield Tile("delivered", number(today, t), t("ops.tile.delivered.note", total=number(total, t)))
    yield Tile(
        "owed", number(facts.signatures_owed, t), t("ops.tile.owed.note"),
        "act" if facts.signatures_owed else "", "/ops/entries?state=accepted" if counts["accepted"] else "",
    )  # fmt: skip
    oldest = told_by["oldest_waiting_s"]
    yield Tile("oldest", "–" if oldest is None else span(oldest, t), t("ops.tile.oldest.note"))


def _apart(state: str, n: int, t: Wording) -> str:
    """How many of them are in this state, as "3 waiting" with the number in their language."""
    return t.counted(f"ops.of.{state}", n).replace(str(n), number(n, t), 1)


def midnight(now: datetime) -> datetime:
    """When the day of this device began, by the difference to UTC that it had then."""
    return now.astimezone(calendar(now)).replace(hour=0, minute=0, second=0, microsecond=0)


def _delivered(facts: Facts, transaction: Transaction, told: Told) -> tuple[int, int]:
    """All that was ever delivered, and what of it since midnight: counted from the samples, to five minutes."""
    total = facts.counts["done"] + int(facts.control.get(control.REMOVED) or 0)
    seen = samples.between(transaction, _ms(midnight(told.now)), _ms(told.now))
    before = seen[0].delivered if seen else 0
    return total, max(0, total - before)


def _facts(facts: Facts, told_by: Mapping[str, Any], told: Told) -> Iterator[Fact]:
    t = told.t
    seen, tone = {True: ("yes", "good"), False: ("no", "act"), None: ("unknown", "")}[told_by["online"]]
    yield Fact("server", t(f"ops.server.{seen}"), tone=tone)
    pause = told_by["paused"]
    if pause is None:
        yield Fact("delivery", t("ops.delivery.on"), tone="good")
    else:
        yield Fact(
            "delivery", t("ops.delivery.paused"), t("ops.delivery.since", at=told.at(pause["since"])), "act"
        )
    yield _worker(facts, told_by, told)
    for each in told_by["auth"]:
        who = each["owner"] or t("ops.sign_in.device")
        until = t("ops.sign_in.until", at=told.at(each["expires_at"])) if each["expires_at"] else ""
        waiting = t.counted("ops.sign_in.waiting", each["waiting"]) if each["waiting"] else ""
        known = f"ops.sign_in.{each['state']}"
        yield Fact(
            "sign_in", f"{who}{t('colon')} {t(known) if t.has(known) else each['state']}",
            " · ".join(filter(None, (until, waiting))), "good" if each["state"] == "ok" else "act",
        )  # fmt: skip
    yield Fact("last_success", told.at(told_by["last_success_at"]) or t("ops.none_yet"))
    yield Fact("next_try", told.at(told_by["next_due_at"]) or t("ops.next_try.none"))
    offset = told_by["clock_offset_s"]
    if offset is None:
        yield Fact("clock", t("ops.clock.unknown"))
    else:
        wrong = abs(offset) > CLOCK_SUSPECT_S
        key = (
            "ops.clock.right" if abs(offset) < 1 else "ops.clock.behind" if offset > 0 else "ops.clock.ahead"
        )
        yield Fact("clock", t(key, span=_offset(abs(offset), told)), tone="bad" if wrong else "good")
    free = told_by["disk_free_bytes"]
    if free is not None:
        yield Fact(
            "disk", t("ops.disk.free", size=size(free, t)), tone="bad" if free < _LOW_DISK_BYTES else ""
        )
    yield Fact(
        "database",
        size(told_by["database"]["bytes"], t),
        t("ops.database.note", version=told_by["version"], device=told_by["device"] or "–"),
    )


def _offset(seconds: float, told: Told) -> str:
    return span(seconds, told.t) if seconds >= 120 else told.t("ops.unit.s", n=decimal(seconds, told.t))


def _worker(facts: Facts, told_by: Mapping[str, Any], told: Told) -> Fact:
    t, worker = told.t, told_by["worker"]
    if worker is None:
        return Fact("worker", t("ops.worker.none"), t("ops.worker.none.note"), "bad")
    since = t("ops.worker.since", pid=worker["pid"], at=told.at(worker["since"]))
    if facts.worker_silent:
        return Fact("worker", t("ops.worker.silent"), since, "bad")
    busy = told_by["drain"] is not None
    return Fact("worker", t("ops.worker.busy" if busy else "ops.worker.idle"), since, "good")


def _waits(troubles: Sequence[Trouble], held: Held, told: Told) -> Iterator[Wait]:
    """All troubles but those that stand among the causes already."""
    among = {each.reason for each in held.causes} | {reason for _, reason, _ in held.also}
    for each in troubles:
        if each.reason in among:
            continue
        yield Wait(
            reason=each.reason,
            count=each.n,
            sentence=_sentence(each, told),
            command=each.next_command,
            oldest=""
            if each.oldest is None
            else told.at(datetime.fromtimestamp(each.oldest / 1000).astimezone()),
        )


def _sentence(trouble: Trouble, told: Told) -> str:
    words = reason_words(trouble.reason, language=told.explained_in)
    return trouble.told or (words.of_storage if trouble.at_storage else "") or words.what


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
