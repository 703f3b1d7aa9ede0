"""What a person writes to change a body: each way to say it, and every slip told with its place."""

from __future__ import annotations

from typing import Any

import pytest

from sync.editing import changed, paths_changed, read_changes
from sync.errors import InputRefused
from sync.operations import by_kind
from tests.support.builders import unplanned_body

UNPLANNED = by_kind("unplanned-preventive")


def edited(
    *settings: str, without: tuple[str, ...] = (), data: dict[str, Any] | None = None
) -> dict[str, Any]:
    changes, problems = read_changes(settings, without)
    assert not problems
    return changed(UNPLANNED, unplanned_body() if data is None else data, changes)


def refused(*settings: str, without: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    changes, problems = read_changes(settings, without)
    if not problems:
        with pytest.raises(InputRefused) as caught:
            changed(UNPLANNED, unplanned_body(), changes)
        problems = list(caught.value.problems)
    return {(each.path, each.code) for each in problems}


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("companyId=7", ("companyId",), 7),
        ("$.companyId=7", ("companyId",), 7),
        ("siteIds=[4,5]", ("siteIds",), [4, 5]),
        ("siteIds[0]=9", ("siteIds", 0), 9),
        ("siteIds[3]=9", ("siteIds", 3), 9),
        ("provider.firstName=Ann", ("provider", "firstName"), "Ann"),
        ('provider.firstName="Ann"', ("provider", "firstName"), "Ann"),
        ('["provider"].firstName=Ann', ("provider", "firstName"), "Ann"),
        ("provider.firstName=", ("provider", "firstName"), ""),
        ("provider.comment=12", ("provider", "comment"), "12"),
        ("provider.comment=true", ("provider", "comment"), "true"),
        ("provider.comment=a=b", ("provider", "comment"), "a=b"),
        ('provider.comment={"a": 1}', ("provider", "comment"), '{"a": 1}'),
        ("provider.comment=[x", ("provider", "comment"), "[x"),
        ('provider.comment="null"', ("provider", "comment"), "null"),
        ("provider.comment=null", ("provider", "comment"), None),
        ("actualStart=2026-01-02T03:04:05Z", ("actualStart",), "2026-01-02T03:04:05Z"),
        ("companyId=Ann", ("companyId",), "Ann"),
        ('companyId=1, "siteIds": 2', ("companyId",), '1, "siteIds": 2'),
        ("companyId=1.0", ("companyId",), 1.0),
        ('provider={"firstName": "A"}', ("provider",), {"firstName": "A"}),
        ("site_ids=5", ("site_ids",), 5),
        ("otherId.$entry=12345678", ("otherId", "$entry"), "12345678"),
    ],
)
def test_value_stands_at_its_place_and_text_stays_text(setting: str, path: Any, value: Any) -> None:
    here: Any = edited(setting)
    for key in path:
        here = here[key]
    assert here == value
    assert type(here) is type(value)


def test_what_is_not_named_stays_as_it_was_and_so_does_the_input() -> None:
    data = unplanned_body()
    after = edited("provider.email=a@example.org", "siteIds[1]=8", data=data)
    assert data == unplanned_body()
    assert after == unplanned_body(
        siteIds=[1, 8, 3], provider={**unplanned_body()["provider"], "email": "a@example.org"}
    )


def test_fields_and_items_are_taken_out_by_the_places_they_had() -> None:
    after = edited("siteIds[2]=9", without=("siteIds[0]", "siteIds[1]", "provider.email", "actualStart"))
    assert after["siteIds"] == [9]
    assert "email" not in after["provider"]
    assert "actualStart" not in after


def test_object_that_is_not_there_yet_is_made() -> None:
    assert edited("provider.firstName=Ann", data={})["provider"] == {"firstName": "Ann"}


@pytest.mark.parametrize(
    ("settings", "without", "problems"),
    [
        (("companyId",), (), {("--set", "path_invalid")}),
        (("=5",), (), {("--set", "path_invalid")}),
        (("a..b=5",), (), {("--set", "path_invalid")}),
        ((".a=5",), (), {("--set", "path_invalid")}),
        (("a b=5",), (), {("--set", "path_invalid")}),
        (("siteIds[-1]=5", "companyId"), (), {("--set", "path_invalid")}),
        ((), ("provider.email=",), {("--unset", "path_invalid")}),
        (("companyId=1", "companyId=2"), (), {("$.companyId", "given_twice")}),
        (("provider={}", "provider.email=x"), (), {("$.provider.email", "given_twice")}),
        (("companyId=1",), ("companyId",), {("$.companyId", "given_twice")}),
        (("siteIds[4]=1", "ruleIds[9]=1"), (), {("$.siteIds[4]", "no_such_item"), ("$.ruleIds[9]", "no_such_item")}),
        (("siteIds.first=1",), (), {("$.siteIds.first", "wrong_place")}),
        (("provider[0]=1",), (), {("$.provider[0]", "wrong_place")}),
        (("companyId.x=1",), (), {("$.companyId.x", "wrong_place")}),
        (("others[0]=1",), (), {("$.others[0]", "no_such_field")}),
        ((), ("description", "siteIds[3]"), {("$.description", "no_such_field"), ("$.siteIds[3]", "no_such_item")}),
        (("companyId=NaN",), (), {("$.companyId", "not_json")}),
        (('provider={"a": 1, "a": 2}',), (), {("$.provider.a", "duplicate_key")}),
    ],
)  # fmt: skip
def test_every_slip_is_told_at_once_with_its_place(
    settings: tuple[str, ...], without: tuple[str, ...], problems: set[tuple[str, str]]
) -> None:
    assert refused(*settings, without=without) == problems


def test_differences_are_told_by_place_alone() -> None:
    before = {"a": 1, "list": [1, 2], "p": {"x": "secret", "y": 1}, "gone": 1, "same": [True]}
    after = {"a": 1.0, "list": [1, 3], "p": {"x": "other", "y": 1}, "new": {"k": 1}, "same": [True]}
    assert paths_changed(before, after) == ["a", "list", "p.x", "gone", "new"]
    assert paths_changed(before, before) == []
