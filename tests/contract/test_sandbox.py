"""The stand-in against the API description, and its storage against botocore, over real sockets."""

from __future__ import annotations

import copy
import hashlib
import http.client
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from sync.sandbox import contract, faults
from sync.sandbox.faults import Fault
from sync.sandbox.objects import BUCKET
from sync.sandbox.options import Options
from sync.sandbox.server import Sandbox, run
from sync.sandbox.signing import presign

DESCRIPTION = Path(__file__).with_name("interventions-api.yaml")
IMAGE = b"\xff\xd8 a signature"
HEADERS = {"Authorization": "Bearer b", "x-session-token": "s", "content-type": "application/json"}
BASE = "/interventions/v2"
SIGNATURE = {"name": "a.jpg", "mimeType": "image/jpeg", "size": len(IMAGE)}
UNPLANNED: dict[str, Any] = {
    "companyId": 1,
    "siteIds": [11, 12],
    "ruleIds": [7, 8],
    "signature": SIGNATURE,
    "provider": {"firstName": "Ada", "lastName": "Byron", "email": "ada@example.invalid", "comment": "fine"},
    "actualStart": "2026-03-04T08:15:00.123Z",
}
CURATIVE = {
    "scheduledStart": "2026-03-04T08:15Z",
    "scheduledEnd": "2026-03-05T08:15:00Z",
    "anomalyIds": [1],
    "creationStatus": 1,
}
EXECUTE = {"firstName": "Ada", "lastName": "Byron", "signature": SIGNATURE}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.api_url + BASE, headers=HEADERS, trust_env=False, timeout=10) as found:
        yield found


def post(client: httpx.Client, body: Any = UNPLANNED, **more: Any) -> httpx.Response:
    return client.post("/mb/preventive/unplanned", json=body, **more)


def put(url: str, body: bytes = IMAGE, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.put(url, content=body, headers=named, trust_env=False)


# Against the API description.


class Description:
    """Schemas of the API description, found by operation."""

    def __init__(self) -> None:
        self.document = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
        resource = DRAFT202012.create_resource(self.document)
        self._registry: Any = Registry().with_resource("urn:interventions", resource)

    def validator(self, pointer: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": f"urn:interventions#{pointer}"}, registry=self._registry)

    def schema(self, name: str) -> Draft202012Validator:
        return self.validator(f"/components/schemas/{name}")

    def answer(self, path: str, method: str, status: int) -> Draft202012Validator:
        place = f"/paths/{path.replace('/', '~1')}/{method}/responses/{status}"
        found = self.document["paths"][path][method]["responses"][str(status)]
        if "$ref" in found:
            place = found["$ref"].removeprefix("#")
        return self.validator(f"{place}/content/application~1json/schema")


@pytest.fixture(scope="module")
def description() -> Description:
    return Description()


def test_every_schema_of_the_description_is_a_schema(description: Description) -> None:
    for name in description.document["components"]["schemas"]:
        Draft202012Validator.check_schema(description.document["components"]["schemas"][name])


OPERATIONS = [
    ("post", "/mb/preventive/unplanned", UNPLANNED, 201),
    ("post", "/rs/curative", CURATIVE, 201),
    ("patch", "/mb/execute", EXECUTE, 200),
    ("patch", "/rs/preventive/{interventionId}", {"siteRuleIds": [4], "description": "later"}, 200),
    ("patch", "/rs/training-exercise/{interventionId}", {"ruleId": 4, "validateIntervention": True}, 200),
    ("patch", "/rs/{interventionId}/verify", {"decision": 2, "decisionComment": "no"}, 200),
    ("get", "/rs", None, 200),
    ("get", "/rs/{interventionId}", None, 200),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation[1])
def test_good_request_gets_the_documented_answer(
    sandbox: Sandbox, client: httpx.Client, description: Description, operation: tuple[str, str, Any, int]
) -> None:
    method, path, body, status = operation
    row_id = sandbox.state.add_row({"ruleIds": [7]})
    answer = client.request(method, path.replace("{interventionId}", str(row_id)), json=body)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    description.answer(BASE + path, method, status).validate(answer.json())


def test_description_has_no_operation_beyond_those_tested(description: Description) -> None:
    found = {(method, path) for path, item in description.document["paths"].items() for method in item}

    assert found == {(method, BASE + path) for method, path, _, _ in OPERATIONS}


def test_unplanned_answer_is_the_flat_row_of_the_page(client: httpx.Client) -> None:
    answer = post(client).json()

    row = answer["data"]
    assert isinstance(row["id"], int)
    assert (row["providerName"], row["providerEmail"]) == ("Ada Byron", "ada@example.invalid")
    assert row["actualStart"] == UNPLANNED["actualStart"]
    assert {"siteIds", "ruleIds", "provider", "signature"}.isdisjoint(row)
    assert urlsplit(answer["presignedUrl"]).path == f"/{BUCKET}/signatures/{row['id']}.jpg"


def test_detail_nests_what_the_list_leaves_out(client: httpx.Client) -> None:
    row_id = post(client).json()["data"]["id"]
    listed = client.get("/rs", params={"page": 1, "pageSize": 5, "includeCount": "true"}).json()
    detail = client.get(f"/rs/{row_id}").json()["data"]

    assert (listed["totalCount"], listed["pagination"]) == (1, {"page": 1, "pageSize": 5})
    assert (listed["data"][0]["rule"], listed["data"][0]["rulesCount"]) == ({"id": 7}, 2)
    assert "providerName" not in listed["data"][0]
    assert detail["summary"]["name"] == "Ada Byron"


def test_list_is_paged_newest_first(client: httpx.Client) -> None:
    ids = [post(client).json()["data"]["id"] for _ in range(5)]
    pages = [client.get("/rs", params={"page": page, "pageSize": 2}).json() for page in (1, 2, 3, 4)]

    assert [row["id"] for page in pages for row in page["data"]] == ids[::-1]
    assert "totalCount" not in pages[0]


SHAPES = {
    "UnplannedPreventiveCreate": (contract.UNPLANNED, UNPLANNED),
    "ExecuteWithSignature": (contract.EXECUTE, EXECUTE),
    "CurativeCreate": (contract.CURATIVE, CURATIVE),
    "PreventiveUpdate": (
        contract.PREVENTIVE_UPDATE,
        {"siteRuleIds": [1], "previousAssigneeNotification": {"sendEmail": True, "reason": "moved"}},
    ),
    "TrainingExerciseUpdate": (
        contract.TRAINING_UPDATE,
        {"siteIds": [1], "creationStatus": 2, "description": ""},
    ),
    "VerifyDecision": (contract.VERIFY, {"decision": 1, "decisionComment": "", "notificationId": "n"}),
}
ODD_VALUES: list[Any] = [
    *(None, True, 0, -1, 1, 1.0, 1.5, 2**53 - 1, 2**53, -(2**53), "", "text", "x" * 250, "x" * 251),
    *("x" * 2500, "x" * 2501, [], [1], [1, "a"], [True], [None], {}, {"firstName": 1}, {"sendEmail": 1}),
    *("2026-03-04T08:15Z", "2026-03-04T08:15:59.123456Z", "2024-02-29T00:00Z", "2000-02-29T00:00Z"),
    *(
        "2023-02-29T00:00Z",
        "1900-02-29T00:00Z",
        "2026-04-31T00:00Z",
        "2026-13-01T00:00Z",
        "2026-00-10T00:00Z",
    ),
    *("2026-03-04T24:00Z", "2026-03-04T08:60Z", "2026-03-04T08:15:60Z", "2026-03-04T08:15", "2026-03-04"),
    *("2026-03-04T08:15+00:00", "2026-03-04T08:15:00.Z", "2026-03-04t08:15z", " 2026-03-04T08:15Z"),
    *(SIGNATURE, SIGNATURE | {"size": -1}, SIGNATURE | {"size": 0}, SIGNATURE | {"name": ""}, {"name": "a"}),
]


@pytest.mark.parametrize("name", SHAPES)
def test_own_check_agrees_with_the_description(description: Description, name: str) -> None:
    shape, good = SHAPES[name]
    validator = description.schema(name)
    bodies: list[Any] = [good, {}, [], None, good | {"unknown": 1}]
    bodies += [good | {field: value} for field in shape.fields for value in ODD_VALUES]
    bodies += [{key: value for key, value in good.items() if key != gone} for gone in good]
    for body in bodies:
        assert (contract.check(shape, body) == []) is validator.is_valid(body), body


WITHOUT_START = {key: value for key, value in UNPLANNED.items() if key != "actualStart"}


@pytest.mark.parametrize("body", [WITHOUT_START, UNPLANNED | {"provider": {}}, UNPLANNED | {"more": 1}])
def test_optional_parts_may_be_left_out(client: httpx.Client, body: dict[str, Any]) -> None:
    assert post(client, body).status_code == 201


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (UNPLANNED | {"siteIds": []}, "$.siteIds must be an array with at least one item"),
        ({key: value for key, value in UNPLANNED.items() if key != "provider"}, "$.provider is required"),
        ([], "$ must be an object"),
    ],
)
def test_bad_body_is_refused_and_leaves_nothing(
    sandbox: Sandbox, client: httpx.Client, body: Any, message: str
) -> None:
    answer = post(client, body)

    assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert sandbox.state.records() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic b"}, 401),
        ({"x-session-token": ""}, 401),
        ({"content-type": "application/json; charset=utf-8"}, 415),
        ({"content-type": "text/plain"}, 415),
    ],
)
def test_bad_header_is_refused(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    assert post(client, headers=headers).status_code == status


def test_unknown_path_gets_the_gateways_answer(client: httpx.Client) -> None:
    answer = client.post("/mb/unplanned/preventive", json=UNPLANNED)

    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_unknown_intervention_is_not_found(client: httpx.Client) -> None:
    assert client.patch("/rs/5/verify", json={"decision": 1, "decisionComment": ""}).status_code == 404
    assert client.get("/rs/5").status_code == 404
    assert client.patch("/rs/x/verify", json={"decision": 1, "decisionComment": ""}).status_code == 400


def test_only_the_current_tokens_are_let_in_when_strict(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.state.set_options({"strict_tokens": True})
    old = sandbox.state.tokens
    new = sandbox.state.rotate_tokens()
    pairs = [(old.bearer, old.session), (new.bearer, new.session), (new.bearer, old.session)]
    headers = [{"Authorization": f"Bearer {bearer}", "x-session-token": session} for bearer, session in pairs]

    assert [post(client, headers=given).status_code for given in headers] == [401, 201, 401]


def test_same_key_gets_one_record_and_a_fresh_url_when_keys_are_honoured(client: httpx.Client) -> None:
    with Sandbox(options=Options(honour_keys=True)) as honouring:
        url = honouring.api_url + BASE + "/mb/preventive/unplanned"
        first, second = (
            client.post(url, json=UNPLANNED, headers={"Idempotency-Key": "k"}).json() for _ in "ab"
        )
        other = client.post(url, json=UNPLANNED | {"companyId": 2}, headers={"Idempotency-Key": "k"})

        assert first["data"] == second["data"]
        assert put(second["presignedUrl"]).status_code == 200
        assert other.status_code == 422
        assert honouring.state.journal.counters()["records"] == 1


# Updates, and what a read shows of them.


def shown(client: httpx.Client, row_id: int) -> Any:
    return client.get(f"/rs/{row_id}").json()["data"]


@pytest.mark.parametrize(
    ("path", "body", "seen"),
    [
        (
            "/rs/preventive/{}",
            {
                "description": "moved",
                "scheduledStart": "2026-05-01T08:00Z",
                "scheduledEnd": "2026-05-01T09:00Z",
                "creationStatus": 2,
                "siteRuleIds": [4],
            },
            {
                "description": "moved",
                "scheduledStart": "2026-05-01T08:00Z",
                "scheduledEnd": "2026-05-01T09:00Z",
                "creationStatus": 2,
            },
        ),
        ("/rs/training-exercise/{}", {"ruleId": 9, "siteIds": [4]}, {"rule": {"id": 9}, "rulesCount": 1}),
        ("/rs/{}/verify", {"decision": 2, "decisionComment": "no"}, {"status": 4}),
    ],
)
def test_detail_shows_what_an_update_sets_where_its_page_does(
    sandbox: Sandbox, client: httpx.Client, path: str, body: dict[str, Any], seen: dict[str, Any]
) -> None:
    row_id = sandbox.state.add_row({"ruleIds": [7, 8]})
    before = shown(client, row_id)
    client.patch(path.format(row_id), json=body)

    after = shown(client, row_id)
    assert {name: after[name] for name in seen} == seen
    assert {name for name in after if after[name] != before[name]} <= {*seen, "updatedAt"}


def test_detail_shows_the_decision_and_the_assignee_only_when_asked_to(
    sandbox: Sandbox, client: httpx.Client, description: Description
) -> None:
    row_id = sandbox.state.add_row({})
    client.patch(f"/rs/preventive/{row_id}", json={"assignedProfileId": 5})
    client.patch(f"/rs/{row_id}/verify", json={"decision": 2, "decisionComment": "no"})
    short = shown(client, row_id)
    sandbox.state.set_options({"full_detail": True})
    full = shown(client, row_id)

    assert {"decisionComment", "assignedUserId"}.isdisjoint(short)
    assert (full["decisionComment"], full["assignedUserId"]) == ("no", 5)
    assert full | short == full
    description.schema("InterventionDetail").validate(full)


def test_change_by_somebody_else_is_newer_and_no_edit_of_ours(sandbox: Sandbox) -> None:
    row_id = sandbox.state.add_row({"updatedAt": "2026-03-01T00:00:00.000Z"})
    with httpx.Client(base_url=sandbox.control_url, trust_env=False) as control:
        answers = [
            control.patch(f"/rows/{row_id}", json={"description": "theirs"}),
            control.patch("/rows/5", json={}),
            control.patch(f"/rows/{row_id}", json={"id": 6}),
            control.patch("/rows/x", json={}),
        ]

    assert [answer.status_code for answer in answers] == [200, 404, 400, 400]
    row = sandbox.state.detail(row_id)
    assert row is not None
    assert row["description"] == "theirs"
    assert row["updatedAt"] > "2026-03-01T00:00:00.000Z"
    assert sandbox.state.edits() == []


def test_mails_and_notices_are_counted(sandbox: Sandbox, client: httpx.Client) -> None:
    row_id = sandbox.state.add_row({})
    both = {"sendUpdateEmailToCurrentAssignee": True, "previousAssigneeNotification": {"sendEmail": True}}
    none = {"sendUpdateEmailToCurrentAssignee": False, "previousAssigneeNotification": {"sendEmail": False}}
    verified = {"decision": 1, "decisionComment": "", "notificationId": "n"}
    for path, body in (("preventive/{}", both), ("preventive/{}", none), ("{}/verify", verified)):
        assert client.patch(f"/rs/{path.format(row_id)}", json=body).status_code == 200

    counters = sandbox.state.journal.counters()
    assert (counters["edits"], counters["mails"], counters["notices"]) == (3, 2, 1)


def test_update_with_a_known_key_changes_nothing_more_when_keys_are_honoured(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    sandbox.state.set_options({"honour_keys": True})
    row_id = sandbox.state.add_row({})

    def update(description: str) -> int:
        body = {"description": description, "sendUpdateEmailToCurrentAssignee": True}
        key = {"Idempotency-Key": "k"}
        return client.patch(f"/rs/preventive/{row_id}", json=body, headers=key).status_code

    assert [update("a"), update("a"), update("b")] == [200, 200, 422]
    assert sandbox.state.journal.counters()["mails"] == 1


# Storage against botocore.


def credentials(sandbox: Sandbox) -> Credentials:
    return Credentials(sandbox.state.signing_key.access_key, sandbox.state.signing_key.secret_key)


@pytest.mark.parametrize("key", ["signatures/1.jpg", "a%20b/%C3%A9~-_.jpg", "a//../b"])
@pytest.mark.parametrize("content_type", [None, "image/jpeg"])
def test_signature_is_the_one_botocore_makes(key: str, content_type: str | None) -> None:
    sandbox = Sandbox()
    headers = {"content-type": content_type} if content_type else {}
    url = f"http://127.0.0.1:9000/{BUCKET}/{key}"
    now = datetime.now(UTC)
    for moment in (now, now + timedelta(seconds=1)):
        request = AWSRequest(method="PUT", url=url, headers=headers)
        S3SigV4QueryAuth(credentials(sandbox), "s3", "eu-west-3", expires=600).add_auth(request)
        ours = presign(
            sandbox.state.signing_key, url, method="PUT", now=moment, lifetime_s=600, headers=headers
        )
        if ours == request.url:
            return
        # botocore reads the clock itself: the second may have turned between the two.
    pytest.fail(f"{ours} is not {request.url}")


@pytest.fixture
def storage(sandbox: Sandbox) -> Iterator[Any]:
    found = boto3.session.Session().client(
        "s3",
        endpoint_url=sandbox.store_url,
        region_name="eu-west-3",
        aws_access_key_id=sandbox.state.signing_key.access_key,
        aws_secret_access_key=sandbox.state.signing_key.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    yield found
    found.close()


@pytest.mark.parametrize("key", ["signatures/1.jpg", "a b/é+ü~.jpg", "x=y&z/%25.jpg"])
def test_url_made_by_boto3_is_accepted(sandbox: Sandbox, storage: Any, key: str) -> None:
    url = storage.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=60)

    answer = put(url)

    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()}"'
    assert list(sandbox.state.objects.facts()) == [key]


def test_url_made_by_boto3_with_a_type_wants_that_type(storage: Any) -> None:
    params = {"Bucket": BUCKET, "Key": "k", "ContentType": "image/jpeg"}
    url = storage.generate_presigned_url("put_object", Params=params, ExpiresIn=60)

    assert [put(url, content_type=sent).status_code for sent in ("image/jpeg", "image/png")] == [200, 403]


def test_url_made_by_boto3_for_reading_reads_and_writes_nothing(sandbox: Sandbox, storage: Any) -> None:
    sandbox.state.objects.put("k", IMAGE, "image/jpeg", "now")
    url = storage.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"}, ExpiresIn=60)

    assert httpx.get(url, trust_env=False).content == IMAGE
    assert b"<Code>SignatureDoesNotMatch</Code>" in put(url).content


def test_bucket_of_another_name_does_not_exist(storage: Any) -> None:
    url = storage.generate_presigned_url(
        "put_object", Params={"Bucket": "other-bucket", "Key": "k"}, ExpiresIn=60
    )

    assert (put(url).status_code, b"NoSuchBucket" in put(url).content) == (404, True)


def test_uploads_are_refused_over_the_wire_with_the_right_codes(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    url = post(client).json()["presignedUrl"]
    wrong_md5 = "1B2M2Y8AsgTpgAmY7PhCfg=="
    sandbox.faults.add(faults.bad_url("get"))
    get_signed = post(client).json()["presignedUrl"]
    answers = {
        "SignatureDoesNotMatch": [put(url.replace("1001.jpg", "9.jpg")), put(get_signed), put(url + "&a=b")],
        "AccessDenied": [put(url.partition("?")[0]), put(url, x_amz_meta_a="b")],
        "BadDigest": [put(url, content_md5=wrong_md5)],
        "NotImplemented": [httpx.put(url, content=iter([IMAGE]), trust_env=False)],
    }
    sandbox.state.set_options({"clock_offset_s": 901})
    answers["Request has expired"] = [put(url)]

    for code, found in answers.items():
        assert [code in answer.text for answer in found] == [True] * len(found), (
            code,
            [a.text for a in found],
        )
        assert {answer.headers["content-type"] for answer in found} == {"application/xml"}
    assert sandbox.state.objects.facts() == {}
    assert sandbox.state.journal.counters()["refused_uploads"] == 8


def test_declared_type_is_part_of_the_url_when_asked(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.state.set_options({"sign_content_type": True})
    url = post(client).json()["presignedUrl"]

    assert "X-Amz-SignedHeaders=content-type%3Bhost" in url
    assert [put(url).status_code, put(url, content_type="image/jpeg").status_code] == [403, 200]


# Faults, as a client without any HTTP library meets them.


def raw_exchange(url: str, request: bytes, *, timeout_s: float = 5.0) -> tuple[bytes, str]:
    """What came back, and how it ended: "closed", "reset" or "silence"."""
    parts = urlsplit(url)
    received = bytearray()
    with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=timeout_s) as connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionError:
            return bytes(received), "reset"
        except TimeoutError:
            return bytes(received), "silence"
    return bytes(received), "closed"


def raw_post(sandbox: Sandbox, body: Any = UNPLANNED) -> bytes:
    payload = json.dumps(body).encode()
    target = urlsplit(sandbox.api_url).path + BASE + "/mb/preventive/unplanned"
    head = [
        f"POST {target} HTTP/1.1",
        "host: 127.0.0.1",
        f"content-length: {len(payload)}",
        "connection: close",
    ]
    head += [f"{name}: {value}" for name, value in HEADERS.items()]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + payload


@pytest.mark.parametrize(
    ("fault", "ending", "records"),
    [
        (faults.dropped("unplanned"), "reset", 0),
        (faults.dropped("unplanned", how="close"), "closed", 0),
        (faults.lost_answer("unplanned"), "reset", 1),
        (faults.lost_answer("unplanned", how="close"), "closed", 1),
    ],
    ids=["reset before", "close before", "reset after", "close after"],
)
def test_connection_ends_without_a_byte_of_an_answer(
    sandbox: Sandbox, fault: Fault, ending: str, records: int
) -> None:
    sandbox.faults.add(fault)

    assert raw_exchange(sandbox.api_url, raw_post(sandbox)) == (b"", ending)
    assert len(sandbox.state.records()) == records
    entry = sandbox.state.journal.requests()[0]
    assert (entry["fault"], entry["status"]) == ("drop", None)
    assert raw_exchange(sandbox.api_url, raw_post(sandbox))[0].startswith(b"HTTP/1.1 201 ")


def test_large_upload_is_cut_while_it_is_being_sent(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.add(faults.dropped("upload"))
    url = post(client).json()["presignedUrl"]

    with pytest.raises(httpx.TransportError):
        put(url, b"x" * 8_000_000)
    assert sandbox.state.journal.counters()["puts"] == 0


def test_truncated_answer_stops_short_of_its_length(sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.truncated("unplanned", keep=10))

    received, ending = raw_exchange(sandbox.api_url, raw_post(sandbox))

    head, _, body = received.partition(b"\r\n\r\n")
    assert (head.startswith(b"HTTP/1.1 201 "), len(body), ending) == (True, 10, "closed")
    assert len(sandbox.state.records()) == 1


def test_hanging_server_says_nothing_though_it_stored_the_record(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("hang", "unplanned", after=True))

    assert raw_exchange(sandbox.api_url, raw_post(sandbox), timeout_s=0.3) == (b"", "silence")
    assert len(sandbox.state.records()) == 1


def test_dripping_answer_arrives_whole_but_slowly(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.add(Fault("drip", "unplanned", seconds=0.05, piece=300))
    began = time.monotonic()

    assert post(client).status_code == 201
    assert time.monotonic() - began >= 0.15


def test_garbage_is_no_http(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.add(Fault("garbage", "unplanned"))

    with pytest.raises(httpx.RemoteProtocolError):
        post(client)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.answer("unplanned", 503, retry_after="7"), (503, "application/json", "503")),
        (faults.answer("api", 502, body="html"), (502, "text/html; charset=utf-8", "<html>")),
        (faults.answer("*", 500, body="empty"), (500, None, "")),
        (faults.unauthorized(), (401, "application/json", "Unauthorized")),
        (faults.forbidden(), (403, "application/json", "expired")),
        (faults.portal(), (302, "text/html; charset=utf-8", "Sign in")),
        (faults.portal(redirect=False), (200, "text/html; charset=utf-8", "Sign in")),
        (faults.refuse("companyId", 1), (422, "application/json", "companyId")),
    ],
)
def test_made_up_answer_replaces_the_true_one(
    sandbox: Sandbox, client: httpx.Client, fault: Fault, expected: tuple[int, str | None, str]
) -> None:
    sandbox.faults.add(fault)
    answer = post(client)

    status, kind, text = expected
    assert (answer.status_code, answer.headers.get("content-type")) == (status, kind)
    assert text in answer.text
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)
    assert sandbox.state.records() == []


def test_late_gateway_error_comes_after_the_record_was_stored(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.add(faults.answer("unplanned", 504, after=True))

    assert (post(client).status_code, len(sandbox.state.records())) == (504, 1)


@pytest.mark.parametrize("status", [403, 503])
def test_storage_errors_are_made_up_in_xml(sandbox: Sandbox, client: httpx.Client, status: int) -> None:
    sandbox.faults.add(
        faults.answer("upload", status, body="xml", code="SlowDown", message="Please slow down")
    )
    answer = put(post(client).json()["presignedUrl"])

    assert answer.status_code == status
    assert "<Code>SlowDown</Code><Message>Please slow down</Message>" in answer.text


@pytest.mark.parametrize(("kind", "status"), [("expired", 403), ("get", 403), ("unsigned", 403), ("", 200)])
def test_url_of_no_use_comes_with_a_true_record(
    sandbox: Sandbox, client: httpx.Client, kind: str, status: int
) -> None:
    if kind:
        sandbox.faults.add(faults.bad_url(kind))
    answer = post(client)

    assert answer.status_code == 201
    assert put(answer.json()["presignedUrl"]).status_code == status


def test_url_can_be_missing_or_point_elsewhere(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.add(faults.bad_url("missing"))
    sandbox.faults.add(faults.bad_url("foreign"))

    assert "presignedUrl" not in post(client).json()
    assert post(client).json()["presignedUrl"].startswith("http://storage.invalid/")


@pytest.mark.parametrize(("etag", "expected"), [("missing", None), ("wrong", "other"), ("kms", "other")])
def test_stored_upload_may_lack_its_proof(
    sandbox: Sandbox, client: httpx.Client, etag: str, expected: str | None
) -> None:
    sandbox.faults.add(Fault("etag", "upload", etag=etag))
    answer = put(post(client).json()["presignedUrl"])
    other = '"' + hashlib.md5(b"other bytes", usedforsecurity=False).hexdigest() + '"'

    assert (answer.status_code, answer.headers.get("etag")) == (200, other if expected else None)
    assert answer.headers.get("x-amz-server-side-encryption") == ("aws:kms" if etag == "kms" else None)
    assert sandbox.state.journal.counters()["uploads"] == 1


def expecting(url: str) -> tuple[list[bytes], list[float]]:
    """Send a PUT that waits for `100 Continue`; what came, and when it came."""
    parts = urlsplit(url)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nhost: {parts.netloc}\r\nexpect: 100-continue\r\n"
    head += f"content-length: {len(IMAGE)}\r\n\r\n"
    with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=5) as connection:
        began = time.monotonic()
        connection.sendall(head.encode())
        answers, times = [connection.recv(65_536)], [time.monotonic() - began]
        if b" 100 " in answers[0]:
            connection.sendall(IMAGE)
            answers.append(connection.recv(65_536))
            times.append(time.monotonic() - began)
    return answers, times


def test_waiting_for_100_continue_costs_a_round_trip_of_its_own(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    url = post(client).json()["presignedUrl"]
    sandbox.faults.add(faults.delay("upload", 0.2))

    answers, times = expecting(url)

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 100", b"HTTP/1.1 200"]
    assert times[0] >= 0.2
    assert times[1] >= 0.4


def test_wrong_url_is_refused_before_the_body_when_the_client_waits(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    answers, _ = expecting(post(client).json()["presignedUrl"] + "&a=b")

    assert answers[0].startswith(b"HTTP/1.1 403 ")


# Offline, load, control, life.


def refused(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((str(parts.hostname), parts.port or 80), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def test_each_server_goes_offline_and_comes_back_under_its_address(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    url = post(client).json()["presignedUrl"]
    sandbox.offline("store")
    assert (refused(sandbox.store_url), refused(sandbox.api_url)) == (True, False)
    sandbox.offline("api")
    with pytest.raises(httpx.ConnectError):
        post(client)
    sandbox.online()

    assert post(client).status_code == 201
    assert put(url).status_code == 200


def test_open_connections_are_reset_when_the_server_goes_offline(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("hang", "unplanned"))
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(raw_exchange, sandbox.api_url, raw_post(sandbox))
        wait_until(lambda: sandbox.state.journal.counters()["posts"] == 1)
        sandbox.offline("api")

        assert pending.result(5) == (b"", "reset")


def wait_until(condition: Callable[[], bool], bound_s: float = 5.0) -> None:
    limit = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.01)


def test_fifty_requests_at_once_are_all_served(sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.delay("api", 0.1))
    limits = httpx.Limits(max_connections=50)
    with httpx.Client(headers=HEADERS, trust_env=False, limits=limits, timeout=20) as client:
        url = sandbox.api_url + BASE + "/mb/preventive/unplanned"
        with ThreadPoolExecutor(50) as pool:
            answers = list(
                pool.map(lambda n: client.post(url, json=UNPLANNED | {"companyId": n}), range(200))
            )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["id"] for answer in answers}) == 200
    assert sandbox.state.journal.counters()["duplicate_bodies"] == 0


def test_keep_alive_connections_serve_request_after_request(sandbox: Sandbox) -> None:
    def ten_requests(_: int) -> set[int]:
        parts = urlsplit(sandbox.api_url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        target = parts.path + BASE + "/mb/preventive/unplanned"
        statuses = set()
        for _ in range(10):
            connection.request("POST", target, json.dumps(UNPLANNED), HEADERS)
            answer = connection.getresponse()
            answer.read()
            statuses.add(answer.status)
        connection.close()
        return statuses

    with ThreadPoolExecutor(16) as pool:
        assert set().union(*pool.map(ten_requests, range(16))) == {201}
    assert len({entry["connection"] for entry in sandbox.state.journal.requests()}) == 16


def test_request_log_keeps_targets_and_header_names_but_no_token(sandbox: Sandbox) -> None:
    with httpx.Client(trust_env=False) as client:
        headers = HEADERS | {"Authorization": "Bearer canary-b", "x-session-token": "canary-s"}
        client.get(sandbox.api_url + BASE + "/rs?page=1&x=%2F+%7e", headers=headers)
    entry = sandbox.state.journal.requests(server="api")[0]

    assert entry["target"] == "/main/interventions/v2/rs?page=1&x=%2F+%7e"
    assert ["authorization", "***"] in entry["headers"]
    assert (entry["status"], entry["complete"]) == (200, True)
    assert "canary" not in json.dumps(entry)


def test_control_interface_does_what_the_object_does(sandbox: Sandbox, client: httpx.Client) -> None:
    with httpx.Client(base_url=sandbox.control_url, trust_env=False) as control:
        fault = control.post(
            "/faults", json={"do": "answer", "route": "unplanned", "status": 503, "times": None}
        )
        assert post(client).status_code == 503
        assert control.delete(f"/faults/{fault.json()['id']}").status_code == 200
        assert control.patch("/options", json={"url_lifetime_s": 30}).json()["url_lifetime_s"] == 30
        url = post(client).json()["presignedUrl"]
        assert "X-Amz-Expires=30&" in url
        put(url)
        assert control.get("/state").json()["counters"]["records"] == 1
        assert control.get("/records").json()["records"][0]["body"] == UNPLANNED
        assert control.get("/objects").json()["objects"]["signatures/1001.jpg"]["size"] == len(IMAGE)
        last = control.get("/requests", params={"server": "store"}).json()["requests"][-1]
        assert (last["method"], last["status"]) == ("PUT", 200)
        assert control.post("/rows", json={"id": 77}).json() == {"id": 77}
        edited = client.patch("/rs/preventive/77", json={"description": "moved"})
        assert edited.json()["data"]["description"] == "moved"
        assert control.get("/edits").json()["edits"][0]["id"] == 77
        control.post("/tokens")
        control.post("/reset")
        assert control.get("/state").json()["counters"]["records"] == 0


def test_control_interface_stays_up_while_the_servers_are_offline(sandbox: Sandbox) -> None:
    with httpx.Client(base_url=sandbox.control_url, trust_env=False) as control:
        control.post("/offline", json={"which": "api"})
        wait_until(lambda: refused(sandbox.api_url))
        assert control.get("/state").json()["online"] == {"api": False, "store": True}
        control.post("/online")
        wait_until(lambda: not refused(sandbox.api_url))


def test_server_told_over_its_own_port_comes_back_by_itself(sandbox: Sandbox) -> None:
    own = urlsplit(sandbox.api_url)._replace(path="/_sandbox/offline").geturl()
    assert httpx.post(own, json={"which": "api", "for_s": 0.3}, trust_env=False).status_code == 202

    wait_until(lambda: refused(sandbox.api_url))
    wait_until(lambda: not refused(sandbox.api_url))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/faults", {"do": "explode"}),
        ("PATCH", "/options", {"honor_keys": True}),
        ("POST", "/offline", {"which": "moon"}),
        ("POST", "/rows", {"colour": "red"}),
        ("POST", "/faults", []),
    ],
)
def test_control_interface_refuses_what_makes_no_sense(
    sandbox: Sandbox, method: str, path: str, body: Any
) -> None:
    answer = httpx.request(method, sandbox.control_url + path, json=body, trust_env=False)

    assert (answer.status_code, bool(answer.json()["message"])) == (400, True)


def test_taken_port_is_an_error_and_leaves_nothing_behind(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.api_url).port
    assert port is not None
    threads = threading.active_count()

    with pytest.raises(OSError, match=r".+"):
        Sandbox(api_port=port).start()
    assert threading.active_count() == threads


def test_stopped_sandbox_gives_its_ports_back_and_starts_again() -> None:
    sandbox = Sandbox()
    with sandbox:
        url, kept = sandbox.api_url, copy.copy(sandbox.state.signing_key)
    assert refused(url)
    sandbox.stop()
    with sandbox:
        assert not refused(sandbox.api_url)
    assert sandbox.state.signing_key == kept


def test_stop_does_not_wait_for_a_hanging_request() -> None:
    with Sandbox() as sandbox, ThreadPoolExecutor(1) as pool:
        sandbox.faults.add(Fault("hang", "unplanned"))
        pending = pool.submit(raw_exchange, sandbox.api_url, raw_post(sandbox))
        wait_until(lambda: sandbox.state.journal.counters()["posts"] == 1)
        began = time.monotonic()
        sandbox.stop()

        assert time.monotonic() - began < 2
        assert pending.result(5) == (b"", "reset")


def test_run_tells_where_it_is_and_ends_when_told() -> None:
    told: list[dict[str, Any]] = []
    stop = threading.Event()
    worker = threading.Thread(target=run, kwargs={"ready": told.append, "stop": stop})
    worker.start()
    wait_until(lambda: bool(told))
    names = {"api_url", "store_url", "control_url", "bucket", "token", "session_token"}
    assert set(told[0]) == names
    with httpx.Client(base_url=told[0]["api_url"] + BASE, headers=HEADERS, trust_env=False) as client:
        assert post(client).json()["data"]["id"] > 1_700_000_000
    stop.set()
    worker.join(5)

    assert not worker.is_alive()
    assert refused(told[0]["api_url"])


PROCESS = """
import json, sys
from sync.sandbox.server import run
foreign = sorted({"boto3", "botocore", "httpx", "jsonschema", "yaml"} & set(sys.modules))
run(ready=lambda facts: print(json.dumps(facts | {"foreign": foreign}), flush=True))
"""


def test_process_needs_no_client_library_and_ends_on_sigterm() -> None:
    with subprocess.Popen([sys.executable, "-c", PROCESS], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told["foreign"] == []
            assert not refused(told["store_url"])
        finally:
            process.terminate()
        assert process.wait(5) == 0


def test_client_that_leaves_early_does_not_stop_its_request(sandbox: Sandbox) -> None:
    sandbox.faults.add(faults.delay("unplanned", 0.1))
    parts = urlsplit(sandbox.api_url)
    with suppress(OSError), socket.create_connection((str(parts.hostname), parts.port or 80)) as connection:
        connection.sendall(raw_post(sandbox))
        wait_until(lambda: sandbox.state.journal.counters()["posts"] == 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    wait_until(lambda: len(sandbox.state.records()) == 1)
