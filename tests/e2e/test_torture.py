"""`fieldsync torture` as a process: clean on this tree, red on each planted bug, repeatable, gone without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from sync.torture.catalogue import FAULTS
from sync.torture.deck import deal
from sync.torture.rounds import strategies
from tests.support.left_behind import gone, marked, needs_proc, stands_still
from tests.support.polling import eventually

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "sync", "torture")
WITHIN_S = 240
FIGURES = (
    "captured", "delivered", "in_doubt", "needs_action", "lost", "duplicates", "leaks", "out_of_order",
)  # fmt: skip


class Ended(NamedTuple):
    code: int
    lines: list[dict[str, Any]]
    told: str


def tortured(*arguments: str, scratch: Path, tree: Path = ROOT, **environment: str) -> Ended:
    """The command in `tree` to its end, and what it printed."""
    ended = subprocess.run(
        [*COMMAND, *arguments, "--json"],
        env=os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(tree)} | environment,
        cwd=tree,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stdout.decode().splitlines()]
    return Ended(ended.returncode, lines, ended.stderr.decode())


def faults(*names: str) -> list[str]:
    return [part for name in names for part in ("--fault", name)]


@needs_proc
def test_torture_is_clean_on_this_tree_and_leaves_the_device_alone(tmp_path: Path, scratch: Path) -> None:
    """Field story: ops run it on a device that is in use, with an outbox, settings and a dead proxy of its own."""
    mark = uuid4().hex
    theirs = tmp_path / "theirs"
    ended = tortured(
        "--rounds", "2", "--seed", "20",
        scratch=scratch,
        MARK=mark,
        FIELDSYNC_STORAGE__DIR=str(theirs),
        FIELDSYNC_API__BASE_URL="https://production.invalid/main",
        FIELDSYNC_CONFIG=str(tmp_path / "missing.toml"),
        HTTPS_PROXY="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
    )  # fmt: skip

    assert ended.code == 0, ended
    *rounds, summary = ended.lines
    assert summary["ok"] is True
    assert (summary["schema"], summary["rounds"], summary["seed"]) == (1, 2, 20)
    assert summary["violations"] == []
    assert [each["round"] for each in rounds] == [1, 2]
    for name in FIGURES:
        assert summary[name] == sum(each[name] for each in rounds), name
    assert summary["captured"] > summary["delivered"] > 0
    assert not any(summary[name] for name in ("lost", "duplicates", "leaks", "out_of_order"))
    # The same seed is the same plan, here and in the process.
    for each in rounds:
        hand = deal(20, each["round"], tuple(FAULTS), strategies())
        assert (each["faults"], each["in_doubt_strategy"]) == (list(hand.faults), hand.strategy)
    assert set(summary["faults"]) == set(FAULTS)
    assert 0 < summary["duration_s"] < WITHIN_S
    assert not theirs.exists()
    assert gone(mark, scratch)


class Bug(NamedTuple):
    """What stands in a file, what a bug makes of it, and the faults that show it."""

    file: str
    stands: str
    becomes: str
    shown_by: Sequence[str]


BUGS: dict[str, Bug] = {
    "an_entry_in_doubt_is_resent": Bug(
        "storage/lifecycle.py",
        "(State.SENDING, Event.DOUBT): State.IN_DOUBT",
        "(State.SENDING, Event.DOUBT): State.PENDING",
        ("lost_answer", "kill_after_store"),
    ),
    "a_cut_off_send_is_resent": Bug(
        "storage/claims.py",
        "if repeatable(row.kind, body):",
        "if row.kind:",
        ("kill_after_store",),
    ),
    "done_before_the_etag_is_checked": Bug(
        "sync/outcome_upload.py",
        "            return _success(exchange, md5_hex)",
        '            return Uploaded(reason="uploaded", status=exchange.status, etag=md5_hex)',
        ("etag_wrong", "etag_missing"),
    ),
    "a_change_mails_again": Bug(
        "sync/operations/preventive_update.py",
        '    if rest.get("sendUpdateEmailToCurrentAssignee"):\n',
        "    if False:\n",
        ("change_lost",),
    ),
    "a_plan_that_was_moved_is_taken_for_absent": Bug(
        "sync/matching.py",
        "return made is None or changed is None or changed != made",
        "return False",
        ("plan_moved",),
    ),
    "the_lease_always_stands": Bug(
        "storage/claims.py",
        "return row is not None and row[0] is not None and row[0] > now",
        "return True",
        ("stale_claim",),
    ),
    "a_lost_lease_is_seen_and_not_minded": Bug(
        "sync/delivery.py",
        "                raise LeaseGone\n",
        "                pass\n",
        ("stale_claim_at_first_byte",),
    ),
    "an_expired_lease_stands": Bug(
        "storage/claims.py",
        "return row is not None and row[0] is not None and row[0] > now",
        "return row is not None",
        ("stale_claim_at_first_byte",),
    ),
    "late_news_are_written_down": Bug(
        "storage/records.py",
        "if row is None or (row.lease_owner, row.lease_fence) != (lease.owner, lease.fence):",
        "if row is None:",
        ("late_setback", "late_upload"),
    ),
    "a_change_expects_nothing": Bug(
        "storage/guarded.py",
        '            ENTRY.c.lease_fence == bindparam("was_fence"),\n            owner,\n',
        "",
        ("stale_writes",),
    ),
}  # fmt: skip


def plant(bug: Bug, tree: Path) -> None:
    """A copy of the product with one bug in it."""
    for package in ("config", "storage", "sync"):
        shutil.copytree(ROOT / package, tree / package)
    source = (tree / bug.file).read_text("utf-8")
    assert source.count(bug.stands) == 1, f"{bug.file} has changed: plant this bug anew"
    (tree / bug.file).write_text(source.replace(bug.stands, bug.becomes), "utf-8")


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_torture_finds_a_planted_bug(tmp_path: Path, scratch: Path, bug: Bug) -> None:
    tree = tmp_path / "tree"
    plant(bug, tree)
    ended = tortured("--rounds", "1", "--seed", "1", *faults(*bug.shown_by), scratch=scratch, tree=tree)

    assert ended.code == 3, ended
    *_, summary = ended.lines
    assert summary["ok"] is False
    assert summary["violations"]
    assert {(each["round"], each["seed"]) for each in summary["violations"]} == {(1, 1)}
    # What failed stays for a look, and how to have it again is said.
    (kept,) = scratch.iterdir()
    assert f"kept for a look: {kept}" in ended.told
    assert "again: fieldsync torture --seed 1" in ended.told


def test_the_faults_that_show_the_bugs_are_clean_without_them(scratch: Path) -> None:
    """Or the test above would prove nothing."""
    names = sorted({name for bug in BUGS.values() for name in bug.shown_by})
    ended = tortured("--rounds", "2", "--seed", "1", *faults(*names), scratch=scratch)

    assert ended.code == 0, ended
    struck = ended.lines[-1]["faults"]
    assert set(struck) == set(names)
    assert all(struck.values()), struck


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_interrupted_torture_leaves_nothing_behind(scratch: Path, how: signal.Signals) -> None:
    """Field story: somebody has seen enough, or the device is shut down, while a drainer is stopped and others run."""
    mark = uuid4().hex
    process = subprocess.Popen(
        [*COMMAND, "--rounds", "100", *faults("stopped_drainer"), "--json"],
        env=os.environ | {"TMPDIR": str(scratch), "MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: any(stands_still(pid) for pid in marked(mark)))
        process.send_signal(how)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == (-how if how is signal.SIGKILL else 130)
    assert gone(mark, scratch)


def test_unknown_fault_is_refused_and_the_known_ones_are_named(scratch: Path) -> None:
    ended = tortured("--fault", "bad_luck", scratch=scratch)

    assert ended.code == 2
    error = ended.lines[-1]["error"]
    assert error["code"] == "unknown_fault"
    assert all(name in error["message"] for name in FAULTS)
    assert not any(scratch.iterdir())
