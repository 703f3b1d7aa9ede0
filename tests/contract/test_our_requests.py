"""What this program really puts on the wire, byte for byte, against the API description and the presigned URL's terms.

Seen twice: by servers that write down raw bytes, and by the stand-in's journal.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from sync.sandbox.server import Sandbox
from tests.support.builders import signature_jpeg, signature_png, unplanned_body
from tests.support.command import Tablet
from tests.support.device import Device, distinct_body
from tests.support.put_server import PutServer, Request, stored
from tests.support.raw_server import Asked, Peer, RawServer
from tests.support.uploads import V2_QUERY, V4_QUERY

DESCRIPTION = yaml.safe_load(Path(__file__).with_name("interventions-api.yaml").read_text("utf-8"))
ROUTE = "/interventions/v2/mb/preventive/unplanned"
POST = DESCRIPTION["paths"][ROUTE]["post"]
BEARER, SESSION = "contract-bearer-1234567890", "contract-session-1234567890"
# What HTTP itself asks for; everything else has to be in the description, except the key that makes repeats visible.
ORDINARY = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type"}
KEY = "idempotency-key"
# Keys that a client, a proxy or a library would love to put in order.
TARGET = "/b/a%2Fb//c%7E+%C3%A9/%e9/../d;e=1"
V4_TYPED = V4_QUERY.replace("SignedHeaders=host", "SignedHeaders=content-type%3Bhost")


@dataclass(frozen=True)
class Delivered:
    """One delivery: what was stored on the device, and what the two servers saw."""

    id: str
    payload: str
    api: list[Asked]
    storage: list[Request]

    @property
    def post(self) -> Asked:
        (post,) = self.api
        return post

    @property
    def put(self) -> Request:
        (put,) = self.storage
        return put


def deliver(
    folder: Path, *, query: str = V4_QUERY, image: bytes | None = None, body: dict[str, Any] | None = None
) -> Delivered:
    """One capture and one sync, against servers that write everything down."""
    with PutServer(stored) as storage:
        url = f"{storage.url}{TARGET}?{query}"

        def answer(peer: Peer) -> None:
            while peer.read_request().line:
                created = json.dumps({"data": {"id": 501}, "presignedUrl": url}).encode()
                peer.answer("201 Created", created, "Content-Type: application/json")

        with RawServer(answer) as api:
            tablet = Tablet(
                folder,
                API__BASE_URL=api.url,
                API__TOKEN=BEARER,
                API__SESSION_TOKEN=SESSION,
                UPLOAD__ALLOW_INSECURE_LOOPBACK="true",
                SYNC__START_SPREAD_S=0,
            )
            picture = tablet.file("signature.png", image or signature_png(1))
            captured = tablet.run(
                *("capture", "unplanned-preventive", "--data", "-", "--signature", str(picture), "--json"),
                stdin=json.dumps(body or unplanned_body()),
            )
            assert captured.code == 0, captured
            id = captured.document["id"]
            payload = tablet.payload(id)
            ended = tablet.run("sync", "--json")
            assert ended.code == 0, ended
            return Delivered(id, payload, list(api.asked), list(storage.requests))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return deliver(tmp_path_factory.mktemp("delivered"))


def names(headers: Any) -> list[str]:
    return sorted(name.lower() for name, _ in headers)


def value(asked: Asked, name: str) -> str:
    (found,) = [value for key, value in asked.headers if key.lower() == name]
    return found


def schema(name: str) -> Draft202012Validator:
    registry: Any = Registry().with_resource("urn:api", DRAFT202012.create_resource(DESCRIPTION))
    return Draft202012Validator({"$ref": f"urn:api#/components/schemas/{name}"}, registry=registry)


# The POST.


def test_post_goes_to_the_documented_path_below_the_stage(delivered: Delivered) -> None:
    assert delivered.post.line == f"POST /main{ROUTE} HTTP/1.1"


def test_post_carries_the_documented_headers_and_only_ordinary_ones_besides(delivered: Delivered) -> None:
    documented = {documented_name(parameter) for parameter in POST["parameters"]}
    documented.add("authorization")  # bearerAuth
    assert DESCRIPTION["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    assert names(delivered.post.headers) == sorted({*documented, *ORDINARY, KEY})


def documented_name(parameter: dict[str, str]) -> str:
    found = DESCRIPTION["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    assert found["in"] == "header"
    return str(found["name"]).lower()


def test_post_carries_the_tokens_as_the_page_shows_them(delivered: Delivered) -> None:
    assert value(delivered.post, "authorization") == f"Bearer {BEARER}"
    assert value(delivered.post, "x-session-token") == SESSION


def test_content_type_is_the_one_allowed_value(delivered: Delivered) -> None:
    """A literal comparison refuses a charset behind it."""
    assert [value(delivered.post, "content-type")] == list(POST["requestBody"]["content"])


def test_key_is_the_id_of_the_capture(delivered: Delivered) -> None:
    assert str(UUID(value(delivered.post, KEY))) == value(delivered.post, KEY) == delivered.id


def test_body_is_the_stored_payload_byte_for_byte(delivered: Delivered) -> None:
    assert delivered.post.body == delivered.payload.encode()
    assert value(delivered.post, "content-length") == str(len(delivered.post.body))


BODIES = {
    "as-built": unplanned_body(),
    "provider-empty": unplanned_body(provider={}),
    "start-derived": distinct_body(7),
    "limits": unplanned_body(
        companyId=-(2**53 - 1),
        ruleIds=[2**53 - 1],
        provider={"comment": "\U0001f527" * 1250, "email": "x" * 250},
    ),
    "signature-named": unplanned_body(signature={"name": "Zoé 1.png"}),
    "short-instant": unplanned_body(actualStart="2024-02-29T23:59Z"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
@pytest.mark.parametrize("image", [signature_png(1), signature_jpeg(1)], ids=["png", "jpeg"])
def test_body_fits_the_schema_and_describes_the_image(
    tmp_path: Path, body: dict[str, Any], image: bytes
) -> None:
    sent = deliver(tmp_path, body=body, image=image)
    document = json.loads(sent.post.body)
    schema("UnplannedPreventiveCreate").validate(document)
    assert set(document) == {"companyId", "siteIds", "ruleIds", "signature", "provider", "actualStart"}
    assert document["signature"]["size"] == len(sent.put.body) == len(image)
    assert document["signature"]["mimeType"] == sent.put.header("content-type")
    for name, given in body.items():
        if name != "signature":
            assert document[name] == given


def test_schema_refuses_a_wrong_body() -> None:
    """Or the tests above would prove nothing."""
    assert not schema("UnplannedPreventiveCreate").is_valid(unplanned_body())
    whole = unplanned_body(signature={"name": "a", "mimeType": "b", "size": 1})
    assert schema("UnplannedPreventiveCreate").is_valid(whole)
    assert not schema("UnplannedPreventiveCreate").is_valid(
        whole | {"actualStart": "2024-12-01T00:00:00+01:00"}
    )


# The PUT.


@pytest.mark.parametrize("query", [V4_QUERY, V4_TYPED, V2_QUERY], ids=["sigv4", "sigv4-typed", "sigv2"])
def test_put_target_is_the_presigned_url_byte_for_byte(tmp_path: Path, query: str) -> None:
    query += "&x-id=PutObject&empty&again=1&again=2&plus=a+b"
    sent = deliver(tmp_path, query=query)
    # The one liberty, and harmless: hexadecimal digits may be written in capitals.
    assert sent.put.line.replace("%E9", "%e9") == f"PUT {TARGET}?{query} HTTP/1.1"
    assert sent.put.body == signature_png(1)


def test_put_carries_type_length_and_digest_and_nothing_of_the_api(delivered: Delivered) -> None:
    put = delivered.put
    digest = base64.b64encode(hashlib.md5(put.body).digest()).decode()
    assert put.header("content-type") == "image/png"
    assert put.header("content-length") == str(len(signature_png(1)))
    assert put.header("content-md5") == digest
    assert put.header("host") == delivered_host(put)
    assert set(names(put.headers)) <= {
        *(
            "host",
            "accept-encoding",
            "user-agent",
            "content-type",
            "content-length",
            "content-md5",
            "connection",
        )
    }
    everything = repr(put.headers) + put.line
    assert BEARER not in everything
    assert SESSION not in everything


def delivered_host(put: Request) -> str:
    return str(put.header("host"))


@pytest.mark.parametrize("query", [V4_QUERY, V4_TYPED, V2_QUERY], ids=["sigv4", "sigv4-typed", "sigv2"])
def test_put_asks_for_no_permission_and_signs_nothing_itself(tmp_path: Path, query: str) -> None:
    """No `Expect`, which costs a round trip; no x-amz-* header that was not signed; no chunks; no second signature."""
    sent = names(deliver(tmp_path, query=query).put.headers)
    for name in (
        "expect",
        "transfer-encoding",
        "content-encoding",
        "authorization",
        "x-session-token",
        "cookie",
        KEY,
    ):
        assert name not in sent
    assert [name for name in sent if name.startswith(("x-amz-", "amz-"))] == []


def test_ambient_settings_for_aws_change_nothing_on_the_wire(
    tmp_path: Path, delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.support.command.Tablet.run",
        with_environment(
            AWS_ACCESS_KEY_ID="AKIAWRONG",
            AWS_SECRET_ACCESS_KEY="wrong",
            AWS_SESSION_TOKEN="wrong",
            AWS_REQUEST_CHECKSUM_CALCULATION="when_supported",
            AWS_ENDPOINT_URL_S3="http://127.0.0.1:9",
            AWS_MAX_ATTEMPTS="5",
        ),
    )
    put = deliver(tmp_path).put
    assert names(put.headers) == names(delivered.put.headers)
    assert put.line == delivered.put.line


def with_environment(**ambient: str) -> Any:
    from tests.support.command import run_here

    def run(tablet: Tablet, *arguments: str, stdin: bytes | str = b"") -> Any:
        return run_here(tablet.environment | ambient, *arguments, stdin=stdin)

    return run


# The same as the stand-in saw it, whose storage verifies signatures.


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


def test_stand_in_saw_the_same_and_verified_the_signature(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.state.set_options({"sign_content_type": True})
    tablet = Tablet(tmp_path)
    tablet.environment |= Device(tmp_path, sandbox).environment
    tablet.environment["FIELDSYNC_STORAGE__DIR"] = str(tablet.storage)
    picture = tablet.file("signature.jpg", signature_jpeg(1))
    captured = tablet.run(
        *("capture", "unplanned-preventive", "--data", "-", "--signature", str(picture), "--json"),
        stdin=json.dumps(unplanned_body()),
    )
    payload = tablet.payload(captured.document["id"])
    assert tablet.run("sync").code == 0
    (record,) = sandbox.state.records()
    post, put = sandbox.state.journal.requests()
    assert (post["method"], post["target"]) == ("POST", f"/main{ROUTE}")
    assert names(post["headers"]) == sorted({"authorization", "x-session-token", *ORDINARY, KEY})
    assert record["body_sha256"] == hashlib.sha256(payload.encode()).hexdigest()
    schema("UnplannedPreventiveCreate").validate(record["body"])
    assert (put["method"], put["status"]) == ("PUT", 200)
    assert "content-type" in put["target"]
    assert not {"expect", "authorization", "x-session-token", KEY} & set(names(put["headers"]))
