"""No secret is readable by accident, and redaction finds it in whatever shape others print it."""

import copy
import dataclasses
import json
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest

from sync.secret import Secret, redact

CANARY = "c4n4ry-9f8e7d"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiI0MiIsImV4cCI6MX0.s1gn4ture-of_it"


@dataclasses.dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        "{}".format,
        "{:>20}".format,
        lambda s: f"{s} {s!r}",
        lambda s: repr(Holder(s)),
        lambda s: repr([s]),
    ],
    ids=["repr", "str", "format", "format with a spec", "f-string", "dataclass", "list"],
)
def test_secret_hides_its_value_in_every_text(shown: Callable[[Secret], str]) -> None:
    assert "hidden" not in shown(Secret("hidden"))
    assert "***" in shown(Secret("hidden"))


def test_secret_is_equal_by_value_and_false_when_empty() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")
    assert Secret("a")


def test_secret_survives_a_copy_of_what_holds_it() -> None:
    assert dataclasses.asdict(Holder(Secret("hidden")))["secret"].reveal() == "hidden"
    assert copy.copy(Secret("hidden")).reveal() == "hidden"


def test_secret_refuses_to_be_changed_or_written() -> None:
    secret: Any = Secret("hidden")
    with pytest.raises(AttributeError):
        secret.other = 1
    with pytest.raises(AttributeError):
        del secret._value
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


LEAKS = {
    "presigned v4": f"PUT https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA1&X-Amz-Signature={CANARY} failed",
    "presigned v2": f"https://h/k?AWSAccessKeyId=A&Expires=1&Signature={CANARY}",
    "query with an apostrophe": f"https://h/k?a=it's&X-Amz-Signature={CANARY}",
    "relative target in a connection log": f'"PUT /bucket/key?sig={CANARY} HTTP/1.1" 200 0',
    "any query": f"https://h/p?anything={CANARY}#x",
    "parameters torn from their address": f"...&X-Amz-Security-Token={CANARY}&X-Amz-Signature={CANARY}",
    "address in JSON with escapes": f'{{"presignedUrl": "https:\\/\\/h\\/k?a=1\\u0026s={CANARY}"}}',
    "address inside an address": f"url=https%3A%2F%2Fh%2Fk%3FX-Amz-Signature%3D{CANARY}&b=1",
    "twice encoded": f"u=https%253A%252F%252Fh%252Fk%253FX-Amz-Signature%253D{CANARY}",
    "user and password in an address": f"proxy http://user:{CANARY}@proxy:8080/ refused",
    "bearer": f"Authorization: Bearer {CANARY}",
    "bearer alone": f"sent bearer {CANARY}, got 401",
    "bearer encoded": f"h=Bearer%20{CANARY}",
    "basic": f"authorization: Basic {CANARY}==",
    "header dictionary": f"{{'x-session-token': '{CANARY}', 'accept': 'a'}}",
    "header pairs as bytes": f"[(b'authorization', b'Bearer {CANARY}'), (b'x-session-token', b'{CANARY}')]",
    "header line": f"x-session-token: {CANARY}\r\ncontent-type: a",
    "cookie": f"Set-Cookie: {CANARY}; Path=/",
    "JSON": f'{{"data": {{"accessToken": "{CANARY}", "refreshToken":"{CANARY}"}}}}',
    "JSON inside JSON": json.dumps({"body": json.dumps({"sessionToken": CANARY})}),
    "JSON with an escaped quote": json.dumps({"password": 'a"' + CANARY}),
    "token field": f'{{"token": "{CANARY}"}}',
    "environment": f"FIELDSYNC_API__SESSION_TOKEN={CANARY} FIELDSYNC_API__TOKEN={CANARY}",
    "S3's explanation": f"<StringToSign>AWS4\n{CANARY}</StringToSign><SignatureProvided>{CANARY}</SignatureProvided>",
    "authorization header of S3": f"AWS4-HMAC-SHA256 Credential={CANARY}/x, SignedHeaders=host, Signature={CANARY}",
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_redaction_takes_the_canary_out(text: str) -> None:
    assert CANARY in text
    once = redact(text)
    assert CANARY not in once
    assert "***" in once
    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        f"token {JWT} expired",
        f"'{JWT}'",
        f"x{JWT}",
        JWT.split(".", maxsplit=1)[0],
        JWT.replace(".", "%2E"),
    ],
)
def test_redaction_takes_a_jwt_out_wherever_it_stands(text: str) -> None:
    assert not any(part in redact(text) for part in JWT.split("."))


def test_redaction_takes_out_an_opaque_value_that_was_once_a_secret() -> None:
    opaque = "just-some-words-together"
    assert redact(f"upstream said {opaque}!") == f"upstream said {opaque}!"
    Secret(opaque)
    assert redact(f"upstream said {opaque}!") == "upstream said ***!"


def test_redaction_prefers_the_longer_of_two_known_secrets() -> None:
    Secret("beginning-of-1t")
    Secret("beginning-of-1t-and-the-end")
    assert redact("a beginning-of-1t-and-the-end z") == "a *** z"


@pytest.mark.parametrize("value", ["", "a", "cat", "session-token", "1234567"])
def test_words_and_short_secrets_do_not_riddle_every_text(value: str) -> None:
    Secret(value)
    text = "a cat sat on 1234567 and x-session-token headers"
    assert redact(text) == text


def test_memory_of_secrets_is_bounded() -> None:
    """A worker runs for months and its tokens change by the hour."""
    Secret("first-of-many-0")
    for n in range(200):
        Secret(f"later-of-many-{n}")
    assert redact("first-of-many-0 later-of-many-199") == "first-of-many-0 ***"


@pytest.mark.parametrize(
    "text",
    [
        "entry_sent entry=0192f0c1 attempt=2 status=201 duration_ms=120",
        "Bearer token missing",
        "Is this right? Yes/no",
        "PUT https://bucket.s3.amazonaws.com/signatures/a.png",
        "Name or service not known",
        "",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_host_and_path_stay_readable() -> None:
    assert redact("https://h.example/a/b?c=d") == "https://h.example/a/b?***"


@pytest.mark.parametrize(
    "piece",
    ["/", "\\", "http://", "eyA", "token=", "bearer ", 'password: "\\', "%3F/%2", "x-amz-", " ", "AKIA", "'"],
)
def test_hostile_text_costs_no_seconds(piece: str) -> None:
    begun = time.perf_counter()
    redact(piece * (200_000 // len(piece)))
    assert time.perf_counter() - begun < 2
