"""Which way is taken when the address of a signature cannot be used, as a table; what a call for another came to."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from random import Random

import pytest

from storage.lifecycle import Event
from sync import outcome as o
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome_reissue import find
from sync.policy import WAY_TRIES, HostNews, Limits, Step, Tried, decide
from sync.presigned_url import UrlRules
from sync.ways_out import MAX_REISSUES, Stuck, Turn, Way, Ways, next_way, turn

ALL = Ways(reissue=True, ambient=True, pattern=True)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
URL = "https://b-1.s3.eu-west-3.amazonaws.com/k?X-Amz-Signature=0ddba11&X-Amz-Date=20261122T000000Z&X-Amz-Expires=900"
TROUBLES = (
    "upload_expired", "upload_signature_mismatch", "upload_url_unsigned", "signature_url_lost", "upload_forbidden",
    "upload_signer_invalid", "upload_url_refused", "upload_headers_unsatisfiable", "upload_wrong_place",
)  # fmt: skip
OPEN = {"upload_expired", "upload_signature_mismatch", "upload_url_unsigned", "signature_url_lost"}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_another_address_is_asked_for_first(trouble: str) -> None:
    assert next_way(Stuck(trouble), ALL) is Way.REISSUE


@pytest.mark.parametrize("trouble", TROUBLES)
def test_own_credentials_come_second_and_only_where_they_may(trouble: str) -> None:
    expected = Way.AMBIENT if trouble in OPEN else None
    assert next_way(Stuck(trouble, Way.REISSUE), ALL) is expected
    assert next_way(Stuck(trouble), Ways(ambient=True, pattern=True)) is expected


@pytest.mark.parametrize("trouble", TROUBLES)
def test_after_own_credentials_a_person_is_needed(trouble: str) -> None:
    assert next_way(Stuck(trouble, Way.AMBIENT), ALL) is None
    assert next_way(Stuck(trouble), Ways()) is None


def test_without_pattern_a_lost_address_leaves_no_place_for_own_credentials() -> None:
    ways = Ways(ambient=True)
    assert next_way(Stuck("signature_url_lost"), ways) is None
    assert next_way(Stuck("upload_expired"), ways) is Way.AMBIENT


def test_signer_that_keeps_giving_bad_addresses_is_given_up() -> None:
    assert next_way(Stuck("upload_expired", reissues=MAX_REISSUES - 1), ALL) is Way.REISSUE
    assert next_way(Stuck("upload_expired", reissues=MAX_REISSUES), ALL) is Way.AMBIENT
    assert next_way(Stuck("upload_expired", reissues=MAX_REISSUES), Ways(reissue=True)) is None


def test_image_that_is_too_large_has_no_way_out() -> None:
    assert next_way(Stuck("upload_too_large"), ALL) is None


def test_ways_never_go_round_in_a_circle() -> None:
    """From any trouble and any settings, a few turns lead to a person."""
    for trouble, flags in product(TROUBLES, product((True, False), repeat=3)):
        ways, stuck, turns = Ways(*flags), Stuck(trouble), 0
        while (way := next_way(stuck, ways)) is not None:
            turns += 1
            assert turns <= 2 * MAX_REISSUES + 2
            # The worst case: another address comes, and it is as bad as the one before.
            again = way is Way.REISSUE and turns % 2 == 0
            stuck = Stuck(trouble, None, stuck.reissues + 1) if again else replace(stuck, tried=way)


def verdict(
    outcome: o.UrlSpent | o.UploadRefused | o.WayClosed | o.LocalFault, attempts: int = 0
) -> Turn | str:
    tried = Tried(Step.UPLOAD, attempts, None)
    decided = decide(outcome, tried, now=NOW, limits=Limits(), rng=Random(1))
    stuck = Stuck("upload_expired", Way.REISSUE) if isinstance(outcome, o.WayClosed) else Stuck("")
    found, way = turn(outcome, decided, stuck, ALL)
    assert (way is None) == (found.event is Event.PARK or found is decided)
    return way if way is not None else found.reason


def test_refused_address_turns_to_the_first_way_and_keeps_its_reason() -> None:
    assert verdict(o.UrlSpent(reason="upload_expired", status=403)) == Turn(Way.REISSUE, "upload_expired")
    refused = o.UploadRefused(reason="upload_forbidden", status=403)
    assert verdict(refused) == Turn(Way.REISSUE, "upload_forbidden")


def test_way_that_leads_nowhere_is_left_after_a_few_tries_for_the_next() -> None:
    closed = o.WayClosed(reason="reissue_unavailable", status=403)
    for attempts in range(WAY_TRIES - 1):
        assert verdict(closed, attempts) == "reissue_unavailable", "waits, and asks again"
    assert verdict(closed, WAY_TRIES - 1) == Turn(Way.AMBIENT, "upload_expired")


def test_way_that_never_will_be_one_is_left_at_once() -> None:
    closed = o.WayClosed(reason="ambient_no_place", lasting=True)
    assert verdict(closed) == Turn(Way.AMBIENT, "upload_expired")


def test_entry_without_a_way_is_held_for_what_its_address_failed_for() -> None:
    closed = o.WayClosed(reason="ambient_refused", status=403, lasting=True)
    decided = decide(closed, Tried(Step.UPLOAD, 0, None), now=NOW, limits=Limits(), rng=Random(1))
    found, way = turn(closed, decided, Stuck("upload_expired", Way.AMBIENT), ALL)
    assert (found.event, found.reason, way) == (Event.PARK, "upload_expired", None)


def test_damaged_image_takes_no_way_out() -> None:
    assert (
        verdict(o.LocalFault(reason="signature_damaged", sentence="It is not there.")) == "signature_damaged"
    )


@pytest.mark.parametrize("status", [401, 403, 404, 500, None])
def test_way_out_never_pauses_anything(status: int | None) -> None:
    closed = o.WayClosed(reason="reissue_unavailable", status=status)
    for attempts in range(WAY_TRIES):
        tried = Tried(Step.REISSUE, attempts, None)
        found = decide(closed, tried, now=NOW, limits=Limits(), rng=Random(1))
        assert found.pause is None
        assert found.host in (HostNews.NONE, HostNews.ANSWERED)


def answer(status: int, body: object = None, *, secure: bool = True, **more: object) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return Reply(status, {}, content, secure=secure, **more)  # type: ignore[arg-type]


def classified(exchange: Exchange, pointer: str = "/presignedUrl") -> o.Outcome:
    return o.classify_reissue(exchange, pointer=pointer, rules=UrlRules())


def test_another_address_is_read_with_its_end() -> None:
    found = classified(answer(200, {"presignedUrl": f" {URL} "}))
    assert isinstance(found, o.UrlIssued)
    assert (found.url, found.expires_at) == (URL, datetime(2026, 11, 22, 0, 15, tzinfo=UTC))
    assert "0ddba11" not in repr(found)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 301, 500, 502, 503, 504])
def test_answer_that_is_no_success_closes_the_way_for_now(status: int) -> None:
    found = classified(answer(status, {"message": "no"}))
    assert isinstance(found, o.WayClosed)
    assert (found.reason, found.status, found.lasting) == ("reissue_unavailable", status, False)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"presignedUrl": None}, {"presignedUrl": ""}, {"presignedUrl": 7}, {"data": {"presignedUrl": URL}}, b"[1]",
        b"{", {"presignedUrl": "https://storage.invalid/k?X-Amz-Signature=0ddba11"},
        {"presignedUrl": URL.replace("https", "http")}, {"presignedUrl": "\ud800"},
    ],
)  # fmt: skip
def test_success_without_an_address_that_may_be_used_closes_the_way_and_is_not_quoted(body: object) -> None:
    found = classified(answer(200, body))
    assert isinstance(found, o.WayClosed)
    assert found.reason == "reissue_unusable"
    assert "0ddba11" not in found.detail


def test_cut_off_answer_holds_no_address() -> None:
    found = classified(answer(200, {"presignedUrl": URL}, body_complete=False))
    assert isinstance(found, o.WayClosed)


@pytest.mark.parametrize("status", [407, 511])
def test_network_that_asks_for_a_sign_in_is_not_the_server(status: int) -> None:
    assert isinstance(classified(answer(status)), o.NotOurs)


@pytest.mark.parametrize(("status", "body"), [(302, b""), (200, b"<html>sign in</html>")])
def test_portal_is_told_from_the_server_by_its_connection(status: int, body: bytes) -> None:
    assert isinstance(classified(answer(status, body, secure=False)), o.NotOurs)
    assert isinstance(classified(answer(status, body)), o.WayClosed)


def test_server_that_asks_for_time_is_given_it() -> None:
    found = classified(Reply(429, {"retry-after": "30"}, b"{}"))
    assert isinstance(found, o.Retryable)
    assert (found.retry_after_s, found.counts) == (30, False)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.LEASE_LOST])
@pytest.mark.parametrize("written", [True, False])
def test_no_answer_is_a_matter_of_the_link_or_of_this_way(kind: FailureKind, written: bool) -> None:
    found = classified(Failure(kind, written, ""))
    if written or kind is FailureKind.LOCAL:
        assert isinstance(found, o.WayClosed)
    else:
        assert isinstance(found, o.Unreachable | o.NotOurs)


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/presignedUrl", "u"), ("/data/url", "v"), ("/data/0", None), ("/list/1/url", "w"), ("/list/2", None),
        ("/a~1b", "x"), ("/m~0n", "y"), ("/~01", "z"), ("/", "e"), ("/list/x", None), ("presignedUrl", None),
        ("/presignedUrl/u", None),
    ],
)  # fmt: skip
def test_pointer_leads_where_it_says(pointer: str, found: object) -> None:
    document = {
        "presignedUrl": "u", "data": {"url": "v"},
        "list": [{}, {"url": "w"}], "a/b": "x", "m~n": "y", "~1": "z", "": "e",
    }  # fmt: skip
    assert find(document, pointer) == found
