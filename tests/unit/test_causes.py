"""What the server said is grouped by what entries can share, and nobody's name or number stands in it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sync.causes import Cause, grouped, shared_words
from tests.support.builders import unplanned_body

BODY = json.dumps(unplanned_body())


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ('{"message": "siteIds unknown"}', "siteIds unknown"),
        ('{"message": "is not accepted", "field": "siteIds"}', "siteIds: is not accepted"),
        ('{"message": "siteIds is not accepted", "field": "siteIds"}', "siteIds is not accepted"),
        ('{"message": ["siteIds.0 must be known", "ruleIds.12 must be known"], "statusCode": 422}',
         "siteIds.# must be known; ruleIds.# must be known"),
        ('{"error": {"code": "E17", "message": "no such site"}}', "no such site"),
        ('{"errors": [{"detail": "site 4 unknown"}, {"detail": "site 5 unknown"}]}', "site # unknown; site # unknown"),
        ('{"message": "sites [1, 2, 99] unknown"}', "sites [#] unknown"),
        ('{"message": "sites [7] unknown"}', "sites [#] unknown"),
        ('{"message": "value 0f8fad5b-d9cb-469f-a165-70867728950e at 2026-03-01T12:00:00.000Z"}',
         "value # at #"),
        ('{"message": "cut in the mid', "cut in the mid"),
        ('{"message": "siteIds unknown", "trace": "cut in the mid', "siteIds unknown"),
        ("<Error><Code>X</Code><Message>Access Denied</Message></Error>", "Access Denied"),
        ("Bad Request", "Bad Request"),
        ('{"statusCode": 422}', ""),
        ("", ""),
        ("[1, 2]", "[#]"),
        ("[" * 5000, "[" * 157 + "..."),
    ],
)  # fmt: skip
def test_words_are_found_and_numbers_masked(detail: str, words: str) -> None:
    assert shared_words(detail, "{}") == words


@pytest.mark.parametrize(
    "said",
    [
        "provider Zoé Nguyễn is unknown",
        "provider ZOÉ is unknown",
        "provider Zoe\u0301 is unknown",
        "nobody is called 'Nguyễn'",
        "mail to zoe@example.org refused",
        "mail to somebody.else@example.com refused",
        'comment "Access by the east gate 🔧" refused',
        'comment "Access by the east gate" refused',
        "assigned to “Somebody Else”",
        "assigned to 'Smith'",
        "phone 0664 1234567 unknown",
        "PIN 4711 wrong",
        "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abcdefgh refused",
    ],
)
def test_nobody_is_named(said: str) -> None:
    shown = shared_words(json.dumps({"message": said}, ensure_ascii=False), BODY)
    told = ("Zoé", "ZOÉ", "Zoe", "Nguy", "@", "gate", "Somebody", "Smith", "0664", "1234567", "4711", "eyJ")
    assert not [each for each in told if each in shown], shown
    assert shown.split(maxsplit=1)[0] == said.split(maxsplit=1)[0]


@pytest.mark.parametrize(
    "said",
    [
        "comment is too long: Ask Madame Okonkwo in the",
        "comment is too long: ...Madame Okonkwo in the cellar",
        "comment is refused (Okonkwo)",
        "OKONKWO IN THE CELLAR is refused",
    ],
)
def test_part_of_a_long_text_names_nobody_either(said: str) -> None:
    comment = "Ask Madame Okonkwo in the cellar for the key, and mind the dog"
    shown = shared_words(json.dumps({"message": said}), json.dumps({"provider": {"comment": comment}}))
    assert not {"okonkwo", "madame", "cellar"} & {*re.findall(r"\w+", shown.casefold())}, shown


def test_words_that_everybody_uses_stay_readable() -> None:
    body = json.dumps({"description": "the site was closed, so we came back the next day"})
    assert shared_words('{"message": "the site is closed, so wait"}', body) == "the site is closed, so wait"


@pytest.mark.parametrize("name", ["siteIds", "provider.firstName", "siteIds[0]"])
def test_quoted_field_stays_readable(name: str) -> None:
    shown = shared_words(json.dumps({"message": f'"{name}" is not known'}), BODY)
    assert shown == f'"{name.replace("0", "#")}" is not known'


def entry(n: int, **changes: Any) -> dict[str, Any]:
    facts = {
        "id": f"0193a000-0000-7000-8000-{n:012d}",
        "kind": "unplanned-preventive",
        "state": "dead",
        "stage": "pending",
        "reason": "refused",
        "owner": "ann",
        "payload": json.dumps(unplanned_body(siteIds=[n])),
        "tried_reason": "refused",
        "status": 422,
        "detail": json.dumps({"message": f"site {n} unknown"}),
    }
    return facts | changes


def test_one_cause_is_one_group_with_all_its_ids_and_the_most_frequent_comes_first() -> None:
    alone = entry(1, status=400)
    many = [entry(n) for n in range(2, 16)]
    first, second = grouped([alone, *many])
    assert first.cause == Cause("unplanned-preventive", "dead", "pending", "refused", 422, "site # unknown")
    assert first.ids == [each["id"] for each in many]
    assert (first.owner, second.ids) == ("ann", [alone["id"]])


@pytest.mark.parametrize(
    "difference",
    [
        {"kind": "curative"},
        {"reason": "forbidden", "tried_reason": "forbidden"},
        {"status": 400},
        {"detail": '{"message": "rule 5 unknown"}'},
        {"state": "parked"},
        {"stage": "accepted"},
    ],
)
def test_what_differs_in_its_cause_is_another_group(difference: dict[str, Any]) -> None:
    assert len(grouped([entry(1), entry(1, **difference)])) == 2


def test_last_try_that_is_not_why_it_stands_still_says_nothing_about_it() -> None:
    (group,) = grouped(
        [entry(1, state="parked", reason="target_discarded", tried_reason="server_trouble", status=503)]
    )
    assert (group.cause.status, group.cause.message) == (None, "")
    (group,) = grouped([entry(1, state="parked", reason="attempts_exhausted", tried_reason="server_trouble")])
    assert (group.cause.status, group.cause.message) == (422, "site # unknown")


def test_owner_of_several_is_nobody() -> None:
    (group,) = grouped([entry(1), entry(2, owner="bert"), entry(3)])
    assert group.owner is None
