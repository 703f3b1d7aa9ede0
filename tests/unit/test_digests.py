"""Every column that a capture fixes is in its digest, and nothing that changes later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import digests
from storage.digests import FIXED, intact, restamp, row_digest, text_sha256
from storage.guarded import SIGNATURE
from tests.support.scratch import Scratch

ANOTHER = {str: "another", int: 77, type(None): "something"}


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    made.put(1, captured_mono_ms=1234, captured_boot="boot-1", owner="zoe")
    yield made
    made.close()


def sound(scratch: Scratch) -> bool:
    with scratch.database.read() as transaction:
        return intact(transaction.cursor, scratch.seq(1))


def test_captured_row_is_intact(scratch: Scratch) -> None:
    assert sound(scratch)
    assert scratch.row(1)["captured_mono_ms"] == 1234


@pytest.mark.parametrize("column", [*(name for name in FIXED if name != "id"), "payload", "row_digest"])
def test_any_change_of_what_was_fixed_shows(scratch: Scratch, column: str) -> None:
    before = scratch.row(1)[column]
    scratch.edit(1, **{column: ANOTHER[type(before)]})
    assert not sound(scratch)
    scratch.edit(1, **{column: before})
    assert sound(scratch)


def test_change_of_the_images_own_digest_shows(scratch: Scratch) -> None:
    with scratch.database.write() as transaction:
        transaction.cursor.execute(f"UPDATE {SIGNATURE.name} SET sha256 = 'another'")
    assert not sound(scratch)


def test_delivery_changes_nothing_that_is_fixed(scratch: Scratch) -> None:
    _, lease = scratch.accept(1, scratch.send(1), 501, upload_next=True)
    assert lease is not None
    assert scratch.upload(1, lease)
    assert scratch.state(1) == "done"
    assert sound(scratch)


def test_order_that_changes_a_row_gives_it_a_new_digest(scratch: Scratch) -> None:
    scratch.edit(1, owner="ann")
    with scratch.database.write() as transaction:
        restamp(transaction.cursor, scratch.seq(1))
    assert sound(scratch)


def test_row_without_digest_is_only_old_where_the_schema_says_so(scratch: Scratch) -> None:
    scratch.edit(1, row_digest=None)
    assert not sound(scratch)
    with scratch.database.write() as transaction:
        sql = "UPDATE control SET value = ? WHERE key = ?"
        transaction.cursor.execute(sql, (str(scratch.seq(1)), digests.UNDIGESTED_UPTO))
    assert sound(scratch)
    scratch.edit(1, payload="{}")
    assert not sound(scratch), "its payload has a digest of its own"


def test_nothing_is_intact_that_is_not_there(scratch: Scratch) -> None:
    with scratch.database.read() as transaction:
        assert not intact(transaction.cursor, 99)


def test_values_do_not_run_into_each_other() -> None:
    assert row_digest(["a", "b"], None) != row_digest(["ab", ""], None)
    assert row_digest(["1"], None) != row_digest([1], None)
    assert row_digest([None], "x") != row_digest(["x"], None)


def test_text_that_is_none_has_a_digest_too() -> None:
    assert text_sha256("caf\udce9") != text_sha256("café")
