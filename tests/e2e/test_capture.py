"""Everything that can be wrong with a capture's input: refused in full, each problem once and clearly, nothing kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.bad_images import bomb_of_pixels, bomb_of_text
from tests.support.builders import signature_jpeg, signature_png, unplanned_body
from tests.support.command import Ended, Tablet

KIND = "unplanned-preventive"
BEYOND = 2**53
ASTRAL = "\U0001f527"  # one character, two UTF-16 units


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


@dataclass(frozen=True)
class Bad:
    """One mistake: the input that has it, where it is (`path`), its stable code, and what the message must name."""

    id: str
    path: str
    code: str
    says: tuple[str, ...] = ()
    body: bytes | dict[str, Any] | None = None
    image: bytes | None = None
    more: tuple[str, ...] = ()

    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(unplanned_body(**(self.body or {}))).encode()


def body(id: str, path: str, code: str, *says: str, raw: bytes | None = None, **changes: Any) -> Bad:
    return Bad(id, path, code, says, changes if raw is None else raw)


def image(id: str, code: str, data: bytes, *says: str) -> Bad:
    return Bad(id, "--signature", code, says, image=data)


def option(id: str, path: str, code: str, *more: str, says: tuple[str, ...] = ()) -> Bad:
    return Bad(id, path, code, says, more=more)


def without(*keys: str) -> bytes:
    return json.dumps({key: value for key, value in unplanned_body().items() if key not in keys}).encode()


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


WHOLE = json.dumps(unplanned_body())


def company_written_as(text: str) -> bytes:
    return WHOLE.replace('"companyId": 1', f'"companyId": {text}', 1).encode()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


BROKEN_JSON = [
    body("comma-too-many", "$", "broken_json", "line 2, column 18", raw=b'{\n  "companyId": 1,,\n}'),
    body("cut-off", "$", "broken_json", "line 1, column", raw=WHOLE[:-20].encode()),
    body("single-quotes", "$", "broken_json", "line 1, column 2", raw=b"{'companyId': 1}"),
    body("empty-file", "$", "empty", raw=b""),
    body("blank-file", "$", "empty", raw=b" \n\n"),
    body("list-instead-of-object", "$", "not_an_object", "{ ... }", raw=b"[1, 2]"),
    body("null-instead-of-object", "$", "not_an_object", raw=b"null"),
    body("not-utf-8", "$", "not_utf8", "line 1, column", raw=WHOLE.replace("Zo\\u00e9", "Zo\xe9").encode("latin-1")),
    body("nested-too-deep", "$" + ".a" * 32, "too_deep", "32 levels", raw=deep(40)),
    body("nested-beyond-reason", "$", "too_deep", raw=deep(150_000)),
    body("too-large", "$", "too_large", "1048576", raw=b'{"x":"' + b"x" * 2**20 + b'"}'),
    body("key-twice", "$.companyId", "duplicate_key", "more than once", raw=f'{{"companyId": 5, {WHOLE[1:]}'.encode()),
    body("nan", "$.companyId", "not_json", "NaN", raw=company_written_as("NaN")),
    body(
        "half-a-character", "$.provider.comment", "lone_surrogate", "U+D83D", provider={"comment": "\ud83d"}
    ),
]  # fmt: skip

WRONG_TYPES = [
    body("number-as-text", "$.companyId", "wrong_type", '"1"', companyId="1"),
    body("true-for-a-number", "$.companyId", "wrong_type", "true", companyId=True),
    body("one-point-zero", "$.companyId", "wrong_type", "1.0", companyId=1.0),
    body("null", "$.companyId", "null", companyId=None),
    body("null-for-an-optional", "$.actualStart", "null", actualStart=None),
    body("number-for-a-list", "$.siteIds", "wrong_type", "a list", siteIds=5),
    body("text-in-a-list", "$.siteIds[1]", "wrong_type", '"2"', siteIds=[1, "2"]),
    body("list-for-an-object", "$.provider", "wrong_type", "an object", provider=[]),
    body("number-for-text", "$.provider.firstName", "wrong_type", "text", provider={"firstName": 5}),
    body("number-for-an-instant", "$.actualStart", "wrong_type", actualStart=1733056496),
    body("text-for-signature", "$.signature", "wrong_type", signature="signature.png"),
    body("null-for-signature", "$.signature", "null", signature=None),
]

LIMITS = [
    body("2501-characters", "$.provider.comment", "too_long", "2501", "2500", provider={"comment": "x" * 2501}),
    body(
        "2502-units-in-1251-characters", "$.provider.actionComment", "too_long", "2502", "2500",
        provider={"actionComment": ASTRAL * 1251},
    ),
    body("251-in-a-name", "$.provider.lastName", "too_long", "251", "250", provider={"lastName": "x" * 251}),
    body("no-site", "$.siteIds", "too_few_items", "at least one", siteIds=[]),
    body("no-rule", "$.ruleIds", "too_few_items", "at least one", ruleIds=[]),
    body("company-beyond-safe", "$.companyId", "out_of_range", "9007199254740991", companyId=BEYOND),
    body("company-below-safe", "$.companyId", "out_of_range", "-9007199254740991", companyId=-BEYOND),
    body("site-beyond-safe", "$.siteIds[2]", "out_of_range", "9007199254740991", siteIds=[1, 2, BEYOND]),
    body("integer-of-5000-digits", "$.companyId", "out_of_range", raw=company_written_as("9" * 5000)),
    body("float-beyond-all", "$.companyId", "out_of_range", raw=company_written_as("1e999")),
    body("no-company", "$.companyId", "missing", "requires", raw=without("companyId")),
    body("no-provider", "$.provider", "missing", "requires", raw=without("provider")),
    body("unknown-field", "$.colour", "unknown_field", "companyId", colour="red"),
    body("misspelt-field", "$.site_ids", "unknown_field", "Did you mean siteIds", site_ids=[1]),
    body("unknown-nested-field", "$.provider.firstname", "unknown_field", "firstName", provider={"firstname": "Z"}),
]  # fmt: skip

INSTANTS = [
    body(f"instant-{name}", "$.actualStart", "bad_instant", given[:10], "final Z", actualStart=given)
    for name, given in {
        "with-offset": "2024-12-01T12:34:56+01:00",
        "zero-offset": "2024-12-01T12:34:56+00:00",
        "without-zone": "2024-12-01T12:34:56",
        "29-february-2023": "2023-02-29T12:34:56Z",
        "29-february-1900": "1900-02-29T12:34:56Z",
        "31-april": "2024-04-31T12:34:56Z",
        "month-13": "2024-13-01T12:34:56Z",
        "hour-24": "2024-12-01T24:00:00Z",
        "leap-second": "2016-12-31T23:59:60Z",
        "lower-case": "2024-12-01t12:34:56z",
        "blank-for-t": "2024-12-01 12:34:56Z",
        "date-alone": "2024-12-01",
        "arabic-digits": "2024-12-01T12:34:5\u0666Z",
        "line-end": "2024-12-01T12:34:56Z\n",
    }.items()
]

IMAGES = [
    image("text-named-png", "image_type", b"This is not an image.\n", "a text file", "JPEG or PNG"),
    image("gif-named-png", "image_type", b"GIF89a" + bytes(40), "a GIF image"),
    image("empty-image", "image_empty", b""),
    image("truncated-jpeg", "image_broken", signature_jpeg(1)[:4000], "damaged"),
    image("truncated-png", "image_broken", signature_png(1)[:4000], "damaged"),
    image("png-without-its-end", "image_broken", signature_png(1)[:-12], "its end is missing"),
    image("png-with-a-flipped-bit", "image_broken", flipped(signature_png(1), 900), "damaged"),
    image("50-megabytes", "image_too_large", signature_png(1) + bytes(50_000_000), "2097152"),
    image("billions-of-pixels", "image_too_many_pixels", bomb_of_pixels(), "60000 x 60000", "4000000"),
    image("comment-that-unpacks-to-80-megabytes", "image_broken", bomb_of_text(), "damaged"),
    Bad(
        "size-disagrees", "$.signature.size", "signature_disagrees", ("1024", str(len(signature_png(1)))),
        {"signature": {"size": 1024}},
    ),
    Bad(
        "type-disagrees", "$.signature.mimeType", "signature_disagrees", ("image/jpeg", "image/png"),
        {"signature": {"mimeType": "image/jpeg"}},
    ),
    body("negative-size", "$.signature.size", "out_of_range", signature={"size": -1}),
    body("empty-image-name", "$.signature.name", "empty", signature={"name": ""}),
]  # fmt: skip

OPTIONS = [
    option("id-is-no-uuid", "--id", "id_invalid", "--id", "visit-7", says=("UUID",)),
    option("id-too-short", "--id", "id_invalid", "--id", "0190f3c2", says=("UUID",)),
    option("empty-id", "--id", "id_invalid", "--id", "", says=("UUID",)),
    option("target-of-a-creating-kind", "--target", "target_not_wanted", "--target", "12", says=(KIND,)),
    option("local-target", "--target", "target_not_wanted", "--target", "local:0190f3c2"),
    option("blank-owner", "--owner", "owner_invalid", "--owner", " "),
    option("unprintable-owner", "--owner", "owner_invalid", "--owner", "a\x1b[2Jb"),
]

TABLE = [*BROKEN_JSON, *WRONG_TYPES, *LIMITS, *INSTANTS, *IMAGES, *OPTIONS]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.id)
def test_bad_input_is_refused_with_one_clear_problem_and_nothing_is_stored(tablet: Tablet, bad: Bad) -> None:
    data = tablet.file("visit.json", bad.data())
    picture = tablet.file("signature.png", signature_png(1) if bad.image is None else bad.image)
    before = fingerprints(data, picture)
    arguments = ("capture", KIND, "--data", str(data), "--signature", str(picture), *bad.more)

    told = tablet.run(*arguments, "--json")
    problem = only_problem(told)
    assert (problem["path"], problem["code"]) == (bad.path, bad.code)
    for part in bad.says:
        assert part in problem["message"]
    readable(problem["message"])

    for_people = tablet.run(*arguments)
    assert (for_people.code, for_people.out) == (2, "")
    assert f"  {problem['path']}: {problem['message']}" in for_people.err.splitlines()
    assert "nothing was stored" in for_people.err
    assert tablet.entries() == []
    assert fingerprints(data, picture) == before


def only_problem(told: Ended) -> dict[str, str]:
    """The one problem of a refusal in the promised shape."""
    assert told.code == 2, told
    assert told.err == ""
    error = told.error
    assert set(error) == {"code", "message", "problems", "next_command", "retryable"}
    assert (error["code"], error["retryable"]) == ("input_refused", False)
    (problem,) = error["problems"]
    assert set(problem) == {"path", "code", "message"}
    return dict(problem)


def readable(message: str) -> None:
    """A person in a boiler room can take it in, and no terminal takes orders from it."""
    assert len(message) < 400, message
    assert message.isprintable(), ascii(message)
    assert message.endswith((".", "?")), message
    for jargon in ("Traceback", "pydantic", "ValidationError", "input_value", "PIL"):
        assert jargon not in message


def fingerprints(*paths: Path) -> list[tuple[bytes, int]]:
    return [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]


# Files that cannot be read, as data and as image.


def missing(folder: Path) -> Path:
    return folder / "not there"


def folder_itself(folder: Path) -> Path:
    return folder


def fifo(folder: Path) -> Path:
    path = folder / "pipe"
    if not path.exists():
        os.mkfifo(path)
    return path


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"")
    return folder / "file" / "visit.json"


def name_too_long(folder: Path) -> Path:
    return folder / ("x" * 300)


def unreadable(folder: Path) -> Path:
    path = Path("/proc/self/mem")  # a regular file whose first byte nobody can read, not even root
    if not path.is_file():
        pytest.skip("this system has no /proc/self/mem")
    return path


def loop(folder: Path) -> Path:
    path = folder / "loop"
    if not path.is_symlink():
        path.symlink_to(path)
    return path


PLACES = [missing, folder_itself, fifo, below_a_file, name_too_long, unreadable, loop]


@pytest.mark.parametrize("place", PLACES)
def test_data_that_cannot_be_read_is_refused_and_named(tablet: Tablet, place: Callable[[Path], Path]) -> None:
    picture = tablet.file("signature.png", signature_png(1))
    path = place(tablet.folder)
    told = tablet.run("capture", KIND, "--data", str(path), "--signature", str(picture), "--json")
    problem = only_problem(told)
    assert problem["path"] == "--data"
    assert problem["code"] in {"data_not_found", "data_unreadable"}
    assert str(path)[-20:] in problem["message"]
    assert tablet.entries() == []


@pytest.mark.parametrize("place", PLACES)
def test_image_that_cannot_be_read_is_refused_and_named(
    tablet: Tablet, place: Callable[[Path], Path]
) -> None:
    path = place(tablet.folder)
    told = tablet.run("capture", KIND, "--data", "-", "--signature", str(path), "--json", stdin=WHOLE)
    problem = only_problem(told)
    assert problem["path"] == "--signature"
    assert problem["code"] in {"image_not_found", "image_not_a_file", "image_unreadable"}
    assert str(path)[-20:] in problem["message"]
    assert tablet.entries() == []


def test_missing_image_is_named_with_what_to_do(tablet: Tablet) -> None:
    problem = only_problem(tablet.run("capture", KIND, "--data", "-", "--json", stdin=WHOLE))
    assert (problem["path"], problem["code"]) == ("--signature", "signature_missing")
    assert "JPEG or PNG" in problem["message"]


def test_several_problems_are_all_told_at_once(tablet: Tablet) -> None:
    """Correcting one mistake to be told the next is what makes people give up."""
    wrong = unplanned_body(
        companyId="1", siteIds=[], actualStart="2023-02-29T00:00:00Z", signature={"size": 3}, colour="red"
    )
    del wrong["ruleIds"]
    wrong["provider"]["comment"] = "x" * 2501
    picture = tablet.file("signature.png", signature_png(1))
    more = ("--id", "visit-7", "--owner", " ")
    told = tablet.run(
        "capture", KIND, "--data", "-", "--signature", str(picture), "--json", *more, stdin=json.dumps(wrong)
    )
    assert told.code == 2
    assert {(each["path"], each["code"]) for each in told.error["problems"]} == {
        ("$.companyId", "wrong_type"),
        ("$.siteIds", "too_few_items"),
        ("$.ruleIds", "missing"),
        ("$.provider.comment", "too_long"),
        ("$.actualStart", "bad_instant"),
        ("$.colour", "unknown_field"),
        ("$.signature.size", "signature_disagrees"),
        ("--id", "id_invalid"),
        ("--owner", "owner_invalid"),
    }
    assert "9 problems" in told.error["message"]


def test_broken_json_does_not_hide_a_broken_image(tablet: Tablet) -> None:
    picture = tablet.file("signature.png", b"no image")
    told = tablet.run("capture", KIND, "--data", "-", "--signature", str(picture), "--json", stdin="{")
    assert [each["code"] for each in told.error["problems"]] == ["broken_json", "image_type"]


def test_missing_data_file_does_not_hide_what_else_is_wrong(tablet: Tablet) -> None:
    picture = tablet.file("signature.png", b"no image")
    more = ("--id", "visit-7", "--target", "12", "--json")
    told = tablet.run("capture", KIND, "--data", "visit.json", "--signature", str(picture), *more)
    assert {each["path"] for each in told.error["problems"]} == {"--data", "--signature", "--id", "--target"}


def test_unknown_kind_is_refused_with_the_known_ones(tablet: Tablet) -> None:
    told = tablet.run("capture", "unplaned-preventive", "--data", "-", "--json", stdin=WHOLE)
    assert (told.code, told.error["code"]) == (2, "unknown_kind")
    assert "unplaned-preventive" in told.error["message"]
    assert KIND in told.error["message"]
    assert tablet.entries() == []


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("capture", KIND), "--data"),
        (("capture",), "KIND"),
        (("capture", KIND, "--data", "-", "--colour", "red"), "--colour"),
        (("capture", KIND, "more", "--data", "-"), "more"),
        (("captur",), "captur"),
        (("resync", "--state", "done"), "done"),
    ],
)
def test_usage_mistake_is_a_document_too(tablet: Tablet, arguments: tuple[str, ...], names: str) -> None:
    told = tablet.run(*arguments, "--json")
    assert (told.code, told.error["code"]) == (2, "usage")
    assert names in told.error["message"]
    assert told.error["next_command"].endswith("--help")
    assert tablet.run(*arguments).code == 2


def test_server_text_of_a_name_cannot_steer_a_terminal(tablet: Tablet) -> None:
    """A key that is an escape sequence is printed as what it is."""
    told = tablet.run("capture", KIND, "--data", "-", stdin=json.dumps(unplanned_body(**{"\x1b[2Jx": 1})))
    assert told.code == 2
    assert "\x1b" not in told.err
