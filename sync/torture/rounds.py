"""Plays the rounds: a fresh device each, its faults one after the other, a kind world, and then the judgement."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from storage.folder import StorageFolder
from storage.schema import open_database
from sync.demo.children import Children, DemoBroken
from sync.reconcile import Strategy
from sync.sandbox.server import Sandbox
from sync.secret import redact
from sync.torture.catalogue import FAULTS
from sync.torture.deck import Hand, deal
from sync.torture.evidence import facts_of, leaks_of
from sync.torture.invariants import Facts, Tally, judge, reasons, tally
from sync.torture.nursery import Nursery
from sync.torture.pace import LIST_LAG_S, LOOKUP_GAP_S, SETTLE_S
from sync.torture.summary import Played, Summary
from sync.torture.trial import Trial

# What an API that ignores idempotency keys allows without guessing, and what one that honours them allows as well.
_IGNORING: Final = ("lookup", "hold")
_HONOURING: Final = ("key", "resend")
# Nothing changed by itself for so long: then nothing will. Beyond the settling time and two look-ups.
_QUIET_S: Final = SETTLE_S + 2 * LOOKUP_GAP_S + 0.6
# Far beyond what it takes on a device that is busy with other things too.
_AT_MOST_S: Final = 90.0


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
        trial = Trial(place, self._prepared, self._sandbox, self._nursery, hand.strategy, self._numbers)
        struck: list[str] = []
        facts: Facts | None = None
        try:
            self._live(trial, hand, struck)
            facts = facts_of(trial)
        except DemoBroken:
            raise
        except Exception as error:  # noqa: BLE001  whatever the product raises in this process is a finding too
            trial.found("crashed", _told(error))
        violations = [*trial.violations]
        if facts is not None:
            violations += [*judge(facts), *leaks_of(trial)]
        if not violations and not self._keep:
            shutil.rmtree(place)
        figures = (
            tally(facts, violations)
            if facts is not None
            else Tally(captured=len(trial.taken) + len(trial.changes))
        )
        return Played(
            hand,
            figures,
            tuple(violations),
            tuple(struck),
            {} if facts is None else reasons(facts),
            time.monotonic() - started_s,
        )

    def _live(self, trial: Trial, hand: Hand, struck: list[str]) -> None:
        """The faults of one round, and the kind world after them. `struck` gets the names of those that hit."""
        for index, name in enumerate(hand.faults):
            if self._suffer(trial, hand, index, name):
                struck.append(name)
        _recover(trial)
        for id, number in sorted(trial.created.items()):
            again = trial.posts(id, since=number)
            trial.expect(
                again == 0, "sent_again", f"the server told that it has {id[-8:]}, and it was sent again"
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


def _told(error: Exception) -> str:
    """What was raised, and where, in one line."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {redact(str(error))} ({Path(where.filename).name}:{where.lineno})"


def _recover(trial: Trial) -> None:
    """Nothing goes wrong any more; passes go on until nothing changes by itself."""
    trial.calm()
    # A record that the device certainly made: only a list that shows one is believed when it lacks another.
    trial.capture()
    if trial.plans:
        trial.plan()
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
