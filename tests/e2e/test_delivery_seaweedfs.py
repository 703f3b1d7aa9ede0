"""From capture to an object in a real S3 that verifies signatures: good URLs store, bad ones park and are not looped.

Promise P4: the signature reaches storage, or the entry says that it did not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from tests.support.builders import signature_jpeg, signature_png
from tests.support.command import Tablet
from tests.support.device import distinct_body
from tests.support.seaweedfs import BUCKET, SeaweedFs
from tests.support.stub_api import StubApi

VERSIONS = pytest.mark.parametrize("version", ["s3v4", "s3"], ids=["sigv4", "sigv2"])
Presign = Callable[[int, dict[str, Any]], str]


@contextmanager
def delivering(folder: Path, url_for: Presign) -> Iterator[tuple[Tablet, StubApi]]:
    """A device whose API answers with these URLs."""
    with StubApi(url_for) as api:
        yield (
            Tablet(
                folder,
                API__BASE_URL=api.api_url,
                API__TOKEN="opaque-token-1",
                API__SESSION_TOKEN="opaque-session-1",
                UPLOAD__ALLOW_INSECURE_LOOPBACK="true",
                SYNC__START_SPREAD_S=0,
            ),
            api,
        )


def capture(tablet: Tablet, image: bytes, seed: int = 1) -> str:
    picture = tablet.file("signature", image)
    arguments = ("capture", "unplanned-preventive", "--data", "-", "--signature", str(picture), "--json")
    ended = tablet.run(*arguments, stdin=json.dumps(distinct_body(seed)))
    assert ended.code == 0, ended
    return str(ended.document["id"])


def stored(seaweedfs: SeaweedFs, key: str) -> tuple[bytes, str] | None:
    """Bytes and content type as a signed reader gets them; None where there is no such object."""
    client = seaweedfs.client()
    if client.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] == 0:
        return None
    found = client.get_object(Bucket=BUCKET, Key=key)
    with found["Body"] as body:
        return body.read(), found["ContentType"]


@VERSIONS
@pytest.mark.parametrize("signed_type", [True, False], ids=["type-signed", "type-unsigned"])
def test_image_is_stored_intact_with_its_type(
    tmp_path: Path, seaweedfs: SeaweedFs, version: str, signed_type: bool
) -> None:
    """Also a URL of the old signature whose type was not signed: the second try without a type is the right one."""
    prefix = f"good/{version}/{signed_type}"

    def url_for(row_id: int, body: dict[str, Any]) -> str:
        signed = {"ContentType": body["signature"]["mimeType"]} if signed_type else {}
        return seaweedfs.presign(f"{prefix}/{row_id} é+.img", version=version, **signed)

    images = [signature_png(1), signature_jpeg(2)]
    with delivering(tmp_path, url_for) as (tablet, api):
        for seed, image in enumerate(images):
            capture(tablet, image, seed)
        ended = tablet.run("sync", "--wait", "--json")
    assert ended.code == 0, ended
    assert (ended.document["delivered"], ended.document["uploaded"]) == (2, 2)
    assert [entry["state"] for entry in tablet.entries()] == ["done", "done"]
    assert len(api.posts) == 2
    for entry in tablet.entries():
        image = images[int(json.loads(tablet.payload(entry["id"]))["companyId"])]
        found = stored(seaweedfs, f"{prefix}/{entry['server_id']} é+.img")
        assert found is not None
        assert found[0] == image
        if signed_type or version == "s3v4":
            assert found[1] == entry["signature"]["mime_type"]


def tampered(seaweedfs: SeaweedFs, key: str, version: str) -> str:
    url = seaweedfs.presign(key, version=version, ContentType="image/png")
    name = "X-Amz-Signature=" if version == "s3v4" else "Signature="
    at = url.index(name) + len(name)
    return url[:at] + ("0" if url[at] != "0" else "1") + url[at + 1 :]


def expired(seaweedfs: SeaweedFs, key: str, version: str) -> str:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    clock = Mock(wraps=time)
    clock.time.return_value = an_hour_ago.timestamp()
    with (
        patch("botocore.auth.get_current_datetime", lambda: an_hour_ago.replace(tzinfo=None)),
        patch("botocore.auth.time", clock),
    ):
        return seaweedfs.presign(key, version=version, expires_in_s=60, ContentType="image/png")


def signed_for_reading(seaweedfs: SeaweedFs, key: str, version: str) -> str:
    return seaweedfs.presign(key, method="get_object", version=version)


def other_type_signed(seaweedfs: SeaweedFs, key: str, version: str) -> str:
    return seaweedfs.presign(key, version=version, ContentType="image/jpeg")


@VERSIONS
@pytest.mark.parametrize(
    ("bad_url", "reason"),
    [
        (tampered, "upload_signature_mismatch"),
        (expired, "upload_expired"),
        (signed_for_reading, "upload_signature_mismatch"),
        (other_type_signed, "upload_signature_mismatch"),
    ],
)
def test_refused_url_parks_the_entry_and_keeps_its_image(
    tmp_path: Path,
    seaweedfs: SeaweedFs,
    version: str,
    bad_url: Callable[[SeaweedFs, str, str], str],
    reason: str,
) -> None:
    """The record stands, the image is owed: a person is told, nothing is made again and nothing is looped."""
    key = f"bad/{bad_url.__name__}-{version}.png"
    with delivering(tmp_path, lambda *_: bad_url(seaweedfs, key, version)) as (tablet, api):
        id = capture(tablet, signature_png(1))
        ended = tablet.run("sync", "--json")
        assert ended.code == 3, ended
        assert (ended.document["sent"], ended.document["uploaded"], ended.document["needs_action"]) == (
            1,
            0,
            1,
        )
        again = tablet.run("sync", "--force", "--json")
        assert (again.code, again.document["sent"]) == (3, 0)
        (entry,) = tablet.entries()
        assert (entry["state"], entry["reason"], entry["server_id"]) == ("parked", reason, 501)
        assert (stage(tablet, id), kept_image(tablet, id)) == ("accepted", signature_png(1))
        assert stored(seaweedfs, key) is None
        assert tablet.run("resync", id).code == 0
        tablet.run("sync")
        assert len(api.posts) == 1
    assert [(each["state"], each["reason"]) for each in tablet.entries()] == [("parked", reason)]


def stage(tablet: Tablet, id: str) -> str:
    with reading(StorageFolder(tablet.storage)) as reader:
        assert reader is not None
        (row,) = reader.rows(("stage",), "SELECT stage FROM entry WHERE id = ?", (id,))
        return str(row["stage"])


def kept_image(tablet: Tablet, id: str) -> bytes:
    sql = "SELECT s.data FROM signature s JOIN entry e ON e.seq = s.entry_seq WHERE e.id = ?"
    with reading(StorageFolder(tablet.storage)) as reader:
        assert reader is not None
        (row,) = reader.rows(("data",), sql, (id,))
        return bytes(row["data"])


def test_storage_out_of_reach_costs_no_attempt_and_no_second_record(
    tmp_path: Path, seaweedfs: SeaweedFs
) -> None:
    """Nobody listens at the URL's host: the URL is kept for later, and no other one is asked for."""
    good = seaweedfs.presign("later.png", ContentType="image/png")
    nowhere = good.replace(f"127.0.0.1:{seaweedfs.port}", "127.0.0.1:9")  # the discard port: nobody listens
    with delivering(tmp_path, lambda *_: nowhere) as (tablet, api):
        capture(tablet, signature_png(1))
        first = tablet.run("sync", "--json")
        assert (first.code, first.document["waiting"], first.document["sent"]) == (5, 1, 1)
        second = tablet.run("sync", "--force", "--json")
        assert (second.code, second.document["waiting"]) == (5, 1)
        assert len(api.posts) == 1
        assert [(each["state"], each["attempts"]) for each in tablet.entries()] == [("accepted", 0)]
