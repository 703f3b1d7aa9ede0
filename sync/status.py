"""Where everything stands: level, one calm sentence, what is wrong and what to run. Pure; `status_facts.py` looks.

What a single entry waits for is said in `explain.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from storage.overview import sqlite_version
from storage.queries import iso
from sync.gate import Host, Mode, waits_until
from sync.status_facts import Facts, offset_s
from sync.status_troubles import Trouble, find_troubles
from sync.version import VERSION


class Level(StrEnum):
    OK = "ok"
    WAITING = "waiting"  # goes on by itself
    ATTENTION = "attention"  # somebody should look
    BROKEN = "broken"  # the database cannot be used


class Status(NamedTuple):
    """What the facts come to. `document` is what `status --json` prints; `troubles` say the same to people."""

    document: dict[str, Any]
    level: Level
    troubles: tuple[Trouble, ...]
    sign_in_needed: bool
    needs_person: bool
    held_up: bool  # waiting and offline, or paused
    alive: bool


def conclude(facts: Facts) -> Status:
    """Level, headline, problems and the whole document."""
    sign_in = sign_in_needed(facts)
    troubles = tuple(find_troubles(facts))
    level = _level(facts, sign_in)
    cut_off = facts.shut(Host.API) or (
        facts.shut(Host.UPLOAD) and bool(facts.signed.n or facts.counts["accepted"])
    )
    return Status(
        document=_document(facts, level, troubles, _headline(facts, level, sign_in)),
        level=level,
        troubles=troubles,
        sign_in_needed=sign_in,
        needs_person=bool(facts.needs_action),
        # What is in doubt is settled in its time, or parked at once and then counted above.
        held_up=facts.pause is not None or bool(facts.counts["in_doubt"] or (facts.waiting and cut_off)),
        alive=facts.broken is None and facts.holder is not None and not facts.worker_silent,
    )


def sign_in_needed(facts: Facts) -> bool:
    """No tokens at all, or something waits for want of usable ones."""
    return bool(facts.unsigned) or all(each.state == "missing" for each in facts.auth)


def _online(facts: Facts) -> bool | None:
    """What the gate of the API last saw; None where a try has yet to show it."""
    if "gate:api" not in facts.control:
        return None
    return {Mode.OPEN: True, Mode.CLOSED: False}.get(facts.gate(Host.API).mode)


def _level(facts: Facts, sign_in: bool) -> Level:
    if facts.broken is not None:
        return Level.BROKEN
    if sign_in or facts.needs_action or facts.counts["in_doubt"] or facts.pause is not None:
        return Level.ATTENTION
    return Level.WAITING if facts.waiting else Level.OK


def _headline(facts: Facts, level: Level, sign_in: bool) -> str:
    """One calm sentence for a technician."""
    if level is Level.BROKEN:
        return "The interventions kept on this device cannot be read right now. Nothing was deleted."
    if facts.needs_action:
        more = f" {_are(facts.waiting)} waiting." if facts.waiting else ""
        said = f"{_count(facts.needs_action, 'needs', 'need')} a person to look.{more}"
    elif facts.counts["in_doubt"]:
        said = f"{_count(facts.counts['in_doubt'], 'was', 'were')} sent, and it is not clear yet whether they arrived."
        said = said.replace("they", "it") if facts.counts["in_doubt"] == 1 else said
    elif sign_in and facts.unsigned:
        said = f"{_are(sum(group.n for _, group in facts.unsigned))} waiting for a sign-in."
    elif sign_in:
        return "Nobody is signed in on this device. Captures are kept and wait for that."
    elif facts.pause is not None:
        said = f"Delivery is paused. {_are(facts.waiting)} waiting."
    elif facts.waiting:
        said = f"{_are(facts.waiting)} {_awaited(facts)}."
    else:
        return "Everything is delivered." if facts.counts["done"] else "Nothing is waiting."
    return f"{said} Nothing is lost."


def _awaited(facts: Facts) -> str:
    if facts.shut(Host.API) and facts.counts["pending"]:
        closed = facts.gate(Host.API).mode is Mode.CLOSED
        return "waiting for the network" if closed else "waiting until the server is ready"
    if facts.shut(Host.UPLOAD):
        return "waiting for the storage that keeps the signatures"
    return "waiting to be delivered"


def _are(count: int) -> str:
    return _count(count, "is", "are")


def _count(count: int, one: str, many: str) -> str:
    if count == 1:
        return f"1 intervention {one}"
    return f"{count or 'No'} interventions {many}"


def _document(facts: Facts, level: Level, troubles: tuple[Trouble, ...], headline: str) -> dict[str, Any]:
    known = facts.broken is None
    oldest = facts.oldest_waiting
    pause = facts.pause
    return {
        "schema": 1,
        "version": VERSION,
        # The end of the database's id: tells one device from another, and names nobody.
        "device": facts.database_id[-8:] if facts.database_id else None,
        "level": level.value,
        "headline": headline,
        # Unknown is not zero: a monitor must not read a broken database as an empty queue.
        "counts": {state: count if known else None for state, count in facts.counts.items()},
        "waiting": facts.waiting if known else None,
        "needs_action": facts.needs_action if known else None,
        "in_doubt": facts.counts["in_doubt"] if known else None,
        "signature_owed": facts.signatures_owed if known else None,
        "oldest_waiting_s": None if oldest is None else max(0, round(facts.now.timestamp() - oldest / 1000)),
        "next_due_at": _next_due_at(facts),
        "problems": [
            {
                "reason": each.reason,
                "count": each.n,
                "oldest_at": iso(each.oldest),
                "next_command": each.next_command,
            }
            for each in troubles
        ],
        "paused": None
        if pause is None
        else {
            "reason": pause.get("reason"),
            "since": _same_instant(pause.get("since")),
            "detail": _clean(pause.get("detail")),
        },
        "online": _online(facts),
        "last_success_at": iso(facts.control.get("last_success")),
        "drain": None
        if facts.drainer is None
        else {
            "pid": facts.drainer.pid,
            "since": facts.drainer.since,
            "last_sign_at": None if facts.drain_beat_at is None else iso(int(facts.drain_beat_at * 1000)),
        },
        "worker": None if facts.holder is None else {"pid": facts.holder.pid, "since": facts.holder.since},
        "auth": [
            {
                "owner": each.owner,
                "state": each.state,
                "expires_at": _iso(each.expires_at),
                "waiting": each.waiting if known else None,
            }
            for each in facts.auth
        ],
        "clock_offset_s": offset_s(facts.control),
        "disk_free_bytes": facts.disk_free_bytes,
        "database": {
            "path": str(facts.folder.database),
            "bytes": facts.database_bytes,
            "sqlite_version": sqlite_version(),
            "encrypted": False,
        },
    }


def _next_due_at(facts: Facts) -> str | None:
    """When something is tried next, as far as that is a matter of time: now, after a wait, or at a gate's next look."""
    if facts.next_due is None or facts.pause is not None:
        return None
    moments = [max(facts.now, datetime.fromtimestamp(facts.next_due / 1000, UTC))]
    hosts = [Host.API] if facts.counts["pending"] else [Host.UPLOAD] if facts.counts["accepted"] else []
    moments += [until for host in hosts if (until := waits_until(facts.gate(host), facts.now))]
    return _iso(max(moments))


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso(int(at.timestamp() * 1000))


def _same_instant(text: Any) -> str | None:
    """An instant as it is written everywhere else."""
    try:
        return _iso(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return None


def _clean(text: Any) -> str | None:
    if not text:
        return None
    from sync.secret import redact  # only where somebody wrote something: its patterns are slow to compile

    return redact(str(text))
