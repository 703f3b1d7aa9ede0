"""The process dies by SIGKILL right before and right after each commit of a delivery, and between its network steps.

Each point gets an outbox and a death of its own; the n-th commit is counted over one whole pass. Then a healthy drain
finishes the work, and what the server holds is counted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox.server import Sandbox
from tests.support.dying_drain import COMMIT_POINTS, WIRE_POINTS
from tests.support.rig import FakeTime, SandboxRig, assert_delivered_once, image_of, keys

ENTRIES = 2
# Opening the pass, the look around, and for each entry: claim, receipt, end. Fewer means that points were missed.
LEAST_COMMITS = 2 + 2 * ENTRIES
DELIVERED = ("done",)
HELD = ("parked", "in_doubt")


class Mortals:
    """Makes processes that drain once and die where they are told."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.dying_drain"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def die(self, root: Path, settings: dict[str, Any], at: str, number: int) -> bool:
        """Whether the process reached that point and died there; False when it finished before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"root": str(root), "settings": settings, "at": at, "number": number}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["died"] or answer["code"] == 0, answer
        return bool(answer["died"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    made = Mortals()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


class Field:
    """A captured outbox to be copied, and the ids in it."""

    def __init__(self, place: Path, sandbox: Sandbox) -> None:
        self.place, self.sandbox = place, sandbox
        rig = SandboxRig(place / "captured", sandbox, FakeTime())
        self.ids = rig.capture_many(ENTRIES)
        rig.close()

    def after_death(self, mortals: Mortals, at: str, number: int, **sync: Any) -> SandboxRig | None:
        """A new process on the outbox that a dead one left behind; None when none died."""
        root = self.place / f"{at}-{number}"
        shutil.copytree(self.place / "captured", root)
        tokens = self.sandbox.state.tokens
        settings = {
            "storage.dir": str(root),
            "api.base_url": self.sandbox.api_url,
            "api.token": tokens.bearer,
            "api.session_token": tokens.session,
            "upload.allow_insecure_loopback": True,
            **{f"sync.{name}": value for name, value in sync.items()},
        }
        if not mortals.die(root, settings, at, number):
            return None
        named = {f"sync__{name}": value for name, value in sync.items()}
        return SandboxRig(root, self.sandbox, FakeTime(), **named)

    def deaths(self, mortals: Mortals, at: str, *, honour_keys: bool, **sync: Any) -> Iterator[SandboxRig]:
        """The left-behind outbox of each death at this kind of point, the server fresh each time."""
        for number in count(1):
            self.sandbox.reset()
            self.sandbox.state.set_options({"honour_keys": honour_keys})
            rig = self.after_death(mortals, at, number, **sync)
            if rig is None:
                return
            try:
                yield rig
            finally:
                rig.close()


@pytest.fixture
def field(tmp_path: Path, sandbox: Sandbox) -> Field:
    sandbox.reset()
    return Field(tmp_path, sandbox)


def finish(rig: SandboxRig) -> None:
    """A healthy process works until nothing is left that time alone could deliver."""
    for _ in range(4):
        rig.sync()
        rig.time.passes(1000)


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
