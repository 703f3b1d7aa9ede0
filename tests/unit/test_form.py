"""The form of an intervention: what was typed becomes the API's body, and a body becomes what would have been typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sync.entrypoints.page.filled import wrongs
from sync.entrypoints.page.form import Typed, blank, body_of, field_of, typed_from, typed_of
from sync.entrypoints.page.wording import wording
from sync.errors import Problem
from sync.operations.unplanned_preventive import OPERATION
from sync.payload import check

PARIS = ZoneInfo("Europe/Paris")
OPENED = datetime(2026, 3, 2, 13, 5, 42, 318_000, tzinfo=UTC)
# An id of ours begins with the moment when the form was opened.
ID = f"{int(OPENED.timestamp() * 1000):012x}70008000000000000001"
ID = f"{ID[:8]}-{ID[8:12]}-{ID[12:16]}-{ID[16:20]}-{ID[20:]}"


def typed(**changes: Any) -> Typed:
    values: dict[str, Any] = {
        "id": ID,
        "company_id": ("7",),
        "site_ids": ("12", "15"),
        "rule_ids": ("3",),
        "first_name": "Zoé",
        "actual_start": "2026-03-02T14:05",
    }
    return Typed(**values | changes)


def test_form_becomes_the_body_of_the_api() -> None:
    body = body_of(
        typed(last_name="Nguyễn", action_comment="a\nb", comment="c", email="z@example.org"), PARIS
    )
    assert body.problems == ()
    assert body.data == {
        "companyId": 7,
        "siteIds": [12, 15],
        "ruleIds": [3],
        "provider": {
            "firstName": "Zoé",
            "lastName": "Nguyễn",
            "actionComment": "a\nb",
            "email": "z@example.org",
            "comment": "c",
        },
        "actualStart": "2026-03-02T13:05:42.318Z",
    }


def test_what_was_left_empty_is_left_out() -> None:
    body = body_of(typed(first_name="", actual_start=""), PARIS)
    assert body.data["provider"] == {}
    assert "actualStart" not in body.data


def test_fields_are_read_as_browsers_send_them() -> None:
    """Boxes that are ticked come one by one, numbers typed beside them in one text, and line ends as CR LF."""
    fields = [
        ("id", f" {ID} "), ("company_id", ""), ("company_id", " 7 "), ("site_ids", "12"), ("site_ids", "15, 12;\t18"),
        ("rule_ids", "3"), ("comment", "one\r\ntwo "), ("site_ids_find", "tower"), ("admin", "1"),
    ]  # fmt: skip
    found = typed_from(fields)
    assert found == Typed(
        id=ID, company_id=("7",), site_ids=("12", "15", "18"), rule_ids=("3",), comment="one\ntwo"
    )


def test_list_and_number_that_name_two_companies_are_a_problem() -> None:
    (problem,) = body_of(typed(company_id=("7", "8")), PARIS).problems
    assert (problem.path, problem.code) == ("$.companyId", "several")


@pytest.mark.parametrize("text", ["abc", "1.5", "12345678901234567890", "\uff11\uff12", "1e3", "-", "<b>"])
def test_text_that_is_no_number_is_a_problem_of_its_field(text: str) -> None:
    (problem,) = body_of(typed(site_ids=("12", text)), PARIS).problems
    assert (problem.path, problem.code) == ("$.siteIds[1]", "not_a_number")
    assert field_of(problem.path) == "site_ids"


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30T10:00", "2026-03-02", "2026-03-02T25:00", "0001-01-01T00:00"]
)
def test_text_that_is_no_moment_is_a_problem_of_its_field(text: str) -> None:
    (problem,) = body_of(typed(actual_start=text), timezone(timedelta(hours=2))).problems
    assert (problem.path, problem.code) == ("$.actualStart", "not_a_time")


def test_all_problems_are_told_at_once() -> None:
    body = body_of(typed(company_id=("x",), rule_ids=("y",), actual_start="z"), PARIS)
    assert [field_of(each.path) for each in body.problems] == ["company_id", "rule_ids", "actual_start"]


def test_start_that_nobody_changed_is_the_moment_when_the_form_was_opened() -> None:
    form = blank(ID, OPENED, PARIS)
    assert form.actual_start == "2026-03-02T14:05"
    assert body_of(form, PARIS).data["actualStart"] == "2026-03-02T13:05:42.318Z"


def test_two_forms_of_one_minute_have_two_starts_and_a_repeat_the_same() -> None:
    other = ID.replace("0001", "0002").replace(ID[9:13], f"{int(ID[9:13], 16) + 7:04x}")
    starts = [body_of(typed(id=id), PARIS).data["actualStart"] for id in (ID, other, ID)]
    assert starts[0] == starts[2] != starts[1]
    assert {start[:16] for start in starts} == {"2026-03-02T13:05"}


def test_start_that_was_typed_to_the_second_stays_as_it_is() -> None:
    assert (
        body_of(typed(actual_start="2026-03-02T14:05:07"), PARIS).data["actualStart"]
        == "2026-03-02T13:05:07.000Z"
    )


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        pytest.param("2026-10-25T02:30:00", "2026-10-25T00:30:00.000Z", id="repeated-hour-is-its-first-run"),
        pytest.param("2026-03-29T02:30:00", "2026-03-29T01:30:00.000Z", id="skipped-hour-is-moved-on"),
        pytest.param("2026-07-01T08:00:00", "2026-07-01T06:00:00.000Z", id="summer"),
    ],
)
def test_local_time_becomes_utc(local: str, utc: str) -> None:
    assert body_of(typed(actual_start=local), PARIS).data["actualStart"] == utc


def test_correction_keeps_the_start_to_the_millisecond_where_the_minute_stays() -> None:
    before = "2026-03-02T13:05:42.3189Z"
    assert body_of(typed(), PARIS, start_before=before).data["actualStart"] == before
    moved = body_of(typed(actual_start="2026-03-02T14:06"), PARIS, start_before=before).data["actualStart"]
    assert moved.startswith("2026-03-02T13:06")


def test_correction_that_empties_the_start_keeps_it() -> None:
    before = "2026-03-02T13:05:42.318Z"
    assert body_of(typed(actual_start=""), PARIS, start_before=before).data["actualStart"] == before


def test_body_goes_into_the_form_and_comes_out_the_same() -> None:
    data = body_of(typed(last_name="O'Neill <b>", comment="a\n\nb"), PARIS).data
    again = body_of(typed_of(ID, data, PARIS), PARIS, start_before=data["actualStart"]).data
    assert again == data


def test_form_of_a_strange_body_is_made_all_the_same() -> None:
    """What an older program or another one stored must not keep anybody from looking at it."""
    assert typed_of(
        "x", {"actualStart": "0000-01-01T00:00Z", "provider": None, "siteIds": None}, PARIS
    ) == Typed(id="x")


def test_every_field_of_the_operation_finds_its_place_in_the_form() -> None:
    paths = [
        "$.companyId",
        "$.siteIds",
        "$.siteIds[3]",
        "$.ruleIds",
        "$.provider.firstName",
        "$.provider.lastName",
    ]
    paths += [
        "$.provider.actionComment",
        "$.provider.email",
        "$.provider.comment",
        "$.actualStart",
        "--signature",
    ]
    fields = [field_of(path) for path in paths]
    assert None not in fields
    assert field_of("$.provider") is field_of("--id") is None


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_problem_of_an_empty_form_is_told_in_plain_words(language: str) -> None:
    empty = body_of(Typed(id=ID), PARIS)
    t = wording(language)
    found = wrongs([*empty.problems, *check(OPERATION, empty.data)], t)
    assert [each.field for each in found] == ["company_id", "site_ids", "rule_ids", "signature"]
    assert all(each.text != t("problem.other") for each in found)


def test_two_problems_of_one_kind_at_one_field_are_told_once() -> None:
    problems = [Problem(f"$.siteIds[{n}]", "not_a_number", "") for n in range(3)]
    assert len(wrongs(problems, wording("fr"))) == 1


def test_problem_without_words_of_its_own_is_told_in_general_ones() -> None:
    t = wording("en")
    (wrong,) = wrongs([Problem("$.siteIds", "from_the_future", "whatever the code says")], t)
    assert wrong.text == t("problem.other")
