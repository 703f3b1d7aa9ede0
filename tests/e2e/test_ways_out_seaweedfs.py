"""P4 against a real S3 that verifies signatures: it refuses a bad address, and each way out brings the image there.

Whatever way is taken, the server has one record.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.entrypoints.exits import Exit
from tests.e2e.test_delivery_seaweedfs import (
    capture,
    delivering,
    expired,
    kept_image,
    signed_for_reading,
    stage,
    stored,
    tampered,
)
from tests.support.builders import signature_png
from tests.support.canaries import Canaries
from tests.support.command import Ended, Tablet
from tests.support.seaweedfs import BUCKET, SeaweedFs
from tests.support.stub_api import StubApi

BAD = {
    "expired": (expired, "upload_expired"),
    "signed-for-reading": (signed_for_reading, "upload_signature_mismatch"),
    "tampered": (tampered, "upload_signature_mismatch"),
}
BadUrl = Callable[[SeaweedFs, str, str], str]
IMAGE = signature_png(1)

pytestmark = pytest.mark.parametrize(("bad_url", "reason"), BAD.values(), ids=BAD)


class Story:
    """One capture whose address is bad, at `key`; nothing that is said gives an address or key away."""

    def __init__(self, tablet: Tablet, api: StubApi, s3: SeaweedFs, key: str) -> None:
        self.tablet, self.api, self.s3, self.key = tablet, api, s3, key
        self.canaries = Canaries([s3.secret_key])
        tablet.environment["FIELDSYNC_LOG__LEVEL"] = "DEBUG"
        self.id = capture(tablet, IMAGE)

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        self.canaries.add_url(stdin)
        ended = self.tablet.run(*arguments, stdin=stdin)
        assert self.canaries.found_in(ended.out + ended.err) == []
        return ended

    def entry(self) -> dict[str, Any]:
        (entry,) = self.tablet.entries()
        return entry

    def is_owed(self, reason: str) -> None:
        entry = self.entry()
        assert (entry["state"], entry["reason"], entry["signature_owed"]) == ("parked", reason, True)
        assert stage(self.tablet, self.id) == "accepted"
        assert kept_image(self.tablet, self.id) == IMAGE
        assert stored(self.s3, self.key) is None
        assert self.run("status", "--json").document["signature_owed"] == 1
        assert "signature owed" in self.run("show", self.id).out
        assert len(self.api.posts) == 1

    def is_done(self) -> None:
        entry = self.entry()
        assert (entry["state"], entry["reason"], entry["signature_owed"]) == ("done", None, False)
        assert stored(self.s3, self.key) == (IMAGE, "image/png")
        assert len(self.api.posts) == 1
        assert self.canaries.found_below(self.tablet.storage) == []


def test_p4_another_url_from_the_server_completes_it(
    tmp_path: Path, seaweedfs: SeaweedFs, bad_url: BadUrl, reason: str
) -> None:
    """The server is asked for another address, and the storage takes that one."""
    key = f"reissued/{bad_url.__name__}.png"
    with delivering(tmp_path, lambda *_: bad_url(seaweedfs, key, "s3v4")) as (tablet, api):
        another = seaweedfs.presign(key, ContentType="image/png")
        api.reissue_for = lambda row_id: another
        tablet.environment["FIELDSYNC_UPLOAD__REISSUE_PATH"] = "/interventions/v2/mb/{id}/signature-url"
        story = Story(tablet, api, seaweedfs, key)
        story.canaries.add_url(another)
        ended = story.run("sync", "--wait", "--json")
        assert (ended.code, ended.document["delivered"]) == (Exit.OK, 1), ended
        assert api.reissued == [501]
        story.is_done()


@pytest.mark.parametrize("place", ["address", "pattern"])
def test_p4_own_credentials_complete_it(
    tmp_path: Path, seaweedfs: SeaweedFs, bad_url: BadUrl, reason: str, place: str
) -> None:
    """This machine may write to the bucket: the storage verifies its signature, and the bytes and type are right.

    The address names the key where there is one. Where the answer had none at all, the settings do.
    """
    folder = f"own/{bad_url.__name__} é+/~"
    key = f"{folder}/501.png" if place == "pattern" else f"{folder}/by-address.png"
    url = "" if place == "pattern" else bad_url(seaweedfs, key, "s3v4")
    with delivering(tmp_path, lambda *_: url) as (tablet, api):
        tablet.environment |= {
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "FIELDSYNC_UPLOAD__FALLBACK": "ambient-credentials",
            "FIELDSYNC_UPLOAD__S3_ENDPOINT": seaweedfs.url,
            "FIELDSYNC_UPLOAD__S3_PATH_STYLE": "true",
            "FIELDSYNC_UPLOAD__BUCKET": BUCKET,
            "FIELDSYNC_UPLOAD__REGION": "us-east-1",
            "FIELDSYNC_UPLOAD__KEY_PATTERN": f"{folder}/{{server_id}}.png",
        }
        story = Story(tablet, api, seaweedfs, key)
        ended = story.run("sync", "--wait", "--json")
        assert (ended.code, ended.document["delivered"]) == (Exit.OK, 1), ended
        story.is_done()


def test_p4_credentials_that_are_wrong_are_refused_and_the_entry_says_so(
    tmp_path: Path, seaweedfs: SeaweedFs, bad_url: BadUrl, reason: str
) -> None:
    """The storage knows the key and not this secret: the entry is held for what its address failed for."""
    key = f"wrong/{bad_url.__name__}.png"
    with delivering(tmp_path, lambda *_: bad_url(seaweedfs, key, "s3v4")) as (tablet, api):
        tablet.environment |= {
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": "not-the-secret-of-this-key",
            "FIELDSYNC_UPLOAD__FALLBACK": "ambient-credentials",
            "FIELDSYNC_UPLOAD__S3_ENDPOINT": seaweedfs.url,
            "FIELDSYNC_UPLOAD__S3_PATH_STYLE": "true",
            "FIELDSYNC_UPLOAD__BUCKET": BUCKET,
            "FIELDSYNC_UPLOAD__REGION": "us-east-1",
            "FIELDSYNC_SYNC__MAX_ATTEMPTS": "2",
            "FIELDSYNC_SYNC__BACKOFF_BASE_S": "0.01",
        }
        story = Story(tablet, api, seaweedfs, key)
        assert story.run("sync", "--wait", "--json").code == Exit.NEEDS_PERSON
        story.is_owed(reason)
        history = story.run("show", story.id, "--json").document["history"]
        assert [each["reason"] for each in history[-2:]] == ["ambient_refused", "ambient_refused"]


def test_p4_url_from_a_person_completes_it(
    tmp_path: Path, seaweedfs: SeaweedFs, bad_url: BadUrl, reason: str
) -> None:
    """Nothing is set up: the entry says what is owed. An address from support, on standard input, brings it home."""
    key = f"person/{bad_url.__name__}.png"
    with delivering(tmp_path, lambda *_: bad_url(seaweedfs, key, "s3v4")) as (tablet, api):
        story = Story(tablet, api, seaweedfs, key)
        assert story.run("sync", "--json").code == Exit.NEEDS_PERSON
        story.is_owed(reason)
        given = seaweedfs.presign(key, ContentType="image/png")
        for useless in (
            "",
            "nonsense",
            given.partition("?")[0],
            f"{given}\n{given}",
            given.replace("http", "ftp"),
        ):
            refused = story.run("settle", story.id, "--upload-url-stdin", "--json", stdin=useless)
            assert (refused.code, refused.error["code"]) == (Exit.REFUSED, "upload_url_refused")
            assert refused.error["problems"]
        story.is_owed(reason)
        settled = story.run("settle", story.id, "--upload-url-stdin", "--json", stdin=f"{given}\n")
        assert settled.document == {
            "schema": 1, "id": story.id, "state": "accepted", "choice": "upload_url", "warnings": [],
        }  # fmt: skip
        assert story.run("sync", "--wait").code == Exit.OK
        story.is_done()


def test_p4_person_ends_it_without_its_signature(
    tmp_path: Path, seaweedfs: SeaweedFs, bad_url: BadUrl, reason: str
) -> None:
    """There will be no address any more: a person ends it by word. The record stands, and nothing is owed."""
    key = f"unsigned/{bad_url.__name__}.png"
    with delivering(tmp_path, lambda *_: bad_url(seaweedfs, key, "s3v4")) as (tablet, api):
        story = Story(tablet, api, seaweedfs, key)
        story.run("sync")
        story.is_owed(reason)
        assert story.run("settle", story.id, "--unsigned").code == Exit.OK
        story.run("sync", "--force")
        entry = story.entry()
        assert (entry["state"], entry["reason"], entry["signature_owed"]) == ("done", "unsigned", False)
        assert story.run("status", "--json").document["signature_owed"] == 0
        assert stored(seaweedfs, key) is None
        assert len(api.posts) == 1
