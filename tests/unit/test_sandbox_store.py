"""The stand-in's storage, faults and body checks, without a socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.sandbox import contract, faults
from sync.sandbox.faultbook import FaultBook, routes_of
from sync.sandbox.faults import Fault
from sync.sandbox.message import Answer, Head
from sync.sandbox.objects import BUCKET, Objects
from sync.sandbox.options import Options
from sync.sandbox.signing import presign
from sync.sandbox.state import Call, KeyReused, State
from sync.sandbox.store import Store

IMAGE = b"\xff\xd8 a signature"
START = datetime(2026, 3, 4, 8, 15, tzinfo=UTC)
UNPLANNED: dict[str, Any] = {
    "companyId": 1,
    "siteIds": [11, 12],
    "ruleIds": [7],
    "signature": {"name": "a.jpg", "mimeType": "image/jpeg", "size": len(IMAGE)},
    "provider": {"firstName": "Ada", "lastName": "Byron"},
}


class Bench:
    """A store with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START
        self.state = State(clock=lambda: self.now)
        self.store = Store(self.state)

    def target(self, *, method: str = "PUT", key: str = "signatures/1.jpg", **more: Any) -> str:
        url = f"http://127.0.0.1:9/{BUCKET}/{key}"
        signed = presign(self.state.signing_key, url, method=method, now=self.now, lifetime_s=900, **more)
        return signed.removeprefix("http://127.0.0.1:9")

    def send(
        self, target: str, headers: dict[str, str] | None = None, *, method: str = "PUT", body: bytes = IMAGE
    ) -> Answer:
        given = {"host": "127.0.0.1:9", "content-length": str(len(body))} | (headers or {})
        pairs = tuple((name, value) for name, value in given.items() if value)
        return asyncio.run(self.store.answer(Head("store", method, target, pairs), body, None))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def test_correct_upload_is_kept_and_answered_with_its_md5(bench: Bench) -> None:
    answer = bench.send(bench.target(), {"content-type": "image/jpeg", "content-md5": md5(IMAGE)})

    assert answer.status == 200
    assert dict(answer.headers)["etag"] == f'"{hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()}"'
    found = bench.state.objects.get("signatures/1.jpg")
    assert found is not None
    assert (found[0]["content_type"], found[1]) == ("image/jpeg", IMAGE)


def test_same_upload_may_be_repeated(bench: Bench) -> None:
    target = bench.target()

    assert [bench.send(target).status for _ in range(2)] == [200, 200]
    assert bench.state.journal.counters()["repeated_uploads"] == 1


def _replace(old: str, new: str) -> Callable[[str], str]:
    def change(target: str) -> str:
        assert old in target
        return target.replace(old, new)

    return change


REFUSED_TARGETS = [
    pytest.param(_replace("1.jpg", "2.jpg"), 403, "SignatureDoesNotMatch", id="other key"),
    pytest.param(
        _replace("X-Amz-Expires=900", "X-Amz-Expires=901"), 403, "SignatureDoesNotMatch", id="longer life"
    ),
    pytest.param(lambda target: target[:-1] + "g", 403, "SignatureDoesNotMatch", id="other signature"),
    pytest.param(lambda target: target + "&versionId=1", 403, "SignatureDoesNotMatch", id="more query"),
    pytest.param(lambda target: target.partition("?")[0], 403, "AccessDenied", id="no signature"),
    pytest.param(_replace("SANDBOX", "SOMEONE"), 403, "InvalidAccessKeyId", id="other key pair"),
    pytest.param(
        _replace("eu-west-3", "eu-west-1"), 400, "AuthorizationQueryParametersError", id="other region"
    ),
    pytest.param(
        _replace("Expires=900", "Expires=604801"), 400, "AuthorizationQueryParametersError", id="too long"
    ),
    pytest.param(
        _replace("Headers=host", "Headers=date"), 400, "AuthorizationQueryParametersError", id="no host"
    ),
    pytest.param(
        _replace("HMAC-SHA256", "HMAC-SHA1"), 400, "AuthorizationQueryParametersError", id="algorithm"
    ),
    pytest.param(
        lambda _: "/b/k?AWSAccessKeyId=A&Signature=B&Expires=1", 400, "InvalidRequest", id="version 2"
    ),
]


@pytest.mark.parametrize(("change", "status", "code"), REFUSED_TARGETS)
def test_changed_url_is_refused(bench: Bench, change: Callable[[str], str], status: int, code: str) -> None:
    answer = bench.send(change(bench.target()))

    assert (answer.status, f"<Code>{code}</Code>" in answer.body.decode()) == (status, True), answer.body
    assert bench.state.objects.facts() == {}


REFUSED_HEADERS = [
    pytest.param({"host": "localhost:9"}, 403, "SignatureDoesNotMatch", id="other host"),
    pytest.param({"x-amz-acl": "private"}, 403, "<HeadersNotSigned>x-amz-acl<", id="header not signed"),
    pytest.param({"content-md5": md5(b"other")}, 400, "BadDigest", id="wrong md5"),
    pytest.param({"content-md5": "short"}, 400, "InvalidDigest", id="broken md5"),
    pytest.param({"content-length": ""}, 411, "MissingContentLength", id="no length"),
    pytest.param({"content-length": "999999999"}, 400, "EntityTooLarge", id="too large"),
    pytest.param({"content-length": "", "transfer-encoding": "chunked"}, 501, "NotImplemented", id="chunked"),
    pytest.param({"authorization": "Bearer x"}, 400, "InvalidArgument", id="two ways of signing"),
]


@pytest.mark.parametrize(("headers", "status", "text"), REFUSED_HEADERS)
def test_wrong_header_is_refused(bench: Bench, headers: dict[str, str], status: int, text: str) -> None:
    answer = bench.send(bench.target(), headers)

    assert (answer.status, text in answer.body.decode()) == (status, True), answer.body
    assert bench.state.objects.facts() == {}


def test_refusal_never_repeats_a_token(bench: Bench) -> None:
    assert b"canary" not in bench.send(bench.target(), {"authorization": "Bearer canary"}).body


def test_url_is_good_until_the_last_second_and_not_beyond(bench: Bench) -> None:
    target = bench.target()
    bench.now = START + timedelta(seconds=899)
    assert bench.send(target).status == 200

    bench.now = START + timedelta(seconds=900)
    answer = bench.send(target).body.decode()

    assert "<Message>Request has expired</Message><X-Amz-Expires>900</X-Amz-Expires>" in answer
    assert "<Expires>2026-03-04T08:30:00Z</Expires><ServerTime>2026-03-04T08:30:00Z</ServerTime>" in answer


def test_url_from_the_future_is_refused(bench: Bench) -> None:
    target = bench.target()
    bench.now = START - timedelta(minutes=16)

    assert b"Request is not yet valid" in bench.send(target).body


@pytest.mark.parametrize(("signed_for", "sent"), [("GET", "PUT"), ("PUT", "GET"), ("PUT", "HEAD")])
def test_url_works_for_the_method_it_was_signed_for_only(bench: Bench, signed_for: str, sent: str) -> None:
    answer = bench.send(bench.target(method=signed_for), method=sent, body=b"")

    assert answer.status == 403
    assert b"SignatureDoesNotMatch" in answer.body


def test_object_is_read_back_through_a_url_signed_for_reading(bench: Bench) -> None:
    bench.send(bench.target())

    assert bench.send(bench.target(method="GET"), method="GET", body=b"").body == IMAGE


@pytest.mark.parametrize(("sent", "status"), [("image/jpeg", 200), ("image/png", 403), ("", 403)])
def test_signed_content_type_has_to_be_sent_as_it_was_signed(bench: Bench, sent: str, status: int) -> None:
    target = bench.target(headers={"content-type": "image/jpeg"})

    assert bench.send(target, {"content-type": sent}).status == status


def test_signed_checksum_binds_the_body(bench: Bench) -> None:
    checksum = base64.b64encode(hashlib.sha256(IMAGE).digest()).decode()
    target = bench.target(headers={"x-amz-checksum-sha256": checksum})

    assert bench.send(target, {"x-amz-checksum-sha256": checksum}).status == 200
    assert b"BadDigest" in bench.send(target, {"x-amz-checksum-sha256": checksum}, body=b"else").body


def test_lower_case_percent_encoding_is_the_same_url(bench: Bench) -> None:
    target = bench.target(key="signatures/%C3%A9%20%2B.jpg")

    assert bench.send(target.replace("%C3%A9", "%c3%a9")).status == 200
    assert list(bench.state.objects.facts()) == ["signatures/é +.jpg"]


def test_dot_segments_belong_to_the_key(bench: Bench) -> None:
    bench.send(bench.target(key="a/../b//c"))

    assert list(bench.state.objects.facts()) == ["a/../b//c"]


def test_oldest_bytes_go_first_when_there_are_too_many() -> None:
    objects = Objects(bytes_kept=10)
    for name in "abc":
        objects.put(name, b"12345", "image/jpeg", "now")

    assert [objects.get(name) is not None for name in "abc"] == [False, True, True]
    assert objects.facts()["a"]["size"] == 5


# The API's memory.


def call(body: dict[str, Any] = UNPLANNED, key: str = "k1", raw: bytes = b"{}") -> Call:
    return Call("unplanned", body, raw, [("idempotency-key", key), ("authorization", "Bearer canary")])


def test_each_post_makes_a_record_when_keys_are_not_honoured() -> None:
    state = State()
    first, second = state.create(call())[0], state.create(call())[0]

    assert first["id"] != second["id"]
    assert state.journal.counters()["duplicate_records_by_key"] == 1
    assert "canary" not in str(state.records())


def test_same_key_gets_the_same_record_when_keys_are_honoured() -> None:
    state = State(options=Options(honour_keys=True))

    assert state.create(call())[0] == state.create(call())[0]
    assert len(state.records()) == 1
    with pytest.raises(KeyReused):
        state.create(call(raw=b"other"))


def test_same_seed_and_clock_give_the_same_run() -> None:
    def one_run(seed: str) -> tuple[Any, ...]:
        state = State(seed=seed, clock=lambda: START)
        return state.create(call())[0], state.tokens, state.signing_key

    assert one_run("a") == one_run("a")
    assert one_run("a") != one_run("b")


def test_reset_forgets_everything_but_never_gives_an_id_twice() -> None:
    state = State()
    first = state.create(call())[0]["id"]
    state.set_options({"honour_keys": True})
    state.reset()

    assert (state.records(), state.options.honour_keys) == ([], False)
    assert state.create(call())[0]["id"] == first + 1


def test_request_log_is_capped() -> None:
    state = State(log_limit=3)
    for _ in range(5):
        state.journal.add({"server": "api"})

    assert [entry["n"] for entry in state.journal.requests()] == [3, 4, 5]


@pytest.mark.parametrize("changes", [{"honor_keys": True}, {"honour_keys": 1}, {"url_lifetime_s": True}])
def test_option_with_wrong_name_or_type_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"honour_keys|url_lifetime_s"):
        State().set_options(changes)


# Faults.


def taken(book: FaultBook, count: int, route: str = "unplanned", body: Any = None) -> list[str | None]:
    routes = frozenset({route, "api", "*"})
    found = [book.on_request(routes, "/target", body) for _ in range(count)]
    return [fault.do if fault else None for fault in found]


def test_fault_skips_then_hits_then_is_over() -> None:
    book = FaultBook()
    book.add(faults.answer("unplanned", 503, skip=1, times=2))

    assert taken(book, 4) == [None, "answer", "answer", None]
    assert book.active() == []


def test_fault_keeps_to_its_route_and_stays_until_removed() -> None:
    book = FaultBook()
    number = book.add(Fault("hang", "curative", times=None))

    assert taken(book, 2) == [None, None]
    assert taken(book, 2, "curative") == ["hang", "hang"]
    assert book.remove(number)
    assert taken(book, 1, "curative") == [None]


def test_refusal_looks_at_the_value_of_a_nested_field() -> None:
    book = FaultBook()
    book.add(faults.refuse("provider.lastName", "Byron"))

    assert taken(book, 1, body={"provider": {"lastName": "Else"}}) == [None]
    assert taken(book, 1, body=UNPLANNED) == ["answer"]


def test_request_meets_all_delays_and_one_other_fault() -> None:
    book = FaultBook()
    book.add(faults.delay("*", 0.1))
    book.add(faults.delay("api", 0.2, after=True))
    book.add(faults.lost_answer("unplanned"))
    book.add(faults.unauthorized())
    routes = routes_of("api", "POST", "/main/interventions/v2/mb/preventive/unplanned")

    assert [fault.seconds for fault in book.delays(routes, "")] == [0.1, 0.2]
    assert book.on_head(routes, "") is None
    assert taken(book, 2) == ["drop", "answer"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"do": "explode"},
        {"do": "drop", "route": "nowhere"},
        {"do": "drop", "often": 2},
        {"do": "drop", "times": 0},
    ],
)
def test_impossible_fault_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fault.from_json(wrong)


# Bodies: the wider comparison with the API description is in tests/contract.


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"companyId": True}, "$.companyId"),
        ({"siteIds": []}, "$.siteIds"),
        ({"ruleIds": [1, "2"]}, "$.ruleIds[1]"),
        ({"signature": {"name": "", "mimeType": "image/jpeg", "size": 1}}, "$.signature.name"),
        ({"provider": {"email": "x" * 251}}, "$.provider.email"),
        ({"provider": {"comment": "\U0001f600" * 1251}}, "$.provider.comment"),
        ({"actualStart": "2026-02-29T10:00:00Z"}, "$.actualStart"),
        ({"actualStart": "2026-03-04T10:00:00+01:00"}, "$.actualStart"),
    ],
)
def test_flaw_is_reported_where_it_is(change: dict[str, Any], path: str) -> None:
    assert [flaw.path for flaw in contract.check(contract.UNPLANNED, UNPLANNED | change)] == [path]


def test_not_a_number_is_not_json() -> None:
    with pytest.raises(ValueError, match="NaN"):
        contract.decode(b'{"companyId": NaN}')
