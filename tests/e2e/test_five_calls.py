"""The five request bodies of the API's pages: captured without a network, unchanged, and delivered as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox.options import Options
from sync.sandbox.server import Sandbox
from tests.support.api_samples import CALLS, KINDS, UNPLANNED, sample
from tests.support.builders import signature_jpeg
from tests.support.device import Device

ORDINARY = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
DOCUMENTED = {"authorization", "x-session-token", "content-type"}
SAYS_BYTES = sample(UNPLANNED)["signature"]["size"]
TARGETS = {"preventive-update": 501, "training-update": 502, "verification": 503}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=Options(strict_tokens=True)) as started:
        for row_id in TARGETS.values():
            started.state.add_row({"id": row_id})
        yield started


def image_of_bytes(size: int) -> bytes:
    """A real image that is as long as the sample says: what follows its end is not shown."""
    image = signature_jpeg(1, width=40, height=20)
    assert len(image) < size, len(image)
    return image.ljust(size, b"\n")


IMAGE = image_of_bytes(SAYS_BYTES)


def capture(device: Device, kind: str) -> str:
    """From a file that holds the body as it was copied, with its line breaks."""
    data = device.folder / f"{kind}.json"
    data.write_text(json.dumps(sample(kind), indent=2, ensure_ascii=False), encoding="utf-8")
    more: tuple[str, ...] = ()
    if kind == UNPLANNED:
        image = device.folder / "example.jpg"
        image.write_bytes(IMAGE)
        more = ("--signature", str(image))
    if kind in TARGETS:
        more = ("--target", str(TARGETS[kind]))
    captured = device.json("capture", kind, "--data", str(data), *more)
    assert captured["warnings"] == []
    return str(captured["id"])


def wire_text(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def test_five_bodies_captured_offline_reach_the_server_as_the_pages_show_them(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """A field day in a basement: one of each, and the network comes back in the evening."""
    device = Device(tmp_path, sandbox)
    sandbox.offline()
    ids = {kind: capture(device, kind) for kind in KINDS}
    listed = device.json("list")
    assert [(each["id"], each["kind"], each["state"]) for each in listed] == [
        (ids[kind], kind, "pending") for kind in KINDS
    ]
    assert sandbox.state.journal.requests() == []

    sandbox.online()
    report = device.json("sync")
    assert report["delivered"] == len(KINDS), report
    assert {each["state"] for each in device.json("list")} == {"done"}

    requests = {
        dict(each["headers"])["idempotency-key"]: each
        for each in sandbox.state.journal.requests(server="api")
    }
    stored = {each["idempotency_key"]: each for each in sandbox.state.records() + sandbox.state.edits()}
    assert set(requests) == set(stored) == set(ids.values())
    for kind, id in ids.items():
        request, (method, path, status) = requests[id], CALLS[kind]
        number = str(TARGETS.get(kind, ""))
        assert (request["method"], request["target"], request["status"]) == (
            method,
            f"/main{path}".replace("{interventionId}", number),
            status,
        )
        headers = dict(request["headers"])
        assert set(headers) == DOCUMENTED | ORDINARY | {"idempotency-key"}
        assert headers["content-type"] == "application/json"
        assert stored[id]["body"] == sample(kind)
        assert stored[id]["body_sha256"] == hashlib.sha256(wire_text(sample(kind))).hexdigest()
        if kind in TARGETS:
            assert stored[id]["id"] == TARGETS[kind]
    (upload,) = sandbox.state.journal.requests(server="store")
    assert (upload["method"], upload["status"]) == ("PUT", 200)
    record = stored[ids[UNPLANNED]]
    found = sandbox.state.objects.get(record["image_key"])
    assert found is not None
    assert found[1] == IMAGE
