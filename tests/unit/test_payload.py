"""Reading, checking, completing and writing a request body: every trap is named with its place."""

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from sync.errors import InputRefused, Problem
from sync.image import read_image
from sync.instants import instant_text, is_instant, to_millisecond
from sync.operations import by_kind
from sync.payload import MAX_JSON_BYTES, check, complete, read_json, to_body
from tests.support.builders import signature_jpeg, signature_png, unplanned_body

UNPLANNED = by_kind("unplanned-preventive")
IMAGE = read_image(signature_jpeg(), max_bytes=2**21, max_pixels=4_000_000, file_name="signed.jpg")
SAFE = 2**53 - 1


def found(data, image=IMAGE):
    return {(problem.path, problem.code) for problem in check(UNPLANNED, data, image)}


def refused(source):
    with pytest.raises(InputRefused) as caught:
        read_json(source)
    return caught.value.problems


def with_provider(**fields):
    return unplanned_body(provider=fields)


# Reading


@pytest.mark.parametrize(
    ("source", "path", "code", "named"),
    [
        (b"", "$", "empty", "empty"),
        (b"\xef\xbb\xbf \n", "$", "empty", "empty"),
        (b'{"a": "x\xff"}', "$", "not_utf8", "line 1, column 9"),
        (b'\xef\xbb\xbf{\n "\xc3\xa9": "\xc3("}', "$", "not_utf8", "line 2, column 8"),
        ('{"a": 1}'.encode("utf-16"), "$", "not_utf8", "UTF-8"),
        (b'{"a": "\xed\xa0\xbd"}', "$", "not_utf8", "line 1"),
        (b'{\n  "a": 1,\n  "b" 2\n}', "$", "broken_json", "line 3, column 7"),
        (b'{"a": 1} {}', "$", "broken_json", "line 1, column 10"),
        (b"{'a': 1}", "$", "broken_json", "line 1, column 2"),
        (b'{"a": "line\nbreak"}', "$", "broken_json", "line 1"),
        (b"[1]", "$", "not_an_object", "one object"),
        (b"null", "$", "not_an_object", "one object"),
        (b"NaN", "$", "not_an_object", "one object"),
        (b'{"a": {"b": [NaN]}}', "$.a.b[0]", "not_json", "NaN"),
        (b'{"a": -Infinity}', "$.a", "not_json", "-Infinity"),
        (b'{"a": 1e999}', "$.a", "out_of_range", "1e999"),
        (b'{"a": ' + b"9" * 5000 + b"}", "$.a", "out_of_range", "5000 digits"),
        (b'{"a": 1, "b": 2, "a": 1}', "$.a", "duplicate_key", "a is given more than once"),
        (b'{"p": [{"x y": 1, "x y": 2}]}', '$.p[0]["x y"]', "duplicate_key", "more than once"),
        (b'{"a": "\\ud83d"}', "$.a", "lone_surrogate", "U+D83D"),
        (b'{"\\udc00": 1}', '$["\\udc00"]', "lone_surrogate", "U+DC00"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "$" + ".a" * 32, "too_deep", "32 levels"),
        (b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}", "$", "too_deep", "32 levels"),
    ],
)
def test_unreadable_json_is_refused_with_its_place(source, path, code, named):
    (problem,) = refused(source)
    assert (problem.path, problem.code) == (path, code)
    assert named in problem.message


def test_json_up_to_one_mib_is_read_and_no_more():
    fitting = b'{"a": 1}'.ljust(MAX_JSON_BYTES)
    assert read_json(fitting) == {"a": 1}
    (problem,) = refused(fitting + b" ")
    assert (problem.path, problem.code) == ("$", "too_large")


def test_all_faults_of_readable_json_are_reported_in_document_order():
    problems = refused(b'{"a": NaN, "b": {"c": 1, "c": 2, "d": "\\udfff"}, "e": [0, Infinity]}')
    assert [problem.path for problem in problems] == ["$.a", "$.b.c", "$.b.d", "$.e[1]"]


def test_byte_order_mark_is_stripped():
    assert read_json(b'\xef\xbb\xbf{"a": "\xc3\xa9"}') == {"a": "é"}


def test_surrogate_pair_written_as_escapes_is_one_character():
    assert read_json(b'{"a": "\\ud83d\\udd27"}') == {"a": "🔧"}


def test_depth_of_a_caller_does_not_matter_for_deep_json():
    def deeper(levels):
        return deeper(levels - 1) if levels else refused(b'{"a":' * 100_000)

    assert deeper(200)[0].code in {"too_deep", "broken_json"}


# Checking


def test_sample_of_the_page_has_no_problem():
    sample = unplanned_body(
        signature={"name": "example.jpg", "mimeType": "image/jpeg", "size": IMAGE.size_bytes}
    )
    assert check(UNPLANNED, sample, IMAGE) == []


@pytest.mark.parametrize(
    "data",
    [
        with_provider(),
        with_provider(firstName="", email="not an address"),
        with_provider(firstName="é" * 250, comment="\u0000 \u2028" + "x" * 2497),
        with_provider(lastName="🔧" * 125),
        unplanned_body(companyId=-SAFE, siteIds=[SAFE], ruleIds=[0, 0]),
        unplanned_body(signature={}),
        unplanned_body(signature={"name": "x"}),
    ],
    ids=["no-keys", "empty-name", "250-letters", "250-units", "bounds", "no-facts", "only-name"],
)
def test_what_the_contract_allows_has_no_problem(data):
    assert check(UNPLANNED, data, IMAGE) == []


@pytest.mark.parametrize("field", ["companyId", "siteIds", "ruleIds", "provider"])
def test_missing_field_is_named(field):
    data = unplanned_body()
    del data[field]
    assert found(data) == {(f"$.{field}", "missing")}


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        (unplanned_body(companyId=True), "$.companyId", "wrong_type"),
        (unplanned_body(companyId=1.0), "$.companyId", "wrong_type"),
        (unplanned_body(companyId="1"), "$.companyId", "wrong_type"),
        (unplanned_body(companyId=None), "$.companyId", "null"),
        (unplanned_body(companyId=SAFE + 1), "$.companyId", "out_of_range"),
        (unplanned_body(companyId=-SAFE - 1), "$.companyId", "out_of_range"),
        (unplanned_body(companyId=10**5000), "$.companyId", "out_of_range"),
        (unplanned_body(siteIds=[]), "$.siteIds", "too_few_items"),
        (unplanned_body(siteIds=1), "$.siteIds", "wrong_type"),
        (unplanned_body(siteIds=10**5000), "$.siteIds", "wrong_type"),
        (unplanned_body(siteIds={"0": 1}), "$.siteIds", "wrong_type"),
        (unplanned_body(ruleIds=[1, None]), "$.ruleIds[1]", "null"),
        (unplanned_body(ruleIds=[[1]]), "$.ruleIds[0]", "wrong_type"),
        (unplanned_body(provider=None), "$.provider", "null"),
        (unplanned_body(provider=[]), "$.provider", "wrong_type"),
        (unplanned_body(provider="x"), "$.provider", "wrong_type"),
        (with_provider(email=None), "$.provider.email", "null"),
        (with_provider(email=5), "$.provider.email", "wrong_type"),
        (with_provider(email="x" * 251), "$.provider.email", "too_long"),
        (with_provider(firstName="🔧" * 126), "$.provider.firstName", "too_long"),
        (with_provider(comment="x" * 2501), "$.provider.comment", "too_long"),
        (with_provider(comment="\ud83d"), "$.provider.comment", "lone_surrogate"),
        (unplanned_body(signature=None), "$.signature", "null"),
        (unplanned_body(signature="x.png"), "$.signature", "wrong_type"),
        (unplanned_body(signature={"name": ""}), "$.signature.name", "empty"),
        (unplanned_body(signature={"size": -1}), "$.signature.size", "out_of_range"),
        (unplanned_body(signature={"size": True}), "$.signature.size", "wrong_type"),
        (unplanned_body(signature={"mimeType": None}), "$.signature.mimeType", "null"),
        (unplanned_body(signature={"md5": "x"}), "$.signature.md5", "unknown_field"),
        (unplanned_body(actualStart=None), "$.actualStart", "null"),
        (unplanned_body(actualStart=0), "$.actualStart", "wrong_type"),
        (unplanned_body(**{"a b": 1}), '$["a b"]', "unknown_field"),
    ],
)
def test_one_wrong_value_is_one_problem_with_its_place(data, path, code):
    (problem,) = check(UNPLANNED, data, IMAGE)
    assert (problem.path, problem.code) == (path, code)
    assert len(problem.message) < 300
    assert "pydantic" not in problem.message
    assert "Input should" not in problem.message


@pytest.mark.parametrize(
    ("data", "suggestion"),
    [
        (unplanned_body(site_ids=[1]), "siteIds"),
        (unplanned_body(ActualStart="x"), "actualStart"),
        (with_provider(firstname="x"), "firstName"),
        (with_provider(coment="x"), "comment"),
        (unplanned_body(signature={"mime_type": "image/jpeg"}), "mimeType"),
    ],
)
def test_unknown_field_suggests_the_nearest_known_one(data, suggestion):
    (problem,) = check(UNPLANNED, data, IMAGE)
    assert problem.code == "unknown_field"
    assert f"Did you mean {suggestion}?" in problem.message


def test_unknown_field_like_no_other_lists_the_known_ones():
    (problem,) = check(UNPLANNED, with_provider(zzz=1), IMAGE)
    assert "firstName, lastName, actionComment, email, comment" in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "2024-12-01T12:34:56.000Z",
        "2024-12-01T12:34Z",
        "2024-12-01T23:59:59Z",
        "2024-02-29T00:00Z",
        "2000-02-29T00:00Z",
        "0000-02-29T00:00Z",
        "2024-12-31T00:00:00.1234567890123Z",
    ],
)
def test_instant_of_the_pattern_is_taken(text):
    assert found(unplanned_body(actualStart=text)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-12-01",
        "2024-12-01T12:34:56",
        "2024-12-01T12:34:56+00:00",
        "2024-12-01T13:34:56+01:00",
        "2024-12-01t12:34:56z",
        "2024-12-01 12:34:56Z",
        "2024-12-01T12:34:56.000Z\n",
        " 2024-12-01T12:34:56Z",
        "2023-02-29T00:00Z",
        "1900-02-29T00:00Z",
        "2024-02-30T00:00Z",
        "2024-04-31T00:00Z",
        "2024-13-01T00:00Z",
        "2024-12-01T24:00Z",
        "2024-12-01T12:60Z",
        "2024-12-01T12:34:60Z",
        "2024-12-01T12:34:56.Z",
        "2024-12-01T12:34.5Z",
        "24-12-01T12:34Z",
        "12024-12-01T12:34Z",
        "٢٠٢٤-12-01T12:34Z",
        "2024-12-01T12:34:5\u0666Z",
    ],
)
def test_instant_outside_the_pattern_is_refused(text):
    assert found(unplanned_body(actualStart=text)) == {("$.actualStart", "bad_instant")}


def test_signature_facts_that_differ_from_the_image_name_both_values():
    data = unplanned_body(signature={"name": "x.png", "mimeType": "image/png", "size": 1024})
    mime_type, size = check(UNPLANNED, data, IMAGE)
    assert (mime_type.path, size.path) == ("$.signature.mimeType", "$.signature.size")
    assert {mime_type.code, size.code} == {"signature_disagrees"}
    assert "image/png" in mime_type.message
    assert "image/jpeg" in mime_type.message
    assert "1024" in size.message
    assert str(IMAGE.size_bytes) in size.message


def test_problems_of_json_and_image_come_together():
    broken = Problem("--signature", "image_empty", "The signature image is empty.")
    data = unplanned_body(companyId="1")
    assert [problem.path for problem in check(UNPLANNED, data, image_problems=[broken])] == [
        "$.companyId",
        "--signature",
    ]
    assert found(data, image=None) == {("$.companyId", "wrong_type"), ("--signature", "signature_missing")}


def test_checking_leaves_the_input_as_it_was():
    data = unplanned_body(siteIds=["1"], signature={"size": 1})
    before = json.dumps(data)
    check(UNPLANNED, data, IMAGE)
    assert json.dumps(data) == before


# Completing and writing

NOON = datetime(2026, 3, 4, 12, 0, 0, 123_987, tzinfo=UTC)


def test_body_has_the_keys_of_the_page_in_its_order():
    data = dict(reversed(unplanned_body().items()))
    data["provider"] = dict(reversed(data["provider"].items()))
    payload, _ = complete(UNPLANNED, data, image=IMAGE, started_at=NOON)
    body = to_body(payload)
    places = [
        body.index(f'"{key}":'.encode())
        for key in (
            *("companyId", "siteIds", "ruleIds", "signature", "name", "mimeType", "size"),
            *("provider", "firstName", "lastName", "actionComment", "email", "comment", "actualStart"),
        )
    ]
    assert all(earlier < later for earlier, later in pairwise(places))
    assert json.loads(body) == data | {
        "signature": {"name": "signed.jpg", "mimeType": "image/jpeg", "size": IMAGE.size_bytes}
    }


def test_body_is_compact_and_keeps_each_character():
    text = 'e\u0301 é 🔧 \u2028 \u0000 "q" \\ /'
    payload, _ = complete(UNPLANNED, with_provider(comment=text), image=IMAGE)
    body = to_body(payload)
    assert b'"siteIds":[1,2,3]' in body
    assert "é 🔧".encode() in body
    assert json.loads(body)["provider"]["comment"] == text


def test_start_is_the_moment_of_capture_when_it_is_missing():
    data = unplanned_body()
    del data["actualStart"]
    payload, _ = complete(UNPLANNED, data, image=IMAGE, started_at=NOON)
    assert payload["actualStart"] == "2026-03-04T12:00:00.123Z"
    assert found(payload) == set()


def test_given_start_is_never_altered():
    payload, _ = complete(
        UNPLANNED, unplanned_body(actualStart="2024-12-01T12:34Z"), image=IMAGE, started_at=NOON
    )
    assert payload["actualStart"] == "2024-12-01T12:34Z"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Unterschrift Zoé.jpeg", "Unterschrift Zoé.jpeg"),
        ("../../etc/passwd", "signed.jpg"),
        ("a\nb", "signed.jpg"),
    ],
)
def test_given_name_is_sent_when_it_is_safe(given, sent):
    payload, image = complete(UNPLANNED, unplanned_body(signature={"name": given}), image=IMAGE)
    assert payload["signature"]["name"] == sent
    assert image is not None
    assert image.name == sent


def test_disagreement_is_found_for_png_too():
    image = read_image(signature_png(), max_bytes=2**21, max_pixels=4_000_000)
    data = unplanned_body(signature={"name": "s.png", "mimeType": "image/png", "size": image.size_bytes})
    assert check(UNPLANNED, data, image) == []
    assert found(data) == {
        ("$.signature.mimeType", "signature_disagrees"),
        ("$.signature.size", "signature_disagrees"),
    }


# Instants


def test_instant_text_is_utc_to_the_millisecond():
    assert (
        instant_text(datetime(2026, 3, 4, 13, 0, tzinfo=timezone(timedelta(hours=1))))
        == "2026-03-04T12:00:00.000Z"
    )
    assert is_instant(instant_text(NOON))


def test_instant_text_refuses_a_time_without_zone():
    with pytest.raises(ValueError, match="time zone"):
        instant_text(NOON.replace(tzinfo=None))


@pytest.mark.parametrize("text", ["2024-12-01T12:34Z", "2024-12-01T12:34:00Z", "2024-12-01T12:34:00.0009Z"])
def test_spellings_of_one_millisecond_are_one(text):
    assert to_millisecond(text) == "2024-12-01T12:34:00.000Z"
