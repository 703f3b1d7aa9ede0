"""Lists hold what was asked for, in the order that was asked for; pages follow each other without gap or overlap."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.queries import Narrowed, Reader
from tests.support.scratch import Scratch, entry_id


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    for number in range(1, 8):
        made.put(number, owner="alice" if number % 2 else None)
    yield made
    made.close()


def numbers(scratch: Scratch, narrowed: Narrowed, limit: int = 100) -> list[int]:
    with scratch.database.read() as transaction:
        return [int(each["id"][-12:]) for each in Reader(transaction.cursor).listed(narrowed, limit=limit)]


def test_pages_newest_first_follow_each_other(scratch: Scratch) -> None:
    first = numbers(scratch, Narrowed(newest_first=True), limit=3)
    second = numbers(scratch, Narrowed(newest_first=True, after_id=entry_id(5)), limit=3)

    assert (first, second) == ([7, 6, 5], [4, 3, 2])


def test_owner_is_compared_exactly_and_nobody_can_be_asked_for(scratch: Scratch) -> None:
    assert numbers(scratch, Narrowed(owner="alice")) == [1, 3, 5, 7]
    assert numbers(scratch, Narrowed(owner="")) == [2, 4, 6]
    assert numbers(scratch, Narrowed(owner="ali")) == []


def test_reason_narrows(scratch: Scratch) -> None:
    for number in (2, 5):
        scratch.edit(number, reason="refused")

    assert numbers(scratch, Narrowed(reason="refused")) == [2, 5]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        pytest.param("00003", [3], id="end of an id"),
        pytest.param(f" {entry_id(6)} ", [6], id="whole id with spaces"),
        pytest.param("4711", [4], id="number of what it made"),
        pytest.param("815", [2], id="number in an answer"),
        pytest.param("%", [], id="no pattern"),
        pytest.param("9" * 19, [], id="larger than any number"),
        pytest.param("9" * 5000, [], id="too long to be a number"),
        pytest.param("é", [], id="no id"),
    ],
)
def test_search_finds_by_end_of_id_or_server_id(scratch: Scratch, search: str, found: list[int]) -> None:
    scratch.deliver(4, 4711)
    scratch.deliver(2, 815)
    scratch.edit(2, creates=0)  # an update makes nothing; what it changed stands in its answer

    assert numbers(scratch, Narrowed(search=search)) == found
