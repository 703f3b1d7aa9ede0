"""Updates in doubt during a pass: which targets are read, and what a reading changes.

Runs inside the drain's transactions, called by `lookups.py`. What a reading shows is judged in `target_read.py`, what
follows for the update in `reconcile_update.py`, the reading itself is `looking.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage import checks, doubts, update_doubts
from storage.database import Transaction
from storage.digests import text_sha256
from storage.doubts import Doubt
from storage.records import Result
from storage.update_doubts import Quieter
from sync import reconcile, target_read
from sync.credentials import Tokens
from sync.errors import UnknownKind
from sync.ids import derived_key
from sync.listing import NoPage
from sync.looking import TargetJob, TargetsRead
from sync.matching import Item
from sync.operations import by_kind
from sync.operations.operation import Operation
from sync.policy import HostNews
from sync.reconcile import Do, Now, Patience, Ruling
from sync.reconcile_update import Finding, UpdateSeen, after_read
from sync.references import references
from sync.tally import Tally
from sync.target_read import Reading, Tries

_MOST_AT_ONCE: Final = 20
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Sent:
    """An update that was sent and can be looked for. `body` is what was sent, `quiet` the same without its notices."""

    operation: Operation
    path: str
    body: Mapping[str, Any]
    quiet: dict[str, Any]
    idempotency_key: str
    target: int
    waived: bool

    @property
    def repeatable(self) -> bool:
        return self.operation.repeatable(self.body)

    def quieter(self) -> Quieter:
        """The request that changes the same and notifies nobody."""
        body = json.dumps(self.quiet, ensure_ascii=False, separators=(",", ":"))
        digest = text_sha256(f"{self.operation.method} {self.path}\n{body}")
        return Quieter(self.path, body, digest, derived_key(self.idempotency_key, "quiet"))


def sent_of(transaction: Transaction, doubt: Doubt) -> Sent | None:
    """What was sent for this update; None where that is not known well enough to look for it."""
    found = update_doubts.sent_update(transaction, doubt.seq)
    try:
        operation = by_kind(found.kind)
        body = json.loads(found.body)
    except (UnknownKind, ValueError):
        return None
    # A body that names an entry was never sent as it stands.
    if found.target is None or not isinstance(body, dict) or next(references(body), None) is not None:
        return None
    path = found.path or operation.path.replace("{id}", str(found.target))
    return Sent(
        operation, path, body, operation.quiet(body), found.idempotency_key, found.target, found.waived
    )


def job(
    transaction: Transaction, owner: str | None, tokens: Tokens, of_owner: list[Doubt], path: str
) -> TargetJob | None:
    """The readings that are due for the updates of one owner; `path` is the list's. None: there is nothing to read."""
    found: list[tuple[Doubt, int]] = []
    for doubt in of_owner[:_MOST_AT_ONCE]:
        sent = sent_of(transaction, doubt)
        if sent is None:  # there is nothing by which it could be recognised
            doubts.park(transaction, doubt, reason=reconcile.park_reason(doubt))
        else:
            found.append((doubt, sent.target))
    if not found:
        return None
    return TargetJob(owner, tokens, tuple(d for d, _ in found), tuple(t for _, t in found), path)


def record(
    transaction: Transaction,
    read: TargetsRead,
    *,
    parks_changed: bool,
    patience: Patience,
    tally: Tally,
    now: Now,
) -> None:
    """Write down what each of these readings showed of its update."""
    for doubt, answer in zip(read.job.doubts, read.answers, strict=True):
        sent = None if answer is None else sent_of(transaction, doubt)
        if answer is None or sent is None:
            due_ms = now.mono_ms + max(1000, int(patience.gap_s * 1000))
            doubts.look_later(transaction, doubt, due_mono_ms=due_ms)
            continue
        told = _Told(doubt, sent, answer, _reading(sent, answer), read)
        finding = _finding(transaction, told, now)
        seen = UpdateSeen(
            finding,
            read.started_mono_ms,
            has_quiet_form=bool(sent.quiet),
            parks_changed=parks_changed and not sent.waived,
            trouble=answer.reason if isinstance(answer, NoPage) else "",
        )
        ruling = after_read(doubt, seen, patience, now)
        if ruling.do in (Do.SEND, Do.QUIET) and sent.repeatable:
            ruling = ruling._replace(do=Do.SEND)  # there is nothing in it to withhold
        _obey(transaction, told, ruling, tally, now)


@dataclass(frozen=True, slots=True)
class _Told:
    """One answer about one update. `reading` is None where the intervention was not shown."""

    doubt: Doubt
    sent: Sent
    answer: Item | NoPage
    reading: Reading | None
    read: TargetsRead

    def result(self, outcome: str, reason: str) -> Result:
        """For the history: which fields were compared, never what is in them."""
        status = self.answer.status if isinstance(self.answer, NoPage) else 200
        return Result(outcome, reason, self.read.duration_ms, status=status, detail=described(self.reading))


def described(reading: Reading | None) -> str:
    """What was compared, for the history; names of fields and the time of the last change."""
    if reading is None:
        return ""
    parts = {
        "shown as sent": reading.agree,
        "shown otherwise": reading.differ,
        "not shown": reading.unshown,
    }
    said = [f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names]
    return "; ".join(said)


def _reading(sent: Sent, answer: Item | NoPage) -> Reading | None:
    if isinstance(answer, NoPage) or answer.get("id", sent.target) != sent.target:
        return None
    return target_read.read(sent.quiet, answer, sent.operation.mirrored)


def _finding(transaction: Transaction, told: _Told, now: Now) -> Finding:
    if isinstance(told.answer, NoPage) and _may_yet_answer(told.answer):
        online = told.answer.online
        # A server that shows nothing for a day is one that does not show it.
        return Finding.REFUSED if reconcile.gives_up(told.doubt, now, online=online) else Finding.UNREACHABLE
    if told.reading is None:
        return Finding.REFUSED
    answers = checks.own_answers(transaction, told.sent.target)
    answered = max((at for each in answers if (at := version_of(each.answer)) is not None), default=None)
    tries = _tries(told.doubt, now)
    if target_read.was_not_applied(told.reading, tries, answered=answered):
        return Finding.ABSENT
    if target_read.was_changed_after(told.reading, tries):
        return Finding.CHANGED
    return Finding.THERE if told.reading.seems_there else Finding.UNTOLD


def _may_yet_answer(trouble: NoPage) -> bool:
    """Whether it is the link's trouble or the server's, and not a refusal."""
    troubled = trouble.status is not None and trouble.status >= _SERVER_ERROR
    return not trouble.online or troubled or trouble.news is not HostNews.NONE


def _tries(doubt: Doubt, now: Now) -> Tries:
    """When it was sent, by the server's clock; reckoned from now where that was not known then."""
    if doubt.first_sent_server_at is not None:
        return Tries(doubt.first_sent_server_at, doubt.last_sent_server_at)
    if now.server_ms is None or doubt.first_sent_at is None or doubt.boot != now.boot:
        return Tries()
    offset_ms = now.server_ms - now.ms
    first, last = doubt.first_sent_at + offset_ms, (doubt.last_sent_at or doubt.first_sent_at) + offset_ms
    return Tries(first, last) if last <= now.server_ms else Tries()  # the clock was set back since


def version_of(answer: str) -> int | None:
    """When the intervention was last changed, by an answer that was kept as a receipt; None where it does not say."""
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    data = found.get("data") if isinstance(found, dict) else None
    return target_read.updated_ms(data) if isinstance(data, dict) else None


def _obey(transaction: Transaction, told: _Told, ruling: Ruling, tally: Tally, now: Now) -> None:
    match ruling.do:
        case Do.WAIT:
            _wait(transaction, told, ruling, now)
        case Do.FOUND:
            _found(transaction, told, tally, now)
        case Do.RESTART:
            doubts.restart_clock(transaction, told.doubt, now=now.ms, mono_ms=now.mono_ms, boot=now.boot)
        case Do.SEND | Do.QUIET | Do.PARK:
            _end(transaction, told, ruling, now)
        case Do.LOOK:
            raise AssertionError("a reading is never followed by itself")


def _wait(transaction: Transaction, told: _Told, ruling: Ruling, now: Now) -> None:
    doubt, online = told.doubt, not isinstance(told.answer, NoPage) or told.answer.online
    look = reconcile.look_of(doubt, ruling, now, started_mono_ms=told.read.started_mono_ms, online=online)
    said = ruling.reason or "lookup_missed"
    outcome = "Missed" if said == "lookup_missed" else "Unclear"
    doubts.record_look(transaction, doubt, look, told.result(outcome, said), now=now.ms)


def _found(transaction: Transaction, told: _Told, tally: Tally, now: Now) -> None:
    """It was carried out: the server said so once, or shows it. Of what it shows only the version is kept."""
    data: dict[str, Any] = {"id": told.sent.target}
    if told.reading is not None and told.reading.seems_there and not isinstance(told.answer, NoPage):
        data["updatedAt"] = told.answer.get("updatedAt")
    kept = doubts.record_found(
        transaction,
        told.doubt,
        server_id=told.sent.target,
        status=200,
        answer=json.dumps({"data": data}, separators=(",", ":")),
        result=told.result("Found", "found_at_server"),
        now=now.ms,
    )
    tally.sent += kept
    tally.delivered += kept


def _end(transaction: Transaction, told: _Told, ruling: Ruling, now: Now) -> None:
    """It goes back to be sent, or is held for a person."""
    doubt, sent = told.doubt, told.sent
    outcome, said = {
        Do.SEND: ("Absent", "absent_at_server"),
        Do.QUIET: ("Repeated", ruling.reason or reconcile.HELD_REASON),
    }.get(ruling.do, ("GivenUp", ruling.reason or reconcile.HELD_REASON))
    if not doubts.note_end(transaction, doubt, told.result(outcome, said), now=now.ms):
        return
    if ruling.do is Do.SEND:
        doubts.take_for_absent(transaction, doubt)
    elif ruling.do is Do.QUIET:
        update_doubts.take_quietly(transaction, doubt, sent.quieter(), reason=said)
    elif said == reconcile.CHANGED_REASON and not isinstance(told.answer, NoPage):
        version = target_read.version_text(sent.quiet, told.answer, sent.operation.mirrored)
        update_doubts.park_changed(transaction, doubt, reason=said, version=version)
    else:
        doubts.park(transaction, doubt, reason=said)
