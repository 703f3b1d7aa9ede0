"""Whether the judgement of a round can be lied to: each promise broken by hand is told under its own name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync.torture.invariants import Arrived, Edit, Facts, Tally, judge, tally
from sync.torture.leaks import leaks, secrets_of
from sync.torture.visits import Change, Taken

BODY = b'{"companyId":1}'
DIGEST = hashlib.sha256(BODY).hexdigest()
IMAGE = b"an image"
FIRST, SECOND, PARKED = "id-first", "id-second", "id-parked"


def entry(state: str, server_id: int | None = None, **more: Any) -> dict[str, Any]:
    known = {"state": state, "server_id": server_id, "body": BODY, "reason": None, "explained": None}
    return known | more


def taken(id: str, after: str | None = None) -> Taken:
    return Taken(id, DIGEST, IMAGE, "image/png", after)


def arrived(key: str, server_id: int, **changes: Any) -> Arrived:
    return replace(Arrived(key, server_id, f"{DIGEST}", IMAGE, "image/png"), **changes)


def facts(**changes: Any) -> Facts:
    """One delivered, one delivered after it, one held for a person."""
    entries = {
        FIRST: entry("done", 1001),
        SECOND: entry("done", 1002),
        PARKED: entry("parked", reason="arrival_unknown"),
    }
    status = {
        "counts": {"done": 2, "parked": 1, "pending": 0},
        "waiting": 0,
        "in_doubt": 0,
        "needs_action": 1,
    }
    listed = [{"id": id, "state": each["state"]} for id, each in entries.items()]
    # Bodies of different captures differ in life; here what is under test is said by the keys.
    records = [arrived(FIRST, 1001), arrived(SECOND, 1002)]
    whole = Facts(
        [taken(FIRST), taken(SECOND, FIRST), taken(PARKED)],
        entries,
        {PARKED: IMAGE},
        [],
        records,
        status,
        listed,
    )
    return replace(whole, **changes)


def entries(**changes: Any) -> dict[str, dict[str, Any]]:
    """The entries of `facts`, one of them changed; None takes it away."""
    found = {id: dict(each) for id, each in facts().entries.items()}
    for name, change in changes.items():
        id = f"id-{name}"
        if change is None:
            del found[id]
        else:
            found[id] |= change
    return found


def found(judged: Facts) -> set[str]:
    """The names of what does not hold, but for the bodies that all these captures share."""
    return {each.invariant for each in judge(judged) if "one body arrived" not in each.detail}


def test_round_that_kept_every_promise_is_clean() -> None:
    assert found(facts()) == set()


CHANGE, CHANGES_BODY = "id-change", b'{"description":"change 8"}'


def changed(*edits: Edit, **entry_changes: Any) -> Facts:
    """The first one changed twice, by 7 (which is not looked at closer) and by 8, which mails somebody."""
    digest = hashlib.sha256(CHANGES_BODY).hexdigest()
    known = facts().entries | {CHANGE: entry("done", body=CHANGES_BODY) | entry_changes}
    listed = [{"id": id, "state": each["state"]} for id, each in known.items()]
    done = sum(each["state"] == "done" for each in known.values())
    status = facts().status | {"counts": {"done": done, "parked": len(known) - done}}
    return facts(
        entries=known,
        listed=listed,
        status=status | {"needs_action": len(known) - done},
        changes=[Change(CHANGE, FIRST, 8, True, digest)],
        edits=edits,
    )


def test_changes_in_order_are_clean() -> None:
    assert found(changed(Edit(7, 1001, 0), Edit(7, 1001, 0), Edit(8, 1001, 1), Edit(8, 1001, 0))) == set()
    assert tally(changed(Edit(8, 1001, 1)), []).captured == 4


LIES: dict[str, tuple[str, Callable[[], Facts]]] = {
    "entry gone": ("lost", lambda: facts(entries=entries(parked=None))),
    "image gone": ("lost", lambda: facts(images={})),
    "image damaged": ("lost", lambda: facts(images={PARKED: b"another image"})),
    "payload changed": ("lost", lambda: facts(entries=entries(parked={"body": b"{}"}))),
    "given up by nobody": ("lost", lambda: facts(entries=entries(parked={"state": "discarded"}))),
    "doubled": ("duplicate", lambda: facts(arrived=[*facts().arrived, arrived(FIRST, 1003)])),
    "stranger": ("duplicate", lambda: facts(arrived=[*facts().arrived, arrived("nobody", 1003)])),
    "done without record": ("unproven", lambda: facts(arrived=[arrived(FIRST, 1001)])),
    "done without image": (
        "unproven",
        lambda: facts(arrived=[arrived(FIRST, 1001, image=None), arrived(SECOND, 1002)]),
    ),
    "done with another image": (
        "unproven",
        lambda: facts(arrived=[arrived(FIRST, 1001, image=b"x"), arrived(SECOND, 1002)]),
    ),
    "stored as another type": (
        "unproven",
        lambda: facts(arrived=[arrived(FIRST, 1001, mime_type="image/jpeg"), arrived(SECOND, 1002)]),
    ),
    "another body arrived": (
        "unproven",
        lambda: facts(arrived=[arrived(FIRST, 1001, body_sha256="0" * 64), arrived(SECOND, 1002)]),
    ),
    "another's server id": ("unproven", lambda: facts(entries=entries(first={"server_id": 1002}))),
    "overtaken": ("order", lambda: facts(arrived=[arrived(FIRST, 1005), arrived(SECOND, 1002)])),
    "overtook what never arrived": ("order", lambda: facts(arrived=[arrived(SECOND, 1002)])),
    "change gone": ("lost", lambda: facts(changes=changed().changes)),
    "change not the one captured": ("lost", lambda: changed(Edit(8, 1001, 1), body=b"{}")),
    "change given up by nobody": ("lost", lambda: changed(state="discarded")),
    "change that never arrived": ("unproven", lambda: changed(Edit(7, 1001, 0))),
    "change of another": ("unproven", lambda: changed(Edit(8, 1002, 1))),
    "mailed twice": ("duplicate", lambda: changed(Edit(8, 1001, 1), Edit(8, 1001, 1))),
    "changes swapped": ("order", lambda: changed(Edit(8, 1001, 1), Edit(7, 1001, 0))),
    "earlier change repeated": ("order", lambda: changed(Edit(7, 1001, 0), Edit(8, 1001, 1), Edit(7, 1001, 0))),
    "no reason": ("unexplained", lambda: facts(entries=entries(parked={"reason": None}))),
    "still sending": ("stuck", lambda: facts(entries=entries(parked={"state": "sending"}))),
    "still claimed": ("stuck", lambda: facts(held=[PARKED])),
    "counted wrong": (
        "counts",
        lambda: facts(status=dict(facts().status) | {"counts": {"done": 3, "parked": 0}}),
    ),
    "no status": ("counts", lambda: facts(status={"error": {}})),
    "summed wrong": ("counts", lambda: facts(status=dict(facts().status) | {"needs_action": 0})),
    "not listed": ("counts", lambda: facts(listed=list(facts().listed)[:2])),
}  # fmt: skip


@pytest.mark.parametrize(("invariant", "lie"), LIES.values(), ids=LIES)
def test_judgement_tells_a_lie(invariant: str, lie: Callable[[], Facts]) -> None:
    assert invariant in found(lie())


def test_same_body_under_two_keys_is_a_duplicate() -> None:
    (said,) = [each for each in judge(facts()) if "one body arrived" in each.detail]
    assert said.invariant == "duplicate"


def test_entry_that_only_the_explanation_explains_has_a_reason() -> None:
    told = {"reason": None, "explained": "It waits for another entry."}
    assert found(facts(entries=entries(parked=told))) == set()


def test_figures_of_a_round_add_up() -> None:
    lied = facts(entries=entries(parked=None), held=[FIRST])
    figures = tally(lied, judge(lied))
    assert (figures.captured, figures.delivered, figures.lost) == (3, 2, 1)
    assert figures.plus(figures) == replace(
        Tally(), captured=6, delivered=4, lost=2, duplicates=2 * figures.duplicates
    )


URL = "http://127.0.0.1:1/b/k?X-Amz-Date=20260101T000000Z&X-Amz-Signature=" + "ab" * 32


def test_secrets_of_an_address_are_what_signs_it() -> None:
    assert secrets_of(URL) == {"ab" * 32}
    assert secrets_of("/k?X-Amz-Credential=KEY%2F20260101") == {"KEY%2F20260101", "KEY/20260101"}
    assert secrets_of("/k?page=1") == set()


def test_leak_is_found_whole_or_cut_and_not_where_secrets_belong(tmp_path: Path) -> None:
    secret = "0123456789abcdef" * 2
    (tmp_path / "whole.log").write_text(f"x{secret}y")
    (tmp_path / "cut.db").write_bytes(b"\x00" + secret[:16].encode() + b"\x00")
    (tmp_path / "tokens").write_text(secret)
    (tmp_path / "clean.log").write_text("nothing here")
    names = sorted(each.split()[0] for each in leaks(tmp_path, {secret}, left_out=frozenset({"tokens"})))
    assert names == ["cut.db", "whole.log"]
    # What is told about a leak is no leak.
    assert not any(secret[:16] in each for each in leaks(tmp_path, {secret}))
