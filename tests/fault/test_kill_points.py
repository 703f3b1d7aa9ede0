"""The process dies by SIGKILL right before and right after each commit of a delivery, and between its network steps.

Each point gets an outbox and a death of its own; the n-th commit is counted over one whole pass. Then a healthy drain
finishes the work, and what the server holds is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.sandbox.server import Sandbox
from tests.support.death import COMMIT_POINTS
from tests.support.dying_drain import WIRE_POINTS
from tests.support.mortals import Field, Mortals, finish
from tests.support.rig import assert_delivered_once, image_of, keys

ENTRIES = 2
# Opening the pass, the look around, and for each entry: claim, receipt, end. Fewer means that points were missed.
LEAST_COMMITS = 2 + 2 * ENTRIES
DELIVERED = ("done",)
HELD = ("parked", "in_doubt")


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    made = Mortals("dying_drain")
    yield made
    made.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def field(tmp_path: Path, sandbox: Sandbox) -> Field:
    sandbox.reset()
    return Field(tmp_path, sandbox, lambda rig: rig.capture_many(ENTRIES))


@pytest.mark.parametrize("at", [*COMMIT_POINTS, *WIRE_POINTS])
def test_every_death_ends_with_one_record_and_one_image_where_keys_are_honoured(
    field: Field, mortals: Mortals, at: str
) -> None:
    """P1, P2, P4: the battery falls out at the worst moment; the next start finishes the work, once."""
    died = 0
    for died, rig in enumerate(
        field.deaths(mortals, at, honour_keys=True, in_doubt="resend", settle_s=0.0), 1
    ):
        assert len(rig.entries()) == ENTRIES, f"{at} {died}"
        finish(rig)
        assert rig.counts() == {"done": ENTRIES}, f"{at} {died}: {rig.entries()}"
        assert_delivered_once(field.sandbox, field.ids)
        assert set(rig.column("presigned_url")) == {None}
        bodies = {key: post["body_sha256"] for post in rig.posts() for key in keys([post])}
        assert all(bodies[key] == post["body_sha256"] for post in rig.posts() for key in keys([post]))
    assert died >= (LEAST_COMMITS if at in COMMIT_POINTS else ENTRIES)


@pytest.mark.parametrize("at", [*COMMIT_POINTS, *WIRE_POINTS])
def test_no_death_makes_a_second_record_where_keys_are_ignored(
    field: Field, mortals: Mortals, at: str
) -> None:
    """P1, P2, P3: held means asked: at most one record each, and what is not done is listed for a person."""
    died = 0
    for died, rig in enumerate(field.deaths(mortals, at, honour_keys=False, in_doubt="hold"), 1):
        finish(rig)
        where = f"{at} {died}: {rig.entries()}"
        sent = keys(rig.posts())
        assert len(sent) == len(set(sent)), where
        records = {record["idempotency_key"]: record for record in field.sandbox.state.records()}
        assert len(records) == len(field.sandbox.state.records()), where
        assert [entry["id"] for entry in rig.entries()] == field.ids, where
        for entry in rig.entries():
            assert entry["state"] in (*DELIVERED, *HELD), where
            if entry["state"] in DELIVERED:
                assert image_of(field.sandbox, records[entry["id"]]), where
            else:
                assert entry["reason"] == "arrival_unknown", where
                assert rig.outcomes(entry["id"])[-1] == ("send", "Interrupted", "interrupted")
        # One worker's worth of doubt at most: the others were not yet on the wire, or are delivered.
        assert sum(entry["state"] in HELD for entry in rig.entries()) <= 1, where
    assert died >= (LEAST_COMMITS if at in COMMIT_POINTS else ENTRIES)
