"""The outbox under any order of captures, sends, answers, crashes, orders and late answers, on a real database.

Every worker has the same name here, so that nothing but the fence tells a live claim from one that was taken away.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.claims import Lease
from storage.lifecycle import FINAL, NEEDS_ACTION, Event, State
from storage.records import Kept
from storage.waits import wake_due
from tests.support.scratch import KIND, LEASE_MS, REPEATABLE_KIND, URL, Scratch, entry_id

IN_MEMORY = Path(
    "/dev/shm"
)  # each step is a few commits: where memory can hold files, no disk need wait for them
SEND_SETBACKS = (Event.RETRY, Event.DOUBT, Event.REJECT, Event.PARK)
UNSENT = ("pending", "sending", "in_doubt")
Claim = tuple[int, str, Lease]
picks = st.integers(0, 10**6)


class Outbox(RuleBasedStateMachine):
    """What happens to an outbox; entries are numbers, and `claims` holds every claim ever taken, dead ones too."""

    def __init__(self) -> None:
        super().__init__()
        self.place = TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.scratch = Scratch(Path(self.place.name) / "queue")
        self.numbers: list[int] = []
        self.claims: list[Claim] = []
        self.receipted: set[int] = set()  # the server is known to have these
        self.server_ids: dict[int, int] = {}
        self.fences: dict[int, int] = {}
        self.next_server_id = 500

    def teardown(self) -> None:
        self.scratch.close()
        self.place.cleanup()

    def of_state(self, *states: str) -> list[int]:
        marks = ", ".join("?" * len(states))
        sql = f"SELECT id FROM entry WHERE state IN ({marks}) ORDER BY seq"
        return [int(id[-12:]) for (id,) in self.scratch.all(sql, states)]

    def new_server_id(self) -> int:
        self.next_server_id += 1
        return self.next_server_id

    def lives(self, claim: Claim) -> bool:
        number, _, lease = claim
        row = self.scratch.row(number)
        return (row["lease_owner"], row["lease_fence"]) == (lease.owner, lease.fence)

    def some_claim(self, pick: int, step: str, *, dead: bool = False) -> Claim | None:
        """One of the last few of a step; `dead`: one that was taken away from its holder."""
        found = [claim for claim in self.claims if claim[1] == step and not (dead and self.lives(claim))]
        return found[-1 - pick % min(len(found), 6)] if found else None

    def unchanged_unless_alive(self, claim: Claim, did: Any) -> None:
        """`did` acts with the claim; a claim that is not alive must not have changed its row."""
        alive, before = self.lives(claim), self.scratch.row(claim[0])
        changed = did()
        assert changed is alive
        if not alive:
            assert self.scratch.row(claim[0]) == before

    @initialize(signed=st.booleans())
    def begin_with_entries(self, signed: bool) -> None:
        for signs in (True, signed, False):
            self.capture(signed=signs, repeatable=False, link="none", pick=0)

    @rule(
        signed=st.booleans(),
        repeatable=st.booleans(),
        link=st.sampled_from(["none", "chain", "after", "target"]),
        pick=picks,
    )
    def capture(self, signed: bool, repeatable: bool, link: str, pick: int) -> None:
        number = len(self.numbers) + 1
        parent = entry_id(self.numbers[pick % len(self.numbers)]) if self.numbers else None
        links: dict[str, Any] = {
            "none": {},
            "chain": {"chain_key": f"target:{pick % 2}"},
            "after": {"after_entry": parent},
            "target": {"target_entry": parent},
        }[link]
        kind = REPEATABLE_KIND if repeatable else KIND
        self.scratch.put(number, signed=signed, kind=kind, creates=not repeatable, **links)
        self.numbers.append(number)

    @precondition(lambda self: self.scratch.due())
    @rule(pick=picks)
    def send(self, pick: int) -> None:
        due = self.scratch.due()
        number = due[pick % len(due)]
        assert number not in self.receipted, "the server has it, and it would be sent again"
        self.claims.append((number, "send", self.scratch.send(number)))

    @precondition(lambda self: self.scratch.due_uploads())
    @rule(pick=picks)
    def begin_upload(self, pick: int) -> None:
        due = self.scratch.due_uploads()
        number = due[pick % len(due)]
        self.claims.append((number, "upload", self.scratch.lease_upload(number)))

    @precondition(lambda self: self.claims)
    @rule(pick=picks, upload_next=st.booleans(), late=st.booleans(), taken=st.integers(0, 3))
    def accepted(self, pick: int, upload_next: bool, late: bool, taken: int) -> None:
        """By a claim that may be long dead; now and then a server names a record of another entry."""
        claim = self.some_claim(pick, "send", dead=late)
        if claim is None:
            return
        number, _, lease = claim
        before, alive = self.scratch.row(number), self.lives(claim)
        others = [id for entry, id in self.server_ids.items() if entry != number]
        server_id = others[pick % len(others)] if taken == 0 and others else self.new_server_id()
        url = URL if before["has_signature"] else None
        kept, upload = self.scratch.accept(number, lease, server_id, upload_next=upload_next, url=url)
        assert (kept is Kept.STORED) <= (alive and before["state"] == "sending")
        if kept is Kept.RECEIPT_ONLY:
            assert self.scratch.row(number) == before
        else:
            self.receipted.add(number)
        if kept in (Kept.STORED, Kept.ADOPTED):
            assert before["server_id"] is None
            self.server_ids[number] = server_id
        if upload is not None:
            self.claims.append((number, "upload", upload))

    @precondition(lambda self: self.claims)
    @rule(
        pick=picks,
        event=st.sampled_from(SEND_SETBACKS),
        counted=st.booleans(),
    )
    def send_fails(self, pick: int, event: Event, counted: bool) -> None:
        claim = self.some_claim(pick, "send")
        if claim is None or (self.lives(claim) and self.scratch.state(claim[0]) != "sending"):
            return
        number, _, lease = claim
        due_at = self.scratch.now + 1_000 if counted and event is Event.RETRY else 0
        self.unchanged_unless_alive(
            claim, lambda: self.scratch.set_back(number, lease, event, counted=counted, due_at=due_at)
        )

    @precondition(lambda self: self.claims)
    @rule(pick=picks, event=st.sampled_from([Event.RETRY, Event.PARK]))
    def upload_fails(self, pick: int, event: Event) -> None:
        claim = self.some_claim(pick, "upload")
        if claim is not None:
            number, _, lease = claim
            self.unchanged_unless_alive(
                claim, lambda: self.scratch.set_back(number, lease, event, link_failure=True)
            )

    @precondition(lambda self: self.claims)
    @rule(pick=picks)
    def uploaded(self, pick: int) -> None:
        claim = self.some_claim(pick, "upload")
        if claim is not None:
            self.unchanged_unless_alive(claim, lambda: self.scratch.upload(claim[0], claim[2]))

    @precondition(lambda self: self.claims)
    @rule(pick=picks, step=st.sampled_from(["send", "upload"]))
    def hand_back(self, pick: int, step: str) -> None:
        claim = self.some_claim(pick, step)
        if claim is not None and (step == "upload" or self.scratch.state(claim[0]) != "accepted"):
            self.unchanged_unless_alive(claim, lambda: self.scratch.hand_back(claim[0], claim[2]))

    @precondition(lambda self: self.claims)
    @rule()
    def crash_and_rescue(self) -> None:
        """The next drain takes over; what the dead one held is in nobody's hands."""
        self.scratch.rescue()
        assert self.scratch.all("SELECT count(*) FROM entry WHERE lease_owner IS NOT NULL") == [(0,)]
        assert self.scratch.all("SELECT count(*) FROM entry WHERE state = 'sending'") == [(0,)]

    @precondition(lambda self: self.of_state("in_doubt"))
    @rule(pick=picks, held=st.booleans())
    def settle_doubt(self, pick: int, held: bool) -> None:
        """Held for a person, or taken for absent and so due again."""
        numbers = self.of_state("in_doubt")
        number = numbers[pick % len(numbers)]
        if held:
            assert self.scratch.park_doubt(number)
        elif self.scratch.take_for_absent(number):
            assert number not in self.receipted

    @rule(pick=picks)
    def resync(self, pick: int) -> None:
        # Half of the orders are for what is held: they are the ones that move something.
        numbers = (self.of_state("parked", "dead") if pick % 2 else []) or self.numbers
        number = numbers[pick // 2 % len(numbers)]
        before = self.scratch.row(number)
        did, after = self.scratch.resync(number), self.scratch.row(number)
        if did in ("released", "requeued"):
            assert (after["state"], after["stage"], after["attempts"]) == (before["stage"], None, 0)
        else:
            assert after["state"] == before["state"]
        if did == "skipped":
            assert after == before

    @rule(lease=st.booleans())
    def time_passes(self, lease: bool) -> None:
        self.scratch.now += LEASE_MS + 1 if lease else 1_000
        with self.scratch.database.write() as transaction:
            wake_due(transaction, now=self.scratch.now)

    @invariant()
    def no_entry_vanishes(self) -> None:
        ids = [row[0] for row in self.scratch.all("SELECT id FROM entry ORDER BY seq")]
        assert ids == [entry_id(number) for number in self.numbers]

    @invariant()
    def counters_are_what_counting_says(self) -> None:
        counted = self.scratch.all(
            "SELECT state, coalesce(reason, ''), count(*) FROM entry GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert self.scratch.all("SELECT state, reason, n FROM counter WHERE n <> 0 ORDER BY 1, 2") == counted

    @invariant()
    def every_row_makes_sense(self) -> None:
        columns = (
            "id, state, stage, server_id, attempts, link_failures, lease_owner, lease_fence, attempt_n, done_at, "
            "presigned_url, has_signature"
        )
        for row in self.scratch.all(f"SELECT {columns} FROM entry"):
            (
                id,
                state,
                stage,
                server_id,
                attempts,
                link_failures,
                owner,
                fence,
                _,
                done_at,
                url,
                has_signature,
            ) = row
            number = int(id[-12:])
            assert server_id == self.server_ids.get(number)
            assert (server_id is None) >= (state in UNSENT)
            assert (server_id is not None) >= (state in ("accepted", "done"))
            assert (stage is not None) == (state in NEEDS_ACTION)
            assert attempts >= 0
            assert link_failures >= 0
            assert (owner is not None) >= (state == "sending")
            assert (owner is None) or state in ("sending", "accepted")
            assert fence >= self.fences.get(number, 0)
            self.fences[number] = fence
            assert (done_at is not None) == (state == "done")
            assert url is None or (has_signature and state not in FINAL)
            assert State(state)

    @invariant()
    def server_ids_are_unique_over_creates(self) -> None:
        created = self.scratch.all("SELECT server_id FROM entry WHERE creates = 1 AND server_id IS NOT NULL")
        assert len(set(created)) == len(created)

    @invariant()
    def history_is_numbered_upwards_and_in_full(self) -> None:
        last: dict[int, int] = {}
        for seq, n in self.scratch.all("SELECT entry_seq, n FROM attempt ORDER BY id"):
            assert n == last.get(seq, 0) + 1
            last[seq] = n
        for seq, attempt_n in self.scratch.all("SELECT seq, attempt_n FROM entry"):
            assert last.get(seq, 0) == attempt_n


@pytest.mark.parametrize("seed", range(8))
def test_long_walk_keeps_every_promise(seed: int) -> None:
    """Hypothesis finds the short surprises; hundreds of evenly drawn steps find those that need a past."""
    rng, walk = Random(seed), Outbox()
    steps: list[Callable[[], None]] = [
        *[
            lambda: walk.capture(
                flip(), rng.random() < 0.2, rng.choice(["none"] * 5 + ["chain", "after", "target"]), pick()
            )
        ]
        * 3,
        *[lambda: walk.send(pick()) if walk.scratch.due() else None] * 4,
        *[lambda: walk.begin_upload(pick()) if walk.scratch.due_uploads() else None] * 2,
        *[lambda: walk.accepted(pick(), flip(), flip(), rng.randrange(4))] * 3,
        *[lambda: walk.send_fails(pick(), rng.choice(SEND_SETBACKS), flip())] * 2,
        lambda: walk.upload_fails(pick(), rng.choice([Event.RETRY, Event.PARK])),
        lambda: walk.uploaded(pick()),
        lambda: walk.hand_back(pick(), rng.choice(["send", "upload"])),
        walk.crash_and_rescue,
        *[lambda: walk.settle_doubt(pick(), flip()) if walk.of_state("in_doubt") else None] * 2,
        *[lambda: walk.resync(pick())] * 2,
        lambda: walk.time_passes(flip()),
    ]

    def pick() -> int:
        return rng.randrange(10**6)

    def flip() -> bool:
        return rng.random() < 0.5

    try:
        walk.begin_with_entries(flip())
        for _ in range(400):
            rng.choice(steps)()
            walk.no_entry_vanishes()
            walk.counters_are_what_counting_says()
            walk.every_row_makes_sense()
            walk.server_ids_are_unique_over_creates()
        walk.history_is_numbered_upwards_and_in_full()
        assert walk.of_state("done"), "a walk on which nothing is delivered proves little"
    finally:
        walk.teardown()


TestOutboxMachine = Outbox.TestCase
TestOutboxMachine.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
