"""`fieldsync reference`: a list comes in whole or not at all, is shown by name, and goes again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Tablet

EXAMPLE = Path(__file__).parents[2] / "docs" / "example" / "reference.csv"


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


def test_list_is_imported_shown_and_cleared(tablet: Tablet) -> None:
    ended = tablet.run("reference", "import", str(EXAMPLE), "--json")
    assert ended.document == {
        "schema": 1, "companies": 2, "sites": 5, "rules": 2, "replaced": 0, "dry_run": False,
    }  # fmt: skip
    told = tablet.run("reference", "list", "--type", "rule").out
    assert told.splitlines() == [
        "rule           2  Éclairage de sécurité, blocs autonomes",
        "rule           1  Extincteurs : vérification annuelle",
    ]
    document = tablet.run("reference", "list", "--json").document
    assert document["imported_at"]
    assert document["sites"][0] == {"id": 1, "name": "Bâtiment A", "company_id": 1}
    assert [len(document[each]) for each in ("companies", "sites", "rules")] == [2, 5, 2]
    assert tablet.run("reference", "clear", "--json").document == {"schema": 1, "removed": 9}
    empty = tablet.run("reference", "list", "--json").document
    assert empty == {"schema": 1, "imported_at": None, "companies": [], "sites": [], "rules": []}


def test_file_with_a_mistake_changes_nothing_and_is_told_by_line_and_column(tablet: Tablet) -> None:
    tablet.run("reference", "import", str(EXAMPLE))
    ended = tablet.run("reference", "import", "-", "--json", stdin="type,id,name\nhouse,1,A\nsite,0,\n")
    assert ended.code == 2
    assert ended.error["code"] == "input_refused"
    assert [each["path"] for each in ended.error["problems"]] == [
        "line 2, type", "line 3, id", "line 3, name",
    ]  # fmt: skip
    assert "the reference list was not changed" in ended.error["message"]
    assert len(tablet.run("reference", "list", "--json").document["sites"]) == 5


def test_dry_run_makes_no_outbox(tablet: Tablet) -> None:
    ended = tablet.run("reference", "import", str(EXAMPLE), "--dry-run")
    assert ended.code == 0
    assert "nothing was changed" in ended.out
    assert tablet.run("reference", "clear").out == "there was no reference list\n"
    assert not list(tablet.folder.rglob("outbox.db"))


def test_missing_file_is_told(tablet: Tablet) -> None:
    ended = tablet.run("reference", "import", str(tablet.folder / "none.csv"), "--json")
    assert (ended.code, ended.error["code"]) == (2, "file_not_found")
