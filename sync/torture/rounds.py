"""Plays the rounds: a fresh device each, its faults one after the other, a kind world, and then the judgement."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from uuid import uuid4

from storage import rehearsal
from storage.errors import StorageProblem
from storage.folder import StorageFolder
from storage.guarded import held
from storage.queries import reading
from storage.schema import open_database
from storage.signatures import read_signature
from storage.story import story
from sync.demo.children import Children
from sync.explain import explain
from sync.payload import to_body
from sync.reconcile import Strategy
from sync.sandbox.server import Sandbox
from sync.torture.catalogue import FAULTS
from sync.torture.deck import Hand, deal
from sync.torture.invariants import Arrived, Facts, Tally, judge, tally
from sync.torture.leaks import leaks, secrets_of
from sync.torture.nursery import Nursery
from sync.torture.trial import LIST_LAG_S, LOOKUP_GAP_S, SETTLE_S, Trial, Violation

# What an API that ignores idempotency keys allows without guessing, and what one that honours them allows as well.
_IGNORING: Final = ("lookup", "hold")
_HONOURING: Final = ("key", "resend")
# Nothing changed by itself for so long: then nothing will. Beyond the settling time and two look-ups.
_QUIET_S: Final = SETTLE_S + 2 * LOOKUP_GAP_S + 0.6
_AT_MOST_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Played:
    """How one round ended."""

    hand: Hand
    tally: Tally
    violations: tuple[Violation, ...]
    struck: tuple[str, ...]
    reasons: Mapping[str, int]  # why entries are not done, and how many each
    duration_s: float

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "round": self.hand.round,
            "seed": self.hand.seed,
            "ok": not self.violations,
            "in_doubt_strategy": self.hand.strategy,
            "faults": list(self.hand.faults),
            **self.tally.to_json(),
            "reasons": dict(self.reasons),
            "violations": [violation_json(self.hand, each) for each in self.violations],
            "duration_s": round(self.duration_s, 3),
        }


@dataclass(slots=True)
class Summary:
    """The whole run, in the shape of the last line of `torture --json`."""

    seed: int
    names: tuple[str, ...]
    rounds: int = 0
    tally: Tally = field(default_factory=Tally)
    violations: list[tuple[Hand, Violation]] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    duration_s: float = 0.0

    @property
    def ok(self) -> bool:
        return self.rounds > 0 and not self.violations

    def add(self, played: Played) -> None:
        self.rounds += 1
        self.tally = self.tally.plus(played.tally)
        self.violations += [(played.hand, each) for each in played.violations]
        self.struck.update(played.struck)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "ok": self.ok,
            "rounds": self.rounds,
            "seed": self.seed,
            **self.tally.to_json(),
            "violations": [violation_json(hand, each) for hand, each in self.violations],
            "faults": {name: self.struck[name] for name in self.names},
            "duration_s": round(self.duration_s, 3),
        }


def violation_json(hand: Hand, violation: Violation) -> dict[str, Any]:
    return {
        "round": hand.round,
        "seed": hand.seed,
        "invariant": violation.invariant,
        "detail": violation.detail,
    }


def strategies() -> tuple[str, ...]:
    """The deck of strategies: mostly an API that ignores keys, as the real one does."""
    known = {each.value for each in Strategy}
    usual = [name for name in _IGNORING if name in known]
    return tuple(usual[:1] * 6 + usual[1:] * 2 + [name for name in _HONOURING if name in known])


class Torture:
    """All that the rounds of one run share: processes, the sandbox, an empty outbox to copy."""

    def __init__(self, children: Children, nursery: Nursery, sandbox: Sandbox, *, keep: bool) -> None:
        self._children = children
        self._keep = keep
        self._nursery = nursery
        self._sandbox = sandbox
        self._prepared = children.folder / "prepared"
        open_database(StorageFolder(self._prepared), new_id=str(uuid4()), now=datetime.now(UTC)).close()
        self._numbers = count(1)

    def play(self, hand: Hand) -> Played:
        """One round, from an empty outbox to the judgement."""
        started_s = time.monotonic()
        self._sandbox.reset()
        lags = hand.strategy not in _HONOURING and hand.rng("lag").random() < 0.5
        self._sandbox.state.set_options(
            {"honour_keys": hand.strategy in _HONOURING, "list_lag_s": LIST_LAG_S if lags else 0.0}
        )
        place = self._children.folder / f"round-{hand.round:04}"
        place.mkdir()
        trial = Trial(
            place, self._prepared, self._sandbox, self._nursery, hand.strategy, hand.rng(), self._numbers
        )
        struck = [name for index, name in enumerate(hand.faults) if self._suffer(trial, hand, index, name)]
        _recover(trial)
        for id in sorted(trial.created):
            sent = trial.posts(id)
            trial.expect(
                sent == 1, "sent_again", f"the server has {id[-8:]} for certain, and it was sent {sent} times"
            )
        facts = _facts(trial)
        violations = [*trial.violations, *judge(facts), *_leaks(trial)]
        if not violations and not self._keep:
            shutil.rmtree(place)
        figures = tally(facts, violations)
        reasons = Counter(
            str(entry["reason"] or entry["state"])
            for entry in facts.entries.values()
            if entry["state"] != "done"
        )
        return Played(
            hand, figures, tuple(violations), tuple(struck), dict(reasons), time.monotonic() - started_s
        )

    def _suffer(self, trial: Trial, hand: Hand, index: int, name: str) -> bool:
        """One fault, then one pass in a kind world."""
        struck = FAULTS[name](trial, hand.rng(index))
        trial.calm()
        trial.drain()
        return struck


@contextmanager
def torturing(*, keep: bool) -> Iterator[tuple[Torture, Children]]:
    """Everything that is needed, ready; gone afterwards, however it ends."""
    with Children(keep=keep, prefix="fieldsync-torture-") as children:
        nursery = Nursery(children)
        with Sandbox(log_limit=100_000) as sandbox:
            torture = Torture(children, nursery, sandbox, keep=keep)
            nursery.ready()
            try:
                yield torture, children
            finally:
                nursery.end_all()


def run(
    torture: Torture,
    *,
    seed: int,
    rounds: Sequence[int],
    names: Sequence[str],
    told: Callable[[Played], None],
) -> Summary:
    """Play these rounds of the run with this seed."""
    started_s = time.monotonic()
    summary = Summary(seed, tuple(names))
    for number in rounds:
        played = torture.play(deal(seed, number, names, strategies()))
        summary.add(played)
        summary.duration_s = time.monotonic() - started_s
        told(played)
    return summary


def _recover(trial: Trial) -> None:
    """Nothing goes wrong any more; passes go on until nothing changes by itself."""
    trial.calm()
    # A record that the device certainly made: only a list that shows one is believed when it lacks another.
    trial.capture()
    deadline_s = time.monotonic() + _AT_MOST_S
    before: Any = None
    quiet_since_s = time.monotonic()
    while True:
        trial.drain()
        now = [(each["id"], each["state"], each["server_id"]) for each in trial.entries()]
        waiting = {state for _, state, _ in now} & {"pending", "sending", "in_doubt", "accepted"}
        if now != before:
            before, quiet_since_s = now, time.monotonic()
        elif not waiting or time.monotonic() - quiet_since_s > _QUIET_S:
            return
        if time.monotonic() > deadline_s:
            trial.found(
                "stuck", f"after {_AT_MOST_S:.0f} s in a kind world entries still change their states: {now}"
            )
            return
        if waiting:
            time.sleep(0.2)


def _facts(trial: Trial) -> Facts:
    status = trial.command("status", "--json", expected=(0, 3, 4, 5)).document()
    listed = trial.command("list", "--json").document()
    entries: dict[str, dict[str, Any]] = {}
    now = datetime.now(UTC)
    with reading(trial.folder) as reader:
        assert reader is not None, "the outbox was made before"
        control = reader.control()
        for entry in reader.entries():
            told = story(reader, entry["id"])
            explained = explain(told, control, now)["waiting_for"]
            entries[entry["id"]] = {**told, "body": to_body(told["payload"]), "explained": explained}
    images: dict[str, bytes] = {}
    with trial.database() as database:
        with database.read() as transaction:
            rows = {id: held(transaction, id=id) for id in entries}
            claimed = rehearsal.claimed(transaction)
        for id, row in rows.items():
            assert row is not None, "the entry was listed"
            try:
                signature = read_signature(database, row.seq)
            except StorageProblem:
                continue  # damaged: as if it were not there
            if signature is not None:
                images[id] = signature.data
    return Facts(
        list(trial.taken.values()), entries, images, claimed, _arrived(trial.sandbox), status, listed
    )


def _arrived(sandbox: Sandbox) -> list[Arrived]:
    found = []
    for record in sandbox.state.records():
        image = sandbox.state.objects.get(record["image_key"])
        found.append(
            Arrived(
                record["idempotency_key"],
                record["id"],
                record["body_sha256"],
                None if image is None else image[1],
                "" if image is None else image[0]["content_type"],
            )
        )
    return found


def _leaks(trial: Trial) -> list[Violation]:
    """Tokens may be nowhere; a presigned URL only in the database, and only while its upload is owed."""
    with trial.database() as database:
        with database.read() as transaction:
            owed = {secret for url in rehearsal.owed_urls(transaction) for secret in secrets_of(url)}
        # What is erased must be gone from the file too, once the log has been moved into it.
        database.checkpoint()
    used = {secret for each in trial.requests() for secret in secrets_of(each["target"])}
    logs, outbox = trial.place / "logs", trial.folder.root
    found = [*leaks(logs, trial.secrets | used | owed), *leaks(outbox, trial.secrets | (used - owed))]
    return [Violation("leak", each) for each in found]
