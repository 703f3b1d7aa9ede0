"""Entries in doubt during a pass: settle what time settles, claim a look-up when one is due, write down what it showed.

Runs inside the drain's transactions. The decisions are `reconcile.py`, the reading is `looking.py`, what it proves is
`own_records.py`; updates are looked after by `update_lookups.py`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from storage import control, doubts
from storage.database import Transaction
from storage.doubts import Doubt
from storage.guarded import from_ms
from storage.records import Result
from sync import matching, reconcile, update_lookups
from sync.answer import storable, strip_secrets
from sync.clock import Clock
from sync.credentials import Tokens
from sync.gate import Host, Mode
from sync.hosts import Hosts
from sync.listing import NoPage
from sync.looking import ListCall, Looked, LookJob, TargetJob, TargetsRead
from sync.matching import Kind, Match, Wanted, Window
from sync.operations import by_kind
from sync.own_records import OwnRecords, traits_of
from sync.policy import HostNews, Step
from sync.reconcile import Do, Now, Patience, Ruling, Strategy
from sync.server_clock import clock_offset, note_offset
from sync.tally import Tally

_MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Lookups:
    """Settles doubt for one process, by one strategy."""

    strategy: Strategy
    patience: Patience
    call: ListCall
    clock: Clock
    parks_changed: bool = False  # an update whose target somebody else has changed since

    def settle(self, transaction: Transaction) -> None:
        """Move on what can be moved on without a look at the server."""
        now = self._now(transaction)
        for doubt in doubts.in_doubt(transaction):
            self._obey(
                transaction, doubt, reconcile.without_look(doubt, self.strategy, self.patience, now), now
            )

    def claim(
        self,
        transaction: Transaction,
        hosts: Hosts,
        active: Iterable[Any],
        tokens_of: Callable[[str | None], Tokens | None],
    ) -> LookJob | TargetJob | None:
        """The look-up that is due now, if one is and its host may be asked. One at a time."""
        if self.strategy in (Strategy.HOLD, Strategy.RESEND) or any(
            job.step is Step.LOOKUP for job in active
        ):
            return None
        now = self._now(transaction)
        due = doubts.due_for_look(transaction, mono_ms=now.mono_ms, most=_MOST_AT_ONCE)
        if not due or not self._may_ask(transaction, hosts, now):
            return None
        wanted = [doubt for doubt in due if self._is_wanted(transaction, doubt, now)]
        for owner in dict.fromkeys(doubt.owner for doubt in wanted):
            of_owner = [doubt for doubt in wanted if doubt.owner == owner]
            held = (owner or "") in control.paused_owners(transaction)
            tokens = None if held else tokens_of(owner)
            if tokens is not None:
                # What was made is looked for in the list, what was changed at its own number: whoever is due first.
                alike = [doubt for doubt in of_owner if doubt.creates == of_owner[0].creates]
                if alike[0].creates:
                    return self._job(transaction, owner, tokens, alike)
                return update_lookups.job(transaction, owner, tokens, alike, self.call.path)
            for doubt in of_owner:
                self._later(transaction, doubt, now, self.patience.gap_s)
        return None

    def record(
        self, transaction: Transaction, hosts: Hosts, tally: Tally, looked: Looked | TargetsRead
    ) -> None:
        """Write down what a reading showed about each of its entries."""
        if isinstance(looked, TargetsRead):
            self._record_targets(transaction, hosts, tally, looked)
            return
        now = self._now(transaction)
        _tell(hosts, looked.listing.trouble, now)
        ours = OwnRecords(transaction, looked)
        rest: list[tuple[Doubt, Wanted, Match]] = []
        for doubt, wanted in zip(looked.job.doubts, looked.job.wanted, strict=True):
            match = ours.match(doubt, wanted)
            if match.kind is Kind.ONE:
                ruling = reconcile.after_look(doubt, match, ours.seen(doubt, wanted), self.patience, now)
                if self._found(transaction, doubt, ruling, looked, now):
                    tally.sent += 1
                    tally.delivered += not by_kind(doubt.kind).has_signature
                ours.own(match.item, doubt.kind, wanted.traits, now.ms)
            else:
                rest.append((doubt, wanted, match))
        # After the finds: what was just recognised as ours shows that the list shows what is ours.
        for doubt, wanted, match in rest:
            ruling = reconcile.after_look(doubt, match, ours.seen(doubt, wanted), self.patience, now)
            self._note(transaction, doubt, ruling, looked, now)

    def _record_targets(
        self, transaction: Transaction, hosts: Hosts, tally: Tally, read: TargetsRead
    ) -> None:
        if read.clock_offset_s is not None:  # it may be the first answer that this device ever got
            note_offset(transaction, read.clock_offset_s, self.clock)
        now = self._now(transaction)
        for answer in read.answers:
            if isinstance(answer, NoPage):
                _tell(hosts, answer, now)
        update_lookups.record(
            transaction,
            read,
            parks_changed=self.parks_changed,
            patience=self.patience,
            tally=tally,
            now=now,
        )

    def _now(self, transaction: Transaction) -> Now:
        offset_s = clock_offset(transaction)
        ms = self.clock.now_ms()
        server_ms = None if offset_s is None else ms + int(offset_s * 1000)
        return Now(ms, self.clock.monotonic_ms(), self.clock.boot(), server_ms)

    def _may_ask(self, transaction: Transaction, hosts: Hosts, now: Now) -> bool:
        if control.get(transaction, control.PAUSE) is not None:
            return False
        waits = hosts.waits_until(Host.API, from_ms(now.ms)) is not None
        return not waits and hosts[Host.API].mode is not Mode.CLOSED

    def _is_wanted(self, transaction: Transaction, doubt: Doubt, now: Now) -> bool:
        ruling = reconcile.without_look(doubt, self.strategy, self.patience, now)
        if ruling.do is Do.LOOK or doubt.lookup_due_mono_ms == 0:  # the latter: a person asked
            return True
        if ruling.do is Do.WAIT and doubt.mono_ms is not None:
            due_ms = doubt.mono_ms + int(self.patience.settle_s * 1000)
            doubts.look_later(transaction, doubt, due_mono_ms=max(due_ms, now.mono_ms + 1))
        elif ruling.do is not Do.WAIT:
            self._obey(transaction, doubt, ruling, now)
        return False

    def _job(
        self, transaction: Transaction, owner: str | None, tokens: Tokens, of_owner: list[Doubt]
    ) -> LookJob | None:
        found: list[tuple[Doubt, Wanted]] = []
        for doubt in of_owner:
            traits = traits_of(doubts.sent(transaction, doubt.seq))
            if traits is None:  # there is nothing in it by which it could be recognised
                doubts.park(transaction, doubt, reason=reconcile.park_reason(doubt))
                continue
            window = Window(doubt.first_sent_server_at, doubt.last_sent_server_at)
            found.append((doubt, Wanted(doubt.seq, traits, window)))
        if not found:
            return None
        return LookJob(owner, tokens, tuple(d for d, _ in found), tuple(w for _, w in found), self.call)

    def _obey(self, transaction: Transaction, doubt: Doubt, ruling: Ruling, now: Now) -> None:
        match ruling.do:
            case Do.PARK:
                doubts.park(transaction, doubt, reason=ruling.reason or reconcile.HELD_REASON)
            case Do.SEND:
                if not doubts.take_for_absent(transaction, doubt):
                    # Refused by the storage: never a reason to come back at once, and again and again.
                    self._later(transaction, doubt, now, max(self.patience.gap_s, 1.0))
            case Do.RESTART:
                doubts.restart_clock(transaction, doubt, now=now.ms, mono_ms=now.mono_ms, boot=now.boot)
            case Do.WAIT | Do.LOOK | Do.FOUND | Do.QUIET:
                pass

    def _later(self, transaction: Transaction, doubt: Doubt, now: Now, wait_s: float) -> None:
        doubts.look_later(transaction, doubt, due_mono_ms=now.mono_ms + max(1, int(wait_s * 1000)))

    def _found(
        self, transaction: Transaction, doubt: Doubt, ruling: Ruling, looked: Looked, now: Now
    ) -> bool:
        assert ruling.item is not None, "a match has an item"
        server_id = matching.item_id(ruling.item)
        assert server_id is not None, "a match has an id"
        kept = copy.deepcopy(dict(ruling.item)) if storable(ruling.item) else {"id": server_id}
        strip_secrets(kept)
        answer = json.dumps({"data": kept}, ensure_ascii=False, separators=(",", ":"))
        return doubts.record_found(
            transaction,
            doubt,
            server_id=server_id,
            status=200,
            answer=answer,
            result=_result("Found", "found_at_server", looked),
            now=now.ms,
        )

    def _note(self, transaction: Transaction, doubt: Doubt, ruling: Ruling, looked: Looked, now: Now) -> None:
        trouble = looked.listing.trouble
        if ruling.do is Do.WAIT:
            online = trouble is None or trouble.online
            look = reconcile.look_of(
                doubt, ruling, now, started_mono_ms=looked.started_mono_ms, online=online
            )
            said = ruling.reason or (trouble.reason if trouble else "lookup_missed")
            outcome = "Missed" if said == "lookup_missed" else "Unclear"
            doubts.record_look(transaction, doubt, look, _result(outcome, said, looked), now=now.ms)
            return
        outcome, said = {
            Do.SEND: ("Absent", "absent_at_server"),
            Do.PARK: ("GivenUp", ruling.reason or reconcile.HELD_REASON),
        }.get(ruling.do, ("Unclear", "lookup_unclear"))
        if doubts.note_end(transaction, doubt, _result(outcome, said, looked), now=now.ms):
            self._obey(transaction, doubt, ruling, now)


def _tell(hosts: Hosts, trouble: NoPage | None, now: Now) -> None:
    if trouble is not None and trouble.news is not HostNews.NONE:
        hosts.tell(Host.API, trouble.news, trouble.reason, from_ms(now.ms), trouble.wait_s)


def _result(outcome: str, reason: str, looked: Looked) -> Result:
    listing = looked.listing
    trouble = listing.trouble
    detail = f"{len(listing.items)} interventions on {listing.pages} pages"
    status = trouble.status if trouble is not None else 200
    return Result(outcome, reason, looked.duration_ms, status=status, detail=detail)


def next_look_s(transaction: Transaction, *, settle_s: float, clock: Clock) -> float | None:
    """Seconds until doubt can be settled further, by time or by a look-up; None where nothing is in doubt."""
    mono_ms, boot = clock.monotonic_ms(), clock.boot()
    settle_ms = int(settle_s * 1000)
    moments = []
    for doubt in doubts.in_doubt(transaction):
        if doubt.boot != boot or doubt.mono_ms is None:
            moments.append(mono_ms + settle_ms)
        else:
            moments.append(max(doubt.mono_ms + settle_ms, doubt.lookup_due_mono_ms or 0))
    return None if not moments else max(0.0, (min(moments) - mono_ms) / 1000)
