"""What stands in a bundle, line by line: everything is compared, and what does not fit is refused by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from storage.handovers import Carried
from sync.bundle import contents
from sync.bundle.contents import Head, Packed, Writer, read
from sync.bundle.errors import BundleDamaged, BundleNewer, BundleRefused, NotABundle
from tests.support.scratch import entry_id, signature

HEAD = Head("0193b000-0000-4000-8000-000000000001", datetime(2026, 3, 2, 12, tzinfo=UTC), "0.1.0")


def carried(number: int, **changes: Any) -> Carried:
    facts: dict[str, Any] = {
        "seq": number,
        "id": entry_id(number),
        "kind": "unplanned-preventive",
        "payload_version": 1,
        "payload": '{"comment": "Zoé 🔧",  "siteIds":[1]}',
        "input_digest": "a" * 64,
        "idempotency_key": entry_id(number),
        "start_at": 1_772_452_800_000,
        "target_id": None,
        "target_entry": None,
        "after_entry": None,
        "owner": "anna",
        "captured_at": 1_772_452_800_000,
        "clock_offset_ms": -1500,
        "clock_suspect": False,
        "known": {},
    }
    return Carried(**(facts | changes))


def lines(*entries: Carried) -> list[bytes]:
    writer = Writer(HEAD)
    return [writer.head(), *(writer.entry(each, signature(each.seq)) for each in entries), writer.end()]


def packed(raw: Iterable[bytes]) -> list[Packed]:
    return [each for each in read(raw) if isinstance(each, Packed)]


def test_entry_comes_out_as_it_went_in() -> None:
    first, second = packed(lines(carried(1), carried(2, after_entry=entry_id(1), owner=None)))
    assert first.payload == carried(1).payload, "to the byte: also its spaces"
    assert (first.image, second.image) == (signature(1), signature(2))
    assert (second.after_entry, second.owner, first.clock_offset_ms) == (entry_id(1), None, -1500)


@pytest.mark.parametrize("name", ["10.30\u202fPM.png", "signature\u00a0Zoé.png", "👩\u200d🔧.png"])
def test_image_comes_out_under_any_name_that_a_capture_gives_it(name: str) -> None:
    """Macs put a narrow space into the names of screenshots, and it made the whole bundle unreadable."""
    image = replace(signature(1), name=name)
    writer = Writer(HEAD)
    (entry,) = packed([writer.head(), writer.entry(carried(1), image), writer.end()])
    assert entry.image == image


def test_two_entries_never_share_the_key_that_tells_their_requests_apart() -> None:
    with pytest.raises(BundleDamaged, match="key"):
        packed(lines(carried(1), carried(2, idempotency_key=entry_id(1))))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_lines_are_found_wherever_the_chunks_end(size: int) -> None:
    whole = b"".join(lines(carried(1), carried(2)))
    chunks = (whole[at : at + size] for at in range(0, len(whole), size))
    assert [each.id for each in packed(chunks)] == [entry_id(1), entry_id(2)]


def test_number_of_a_parent_that_the_server_has_stands_in_its_place() -> None:
    naming = carried(2, payload='{"preventiveId":{"$entry":"p"},"other":{"$entry":"q"}}', known={"p": 77})
    (entry,) = packed(lines(naming))
    assert json.loads(entry.payload) == {"preventiveId": 77, "other": {"$entry": "q"}}


def test_bundle_without_its_last_lines_is_refused() -> None:
    whole = lines(carried(1), carried(2), carried(3))
    for left in range(len(whole)):
        with pytest.raises(BundleRefused):
            packed(whole[:left])


@pytest.mark.parametrize(
    "mix",
    [
        lambda one, other: [*one[:2], *other[1:]],  # an entry more
        lambda one, other: [one[0], other[1], *one[2:]],  # another entry in its place
        lambda one, other: [one[0], *one[2:]],  # one left out
        lambda one, other: [one[0], one[2], one[1], one[3]],  # another order
        lambda one, other: [one[0], one[1], one[1], *one[2:]],  # one twice
        lambda one, other: [*one, *other],  # one behind the other
        lambda one, other: [*one[:-1], other[-1]],  # the end of another
        lambda one, other: [other[0], *one[1:]],  # the head of another
    ],
)
def test_lines_of_two_bundles_do_not_mix(mix: Callable[[list[bytes], list[bytes]], list[bytes]]) -> None:
    one = lines(carried(1), carried(2))
    writer = Writer(replace(HEAD, bundle="0193b000-0000-4000-8000-000000000002"))
    other = [
        writer.head(),
        writer.entry(carried(3), signature(3)),
        writer.entry(carried(4), None),
        writer.end(),
    ]
    with pytest.raises(BundleDamaged):
        packed(mix(one, other))


def resealed(change: Callable[[dict[str, Any]], Any]) -> list[bytes]:
    """A bundle that somebody who has the key put together anew, its digest and all."""
    head, entry, _ = lines(carried(1))
    document = json.loads(entry)
    change(document)
    entry = json.dumps(document).encode() + b"\n"
    digest = hashlib.sha256(head + entry).hexdigest()
    return [head, entry, json.dumps({"end": {"entries": 1, "sha256": digest}}).encode() + b"\n"]


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.update(payload=entry["payload"] + " "),
        lambda entry: entry.update(payload="\ud800"),
        lambda entry: entry["image"].update(data="AAAA"),
        lambda entry: entry["image"].update(data="not base64!"),
        lambda entry: entry["image"].update(size=True),
        lambda entry: entry["image"].pop("md5"),
        lambda entry: entry.update(id="../../etc/passwd"),
        lambda entry: entry.update(id=entry["id"].upper() + "X"),
        lambda entry: entry.update(captured_at="yesterday"),
        lambda entry: entry.update(captured_at=10**30),
        lambda entry: entry.update(captured_at=2**53 - 1),  # the calendar ends before: nothing could list it
        lambda entry: entry.update(captured_at=-1),
        lambda entry: entry.update(clock_offset_ms=2**53 - 1),
        lambda entry: entry.update(target_id=0),
        lambda entry: entry.update(target_id=-1),
        lambda entry: entry["image"].update(name="../signature.png"),
        lambda entry: entry["image"].update(name="signature\u202egnp.exe"),
        lambda entry: entry["image"].update(mime_type="text/html"),
        lambda entry: entry.update(owner="an\x1b[2Jna"),
        lambda entry: entry.update(clock_suspect=1),
        lambda entry: entry.update(extra=1),
        lambda entry: entry.pop("owner"),
        lambda entry: entry.update(target_entry=entry_id(9)),
    ],
)
def test_entry_that_is_not_as_it_has_to_be_is_refused_even_from_a_friend(
    change: Callable[[dict[str, Any]], Any],
) -> None:
    with pytest.raises(BundleDamaged):
        packed(resealed(change))


def test_entry_of_a_newer_program_is_called_that() -> None:
    with pytest.raises(BundleNewer):
        packed(resealed(lambda entry: entry.update(payload_version=2)))
    with pytest.raises(BundleNewer, match="format 2, made by fieldsync 9"):
        packed([b'{"fieldsync_bundle":2,"version":"9.9.9"}\n'])
    with pytest.raises(BundleNewer) as newer:
        packed([b'{"fieldsync_bundle":1%s,"version":"%s"}\n' % (b"0" * 400, b"9" * 100_000)])
    assert len(str(newer.value)) < 200


@pytest.mark.parametrize("raw", [b"", b"hello\n", b"[]\n", b'{"a":1}\n', b"\xff\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_bundle_inside_is_called_that(raw: bytes) -> None:
    with pytest.raises(NotABundle):
        packed([raw])


def test_line_without_an_end_does_not_fill_the_memory() -> None:
    """Zeroes for ever, sealed by somebody who has the key."""
    taken = 0

    def endless() -> Iterable[bytes]:
        nonlocal taken
        yield lines()[0]
        while True:
            taken += 65_536
            yield bytes(65_536)

    with pytest.raises(BundleDamaged, match="longer"):
        packed(endless())
    assert taken <= contents.MOST_LINE_BYTES + 2 * 65_536


def test_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_ENTRIES", 2)
    with pytest.raises(BundleDamaged, match="more than 2"):
        packed(lines(carried(1), carried(2), carried(3)))
