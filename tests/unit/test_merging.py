"""Of two copies the one that knows more of an entry is found, and what either knows of bundles is not forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from storage.merging import left_in, standing


def row(state: str = "pending", **changes: Any) -> dict[str, Any]:
    usual = {"server_id": None, "stage": None, "reason": None, "attempt_n": 0, "lease_fence": 0}
    return {"state": state, **usual, **changes}


def line(n: int, reason: str, bundle: str | None = None) -> dict[str, Any]:
    return {"n": n, "reason": reason, "detail": bundle}


def stands(given: dict[str, Any], **changes: Any) -> Any:
    usual: dict[str, Any] = {"attempts": [], "receipts": [], "hand_overs_known": True}
    return standing(given, **{**usual, **changes})


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (stands(row("done")), stands(row("discarded", attempt_n=9))),
        (stands(row("accepted", server_id=7)), stands(row("in_doubt", attempt_n=9, lease_fence=9))),
        (stands(row("parked", stage="accepted")), stands(row(attempt_n=9))),
        (stands(row(), receipts=[{"adopted": 1}]), stands(row(attempt_n=9))),
        (stands(row("discarded")), stands(row(attempt_n=9))),
        (stands(row()), stands(row(attempt_n=9), hand_overs_known=False)),
        (stands(row()), stands(row("parked", reason="perhaps_handed_over", attempt_n=9))),
        (stands(row(attempt_n=2)), stands(row(attempt_n=1, lease_fence=5))),
        (stands(row(), attempts=[line(2, "server_busy")]), stands(row(attempt_n=1))),
        (stands(row(lease_fence=2)), stands(row(lease_fence=1))),
    ],
    ids=[
        "delivered before given up", "server id", "held after its receipt", "receipt alone", "given up",
        "knows of every hand-over", "is not held for want of that", "attempts before fences", "attempts without a row",
        "fence",
    ],
)  # fmt: skip
def test_copy_that_knows_more_is_larger(more: Any, less: Any) -> None:
    assert more > less


def test_late_receipt_that_was_not_adopted_proves_no_delivery() -> None:
    assert not stands(row(), receipts=[{"adopted": 0}]).delivered


@pytest.mark.parametrize(
    ("given", "own", "others", "found"),
    [
        (row(), [], [], None),
        (row(), [], [line(1, "handed_over", "b")], "b"),
        (row(), [line(1, "handed_over", "b")], [], "b"),
        (row("parked", reason="handed_over"), [line(1, "handed_over", "b")], [], None),
        (row(), [line(1, "handed_over", "b"), line(2, "taken_back")], [line(1, "handed_over", "b")], None),
        (row(), [line(2, "taken_back"), line(1, "handed_over", "a")], [line(3, "handed_over", "b")], "b"),
        (row(), [], [line(1, "handed_over", "b"), line(2, "taken_back")], None),
        (row(), [line(4, "server_busy")], [line(1, "handed_over", "b")], "b"),
    ],
    ids=[
        "never", "the other copy knows", "its own history knows", "its row says so", "taken back since",
        "left again", "taken back by the other's account", "tried since without knowing",
    ],
)  # fmt: skip
def test_bundle_that_an_entry_left_in_is_found(
    given: dict[str, Any], own: list[dict[str, Any]], others: list[dict[str, Any]], found: str | None
) -> None:
    assert left_in(given, own, others) == found
