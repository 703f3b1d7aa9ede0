"""The reference list: every line is right or nothing is changed; found by name; a warning and never a refusal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import listed
from storage.listed import Line
from sync import reference_list
from sync.errors import InputRefused
from sync.operations import OPERATIONS
from sync.reference_list import MAX_BYTES, MAX_NAME_CHARS, counts, parse, to_json
from sync.unlisted import named_ids, unlisted
from tests.support.scratch import NOON_MS, Scratch

EXAMPLE = Path(__file__).parents[2] / "docs" / "example" / "reference.csv"
KIND = "unplanned-preventive"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "queue")
    yield made
    made.close()


def put(scratch: Scratch, *lines: Line, now: int = NOON_MS) -> int:
    with scratch.database.write() as transaction:
        return listed.replace(transaction, lines, now=now)


def wrong(content: str | bytes) -> list[tuple[str, str]]:
    with pytest.raises(InputRefused) as caught:
        parse(content.encode() if isinstance(content, str) else content)
    assert all(each.message[-1] in ".?" for each in caught.value.problems)
    return [(each.path, each.code) for each in caught.value.problems]


def rows(*lines: str) -> str:
    return "\n".join(("type,id,name,company_id", *lines)) + "\n"


@pytest.mark.parametrize(
    "content",
    [
        rows("company,1,Été,", "site,2,Nord,1", "rule,3,Blocs,"),
        "\ufefftype;id;name;company_id\r\ncompany;1;Été;\r\nsite;2;Nord;1\r\nrule;3;Blocs;\r\n",
        'NAME, Type ,ID,Company_Id\n"Été",Company, 1 ,\n Nord ,SITE,2,1\n,,,\nBlocs,rule,3, \n',
        "type\tid\tname\tcompany_id\ncompany\t1\tE\u0301te\u0301\t\nsite\t2\tNord\t1\nrule\t3\tBlocs\t",
    ],
    ids=["as documented", "as Excel writes it", "another order and capitals", "tabs and loose accents"],
)
def test_list_is_read_however_a_spreadsheet_writes_it(content: str) -> None:
    assert parse(content.encode()) == (
        Line("company", 1, "Été"),
        Line("site", 2, "Nord", 1),
        Line("rule", 3, "Blocs"),
    )


def test_example_of_the_documents_is_right() -> None:
    lines = parse(EXAMPLE.read_bytes())
    assert counts(lines) == {"companies": 2, "sites": 5, "rules": 2}


def test_column_of_companies_may_be_left_out() -> None:
    assert parse(b"type,id,name\nsite,2,Nord\n") == (Line("site", 2, "Nord"),)


def test_french_spaces_in_a_name_become_plain_ones() -> None:
    assert parse("type,id,name\nrule,1,\u00a0R\u202f12\u00a0: gaz\n".encode())[0].name == "R 12 : gaz"


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ("house,1,A,", [("line 2, type", "unknown_type")]),
        (",1,A,", [("line 2, type", "missing")]),
        ("site,,A,", [("line 2, id", "missing")]),
        ("site,0,A,", [("line 2, id", "out_of_range")]),
        ("site,-4,A,", [("line 2, id", "out_of_range")]),
        ("site,9007199254740992,A,", [("line 2, id", "out_of_range")]),
        (f"site,{'9' * 5000},A,", [("line 2, id", "out_of_range")]),
        ("site,1.0,A,", [("line 2, id", "wrong_type")]),
        ("site,\u0661,A,", [("line 2, id", "wrong_type")]),
        ("site,1, ,", [("line 2, name", "missing")]),
        (f"site,1,{'a' * (MAX_NAME_CHARS + 1)},", [("line 2, name", "too_long")]),
        ("site,1,A\x1b[31m,", [("line 2, name", "not_printable")]),
        ('site,1,"A\nB",', [("line 2, name", "not_printable")]),
        ("site,1,\u202eA,", [("line 2, name", "not_printable")]),
        ("site,1,A,x", [("line 2, company_id", "wrong_type")]),
        ("site,1,A,7", [("line 2, company_id", "unknown_company")]),
        ("company,1,A,1", [("line 2, company_id", "not_wanted")]),
        ("rule,1,A,1", [("line 2, company_id", "not_wanted")]),
        ("site,1,A", [("line 2", "wrong_number_of_cells")]),
        ('site,1,"A,', [("line 2", "quote_not_closed")]),
        ("house,x,,y", [(f"line 2, {column}", code) for column, code in (
            ("type", "unknown_type"), ("id", "wrong_type"), ("name", "missing"), ("company_id", "wrong_type"),
        )]),
    ],
)  # fmt: skip
def test_line_is_refused_with_all_that_is_wrong_in_it(line: str, problems: list[tuple[str, str]]) -> None:
    assert wrong(rows(line)) == problems


def test_all_lines_are_judged_before_anything_is_refused() -> None:
    content = rows("site,1,A,5", "site,1,B,", "rule,1,A,", "house,2,C,", "site,3,,6", "company,5,,")
    assert wrong(content) == [
        ("line 3, id", "duplicate"),
        ("line 5, type", "unknown_type"),
        ("line 6, name", "missing"),
        ("line 6, company_id", "unknown_company"),
        ("line 7, name", "missing"),
    ]


def test_thousandth_problem_is_the_last() -> None:
    found = wrong(rows(*("x" for _ in range(3000))))
    assert len(found) == 1000
    assert found[-1] == ("line 1001", "too_many_problems")


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"", [("line 1", "empty")]),
        (b"type,id,name\n", [("FILE", "empty")]),
        (b"type,id,name\n,,\n", [("FILE", "empty")]),
        (b"type,id\n", [("line 1", "column_missing")]),
        (b"id,name,typ,id,\n", [
            ("column 3", "unknown_column"), ("column 4", "duplicate_column"), ("column 5", "column_without_name"),
            ("line 1", "column_missing"),
        ]),
        (b"type|id|name\n", [
            ("column 1", "unknown_column"), *[("line 1", "column_missing")] * 3, ("line 1", "one_column"),
        ]),
        ("type,id,name\n".encode("utf-16"), [("FILE", "not_utf8")]),
        ("type,id,name\nsite,1,Été\n".encode("latin-1"), [("line 2", "not_utf8")]),
        (b" " * (MAX_BYTES + 1), [("FILE", "too_large")]),
    ],
)  # fmt: skip
def test_file_that_is_no_list_is_refused(content: bytes, problems: list[tuple[str, str]]) -> None:
    assert wrong(content) == problems


def test_list_is_replaced_as_a_whole(scratch: Scratch) -> None:
    assert put(scratch, Line("site", 1, "A"), Line("site", 2, "B")) == 0
    assert put(scratch, Line("rule", 2, "C"), now=NOON_MS + 1) == 2
    with scratch.database.read() as transaction:
        assert listed.read(transaction.cursor.execute) == [Line("rule", 2, "C")]
        facts = listed.facts(transaction.cursor.execute)
        assert facts == (NOON_MS + 1, 1, listed.sha256_of([Line("rule", 2, "C")]))
    assert put(scratch) == 1
    with scratch.database.read() as transaction:
        assert listed.read(transaction.cursor.execute) == []
        assert listed.facts(transaction.cursor.execute) is None


def test_list_that_cannot_be_stored_leaves_the_one_before(scratch: Scratch) -> None:
    put(scratch, Line("site", 1, "A"))
    with pytest.raises(Exception, match="UNIQUE"):
        put(scratch, Line("site", 2, "B"), Line("site", 2, "C"))
    with scratch.database.read() as transaction:
        assert listed.read(transaction.cursor.execute) == [Line("site", 1, "A")]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("ecole", ["École 1", "École 12", "Vieille école"]),
        ("ÉCOLE 1", ["École 1", "École 12"]),
        ("cole", ["École 1", "École 12", "Vieille école"]),
        ("parc", ["Parc", "Le Parc", "Eparc"]),
        ("30", ["Parc", "Le Parc", "Eparc"]),
        ("%", []),
        ("", ["École 1", "École 12", "Eparc", "Le Parc", "Parc", "Vieille école"]),
    ],
)
def test_name_is_found_without_accents_and_case_best_first(
    scratch: Scratch, wanted: str, found: list[str]
) -> None:
    given = {
        1: "École 1", 12: "École 12", 13: "Vieille école", 303: "Parc", 302: "Le Parc", 301: "Eparc"
    }  # fmt: skip
    put(scratch, *(Line("site", id, name) for id, name in given.items()), Line("rule", 1, "École 1"))
    with scratch.database.read() as transaction:
        lines = listed.search(transaction.cursor.execute, "site", wanted)
    names = [line.name for line in lines]
    assert sorted(names) == sorted(found) if wanted == "30" else names == found


def test_search_offers_sites_of_the_company_and_of_nobody(scratch: Scratch) -> None:
    put(scratch, Line("site", 1, "A1", 1), Line("site", 2, "A2", 2), Line("site", 3, "A3"))
    with scratch.database.read() as transaction:
        execute = transaction.cursor.execute
        assert [line.id for line in listed.search(execute, "site", "a", company_id=2)] == [2, 3]
        assert [line.id for line in listed.search(execute, "site", "a", limit=1)] == [1]


def test_list_is_asked_by_its_key(scratch: Scratch) -> None:
    put(scratch, *(Line("site", id, f"Site {id}") for id in range(1, 2000)))
    key = "SEARCH listed USING INDEX sqlite_autoindex_listed_1 (type=?"
    for sql, values, step in (
        (listed._ONE, ("site", 1), f"{key} AND id=?)"),
        (listed._OF_TYPE, ("site",), f"{key})"),
        (listed._ANY, ("site",), f"{key.replace('INDEX', 'COVERING INDEX', 1)})"),
    ):
        assert [row[3] for row in scratch.all(f"EXPLAIN QUERY PLAN {sql}", values)] == [step]


def test_ten_thousand_lines_are_stored_with_one_sync(tmp_path: Path, scratch: Scratch) -> None:
    from tests.support.fsyncs import counted_syncs

    draw = random.Random(7)
    content = rows(
        *(f"company,{n},Company {n}," for n in range(1, 101)),
        *(f"site,{n},Site {draw.random()},{draw.randint(1, 100)}" for n in range(1, 9901)),
    )
    lines = parse(content.encode())
    assert len(lines) == 10_000
    with counted_syncs() as syncs:
        put(scratch, *lines)
    assert len(syncs) <= 1 + 1
    with scratch.database.read() as transaction:
        assert len(listed.read(transaction.cursor.execute)) == 10_000


def test_document_has_each_type_by_its_plural() -> None:
    lines = [Line("company", 1, "A"), Line("site", 2, "B", 1), Line("site", 4, "C"), Line("rule", 3, "D")]
    assert to_json(lines, imported_at="2026-03-02T12:00:00.000Z") == {
        "schema": 1,
        "imported_at": "2026-03-02T12:00:00.000Z",
        "companies": [{"id": 1, "name": "A"}],
        "sites": [{"id": 2, "name": "B", "company_id": 1}, {"id": 4, "name": "C", "company_id": None}],
        "rules": [{"id": 3, "name": "D"}],
    }
    assert to_json(lines, types=("rule",)) == {
        "schema": 1, "imported_at": None, "rules": [{"id": 3, "name": "D"}],
    }  # fmt: skip


def payload(**more: Any) -> dict[str, Any]:
    return {"companyId": 1, "siteIds": [10, 20], "ruleIds": [5], **more}


def warned(scratch: Scratch, given: dict[str, Any], kind: str = KIND) -> list[tuple[str, str, list[int]]]:
    with scratch.database.read() as transaction:
        found = unlisted(transaction, given, kind)
    assert all(each["message"] for each in found)
    return [(each["code"], each["path"], each["ids"]) for each in found]


def test_nothing_is_warned_about_where_there_is_no_list(scratch: Scratch) -> None:
    assert warned(scratch, payload()) == []


def test_what_the_list_does_not_know_is_warned_about_by_field(scratch: Scratch) -> None:
    put(scratch, Line("site", 10, "A"), Line("rule", 6, "B"), Line("company", 2, "C"))
    assert warned(scratch, payload()) == [
        ("not_in_reference_list", "$.companyId", [1]),
        ("not_in_reference_list", "$.siteIds", [20]),
        ("not_in_reference_list", "$.ruleIds", [5]),
    ]


def test_type_without_a_line_is_never_warned_about(scratch: Scratch) -> None:
    put(scratch, Line("rule", 5, "B"))
    assert warned(scratch, payload()) == []


def test_site_of_another_company_is_warned_about(scratch: Scratch) -> None:
    put(
        scratch,
        Line("company", 1, "A"),
        Line("company", 2, "B"),
        Line("site", 10, "C", 2),
        Line("site", 20, "D"),
    )
    assert warned(scratch, payload()) == [("site_of_other_company", "$.siteIds", [10])]


def test_kind_that_names_no_company_has_no_foreign_sites(scratch: Scratch) -> None:
    put(scratch, Line("site", 10, "C", 2), Line("rule", 6, "B"))
    given = {"ruleId": 5, "siteIds": [10], "description": "x"}
    assert warned(scratch, given, "training-update") == [("not_in_reference_list", "$.ruleId", [5])]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.kind)
def test_fields_that_hold_listed_ids_are_fields_of_the_kind(operation: Any) -> None:
    properties = operation.payload_model().model_json_schema()["properties"]
    assert set(operation.listed) <= set(properties)
    assert set(operation.listed.values()) <= set(listed.TYPES)


def test_reference_to_an_entry_is_no_listed_id() -> None:
    assert named_ids({"siteIds": [{"$entry": "x"}], "companyId": None}, {"siteIds": "site"}) == {}


def test_words_of_the_reader_are_those_of_the_documents() -> None:
    told = (EXAMPLE.parents[1] / "reference.md").read_text(encoding="utf-8")
    for word in (*reference_list.COLUMNS, *listed.TYPES, "not_in_reference_list", "site_of_other_company"):
        assert f"`{word}`" in told
    assert f"up to {MAX_NAME_CHARS} characters" in told
