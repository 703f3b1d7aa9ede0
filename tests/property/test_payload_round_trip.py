"""Laws of the request body: what is valid is sent unchanged, and one mistake is reported in exactly its place."""

import copy
import json
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import InputRefused
from sync.image import read_image
from sync.operations import by_kind
from sync.payload import check, complete, read_json, to_body
from tests.support.builders import signature_jpeg, signature_png

UNPLANNED = by_kind("unplanned-preventive")
IMAGE = read_image(signature_png(), max_bytes=2**21, max_pixels=4_000_000)
SAFE = 2**53 - 1
# The first example pays for loading pydantic, and a busy machine is no broken law.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

safe_ids = st.integers(-SAFE, SAFE)
id_lists = st.lists(safe_ids, min_size=1, max_size=20)
characters = st.characters(exclude_categories=["Cs"])


def texts(max_units):
    # Half as many characters as units: each may count twice.
    return st.text(characters, max_size=min(max_units // 2, 60)) | st.just("x" * max_units)


instants = st.datetimes().flatmap(
    lambda at: st.sampled_from(
        [
            at.isoformat(timespec="minutes") + "Z",
            at.isoformat(timespec="seconds") + "Z",
            at.isoformat(timespec="milliseconds") + "Z",
            at.isoformat(timespec="microseconds") + "123Z",
        ]
    )
)
signatures = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(characters, min_size=1, max_size=300),
        "mimeType": st.just(IMAGE.mime_type),
        "size": st.just(IMAGE.size_bytes),
    },
)
providers = st.fixed_dictionaries(
    {},
    optional={
        "firstName": texts(250),
        "lastName": texts(250),
        "actionComment": texts(2500),
        "email": texts(250),
        "comment": texts(2500),
    },
)
bodies = st.fixed_dictionaries(
    {"companyId": safe_ids, "siteIds": id_lists, "ruleIds": id_lists, "provider": providers},
    optional={"signature": signatures, "actualStart": instants},
)

not_integers = st.sampled_from([True, False, 1.0, "1", [], {}, None, SAFE + 1, -SAFE - 1, 10**300])
not_texts = st.sampled_from([True, 0, 1.5, [], {}, None, "\ud83d"])
not_objects = st.sampled_from([True, 0, 1.5, "x", [], None])
not_id_lists = st.sampled_from([True, 0, 1.5, "x", {}, None, []])
not_instants = not_texts | st.sampled_from(["", "now", "2023-02-29T00:00Z", "2024-12-01T12:34:56+00:00"])
not_counts = not_integers | st.just(-1) | st.just(IMAGE.size_bytes + 1)

# Each place of a body, as keys from the top, with values that are wrong there.
WRONG = {
    ("companyId",): not_integers,
    ("siteIds",): not_id_lists,
    ("siteIds", 0): not_integers,
    ("ruleIds",): not_id_lists,
    ("ruleIds", 0): not_integers,
    ("signature",): not_objects,
    ("signature", "name"): not_texts | st.just(""),
    ("signature", "mimeType"): not_texts | st.sampled_from(["", "image/jpeg", "image/PNG"]),
    ("signature", "size"): not_counts,
    ("provider",): not_objects,
    ("provider", "firstName"): not_texts | st.just("x" * 251),
    ("provider", "lastName"): not_texts | st.just("🔧" * 126),
    ("provider", "actionComment"): not_texts | st.just("x" * 2501),
    ("provider", "email"): not_texts | st.just("x" * 251),
    ("provider", "comment"): not_texts | st.just("🔧" * 1251),
    ("actualStart",): not_instants,
}
objects = st.sampled_from([(), ("provider",), ("signature",)])


def read_or_refused(read):
    """What `read()` answers, and the problems it was refused with; nothing else may come out of it."""
    try:
        return read(), ()
    except InputRefused as refusal:
        return None, refusal.problems


def path_of(keys):
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


def reach(body, keys):
    """The object or list that holds the last of `keys`, made where an optional object is missing."""
    for key in keys[:-1]:
        body = body.setdefault(key, {}) if isinstance(body, dict) else body[key]
    return body


@UNHURRIED
@given(body=bodies)
def test_valid_body_is_read_checked_and_sent_unchanged(body):
    data = read_json(json.dumps(body).encode())
    assert check(UNPLANNED, data, IMAGE) == []
    payload, image = complete(UNPLANNED, data, image=IMAGE, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert data == body
    sent = json.loads(to_body(payload))
    assert image is not None
    derived = {"name": image.name, "mimeType": IMAGE.mime_type, "size": IMAGE.size_bytes}
    assert sent == {"actualStart": "2026-01-01T00:00:00.000Z"} | body | {"signature": derived}
    assert check(UNPLANNED, sent, image) == []


@UNHURRIED
@given(body=bodies)
def test_body_that_was_completed_stays_the_same_when_completed_again(body):
    payload, image = complete(UNPLANNED, body, image=IMAGE, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    again, _ = complete(UNPLANNED, payload, image=image, started_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert to_body(again) == to_body(payload)


@UNHURRIED
@given(body=bodies, choice=st.data())
def test_one_wrong_value_is_reported_in_exactly_its_place(body, choice):
    keys = choice.draw(st.sampled_from(sorted(WRONG, key=str)))
    mutated = copy.deepcopy(body)
    reach(mutated, keys)[keys[-1]] = choice.draw(WRONG[keys])
    assert [problem.path for problem in check(UNPLANNED, mutated, IMAGE)] == [path_of(keys)]


@UNHURRIED
@given(body=bodies, missing=st.sampled_from(["companyId", "siteIds", "ruleIds", "provider"]))
def test_one_missing_field_is_reported_in_exactly_its_place(body, missing):
    less = {key: value for key, value in body.items() if key != missing}
    assert [(each.path, each.code) for each in check(UNPLANNED, less, IMAGE)] == [(f"$.{missing}", "missing")]


@UNHURRIED
@given(body=bodies, where=objects, key=st.text("xyz", min_size=1, max_size=8))
def test_one_unknown_field_is_reported_in_exactly_its_place(body, where, key):
    mutated = copy.deepcopy(body)
    reach(mutated, (*where, key))[key] = 1
    problems = check(UNPLANNED, mutated, IMAGE)
    assert [(each.path, each.code) for each in problems] == [(path_of((*where, key)), "unknown_field")]


@UNHURRIED
@given(source=st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0dD8e+-1NaIfty \n').map(str.encode))
def test_any_bytes_are_read_or_refused(source):
    data, problems = read_or_refused(lambda: read_json(source))
    assert problems or json.loads(to_body(data)) == data


@UNHURRIED
@given(tail=st.binary(max_size=300), at=st.integers(0, 4000))
def test_any_image_bytes_are_read_or_refused(tail, at):
    data = signature_png()[:at] + tail
    _, problems = read_or_refused(lambda: read_image(data, max_bytes=2**21, max_pixels=4_000_000))
    assert [problem.path for problem in problems] == ["--signature"]


@UNHURRIED
@given(at=st.integers(3, len(signature_jpeg()) - 1), byte=st.integers(0, 255))
def test_jpeg_with_any_byte_changed_is_read_or_refused(at, byte):
    data = signature_jpeg()[:at] + bytes([byte]) + signature_jpeg()[at + 1 :]
    image, problems = read_or_refused(lambda: read_image(data, max_bytes=2**21, max_pixels=4_000_000))
    assert (image is None) == bool(problems)
