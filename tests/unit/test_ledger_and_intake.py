"""What a pass takes in hand and what it writes down: a real drain and outbox, fakes of API and storage."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest

from sync.credentials import Tokens
from sync.entrypoints.cli.telling import show_text
from sync.entrypoints.documents import show_document
from sync.exchange import Exchange, Failure, FailureKind
from sync.policy import Limits
from sync.reconcile import Strategy
from sync.rules import Ask
from sync.secret import Secret
from sync.transport import ApiRequest
from tests.support.rig import ACCEPTED_URL, FakeRig, FakeServer, FakeTime, said, stored
from tests.support.rig import unsigned as without_signatures

NO_LINK = Failure(FailureKind.CONNECT, fully_written=False, detail="")
LOST = Failure(FailureKind.DISCONNECTED, fully_written=True, detail="")
Make = Callable[..., FakeRig]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def make(tmp_path: Path, server: FakeServer) -> Iterator[Make]:
    """Makes a device, and closes it after the test."""
    made: list[FakeRig] = []

    def build(**more: Any) -> FakeRig:
        made.append(FakeRig(tmp_path / f"outbox-{len(made)}", server, FakeTime(), **more))
        return made[-1]

    yield build
    for rig in made:
        rig.close()


def unsigned(rig: FakeRig) -> None:
    """As a kind without a signature would be: nothing is owed after the receipt."""
    with rig.database.write() as transaction:
        without_signatures(transaction)


def company(request: ApiRequest) -> int:
    return int(request.body.split(b'"companyId":')[1].split(b",")[0])


def test_intent_is_on_disk_before_the_first_byte_leaves(make: Make, server: FakeServer) -> None:
    """P2: a crash in the middle of the send finds a row that says so."""
    rig = make()
    id = rig.capture(1)
    seen: list[dict[str, Any]] = []

    def answer(request: ApiRequest, tokens: object) -> Exchange:
        seen.append(rig.entry(id))
        return server.created()

    server.on_send = answer
    rig.sync()
    (during,) = seen
    assert during["state"] == "sending"
    assert during["lease"] is not None
    assert during["history"] == [{**during["history"][0], "n": 1, "step": "send", "outcome": None}]
    assert during["idempotency_key"] == server.sent[0].idempotency_key == id


def test_history_says_with_whose_tokens_each_send_went_out(make: Make, server: FakeServer) -> None:
    """A shared device: an entry that nobody owns is sent by whoever is signed in, and that is not forgotten."""
    who = iter(["anna", "bert", None])
    server.on_send = lambda request, tokens: said(401) if tokens.owner == "anna" else server.created()
    rig = make(tokens_for=lambda _: Tokens(Secret("bearer"), Secret("session"), next(who)))
    ids = [rig.capture(1)]
    rig.sync()
    rig.time.passes(300)
    rig.sync()
    assert [each["sent_as"] for each in rig.entry(ids[0])["history"]] == ["anna", "bert", None]
    assert [each["step"] for each in rig.entry(ids[0])["history"]] == ["send", "send", "upload"]
    document = show_document({**rig.entry(ids[0])}, {})
    assert [each["sent_as"] for each in document["history"]] == ["anna", "bert", None]
    assert "as bert" in show_text(
        rig.entry(ids[0]), {"waiting_for": "", "until": "", "next_step": "", "person_can": []}
    )


def test_receipt_is_on_disk_before_its_url_is_used(make: Make, server: FakeServer) -> None:
    """P4: the URL cannot be asked for again, so it is stored before anything is done with it."""
    rig = make()
    id = rig.capture(1)
    seen: list[dict[str, Any]] = []

    def put(url: str, md5: str) -> Exchange:
        seen.append(rig.entry(id))
        return stored(md5)

    server.on_put = put
    rig.sync()
    (during,) = seen
    assert (during["state"], during["server_id"]) == ("accepted", 101)
    assert during["upload_url"]["held"] is True
    assert rig.column("presigned_url") == [None], "erased once used"
    assert server.put_urls == [ACCEPTED_URL.format(id=101)]


def test_first_entry_proves_the_storage_before_the_others_are_sent(make: Make, server: FakeServer) -> None:
    """P4: each POST mints a URL; with the storage unproven only one is made."""
    rig = make(width=4)
    rig.capture_many(6)
    sent_at_first_put: list[int] = []

    def put(url: str, md5: str) -> Exchange:
        sent_at_first_put.append(len(server.sent))
        return stored(md5)

    server.on_put = put
    rig.sync()
    assert sent_at_first_put[0] == 1
    assert rig.counts() == {"done": 6}


def test_full_width_is_used_once_the_storage_is_proven(make: Make, server: FakeServer) -> None:
    rig = make(width=3)
    rig.capture_many(4)
    together = Barrier(3)

    def answer(request: ApiRequest, tokens: object) -> Exchange:
        if company(request) > 1:
            together.wait(30)  # breaks unless three are under way at once
        return server.created()

    server.on_send = answer
    rig.sync()
    assert rig.counts() == {"done": 4}


def test_dead_link_costs_one_try_and_closes_the_gate(make: Make, server: FakeServer) -> None:
    """P10: a hundred entries in a basement are one failed connection, not a hundred."""
    rig = make()
    rig.capture_many(100)
    server.on_send = lambda request, tokens: NO_LINK
    report = rig.sync(looked=False)
    assert len(server.sent) == 1
    assert (report.stopped_by, report.waiting) == ("no_connection", 100)
    assert set(rig.column("attempts")) == {0}
    assert rig.column("link_failures")[0] == 1
    rig.sync(looked=False)
    assert len(server.sent) == 1


def test_uploads_come_before_sends_and_the_url_that_spoils_first_comes_first(
    make: Make, server: FakeServer
) -> None:
    """P4: a URL is the only thing here that spoils."""
    rig = make()
    rig.capture_many(4)
    server.on_put = lambda url, md5: NO_LINK
    rig.sync(looked=False)
    with rig.database.write() as transaction:
        # Two more receipts whose URLs end sooner, as if the storage had gone in the middle of a wide pass.
        for seq, expires_at in ((2, 50), (3, 20)):
            transaction.cursor.execute(
                "UPDATE entry SET state = 'accepted', server_id = ?, presigned_url = ?, url_expires_at = ? "
                "WHERE seq = ?",
                (seq, ACCEPTED_URL.format(id=seq), expires_at, seq),
            )
        transaction.cursor.execute("UPDATE entry SET url_expires_at = 90 WHERE seq = 1")
    server.put_urls.clear()
    server.on_put = lambda url, md5: stored(md5)
    # The device's clock is not the server's: no offset is known, so even an old date is only a hint.
    rig.sync(forced=True)
    assert server.put_urls == [ACCEPTED_URL.format(id=n) for n in (3, 2, 101, 102)]
    assert [company(request) for request in server.sent] == [1, 4]


def test_lost_url_parks_what_is_owed_and_the_pass_goes_on(make: Make, server: FakeServer) -> None:
    """P4, P5: five receipts without a URL in front of one that can go."""
    rig = make()
    rig.capture_many(7)
    with rig.database.write() as transaction:
        transaction.cursor.execute(
            "UPDATE entry SET state = 'accepted', server_id = seq + 900 WHERE seq <= 5"
        )
    rig.sync()
    assert rig.counts() == {"parked": 5, "done": 2}
    assert {entry["reason"] for entry in rig.entries("parked")} == {"signature_url_lost"}


def test_damaged_payloads_are_parked_and_the_pass_goes_on(make: Make, server: FakeServer) -> None:
    """P5: a disk error in three rows; what was not captured like this is never sent, and the rest goes."""
    rig = make()
    rig.capture_many(5)
    with rig.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET payload = payload || ' ' WHERE seq <= 3")
    rig.sync()
    assert rig.states() == ["parked", "parked", "parked", "done", "done"]
    assert {entry["reason"] for entry in rig.entries("parked")} == {"payload_damaged"}
    assert [company(request) for request in server.sent] == [4, 5]


def test_damaged_image_is_never_uploaded(make: Make, server: FakeServer) -> None:
    """P4: bytes that are not those of the capture prove nothing; the entry says so."""
    rig = make()
    rig.capture_many(2)
    with rig.database.write() as transaction:
        transaction.cursor.execute("UPDATE signature SET data = zeroblob(length(data)) WHERE entry_seq = 1")
    rig.sync()
    assert rig.states() == ["parked", "done"]
    assert rig.entries("parked")[0]["reason"] == "signature_damaged"
    assert len(server.put_urls) == 1


def test_repeats_go_one_at_a_time_when_their_budget_is_spent(make: Make, server: FakeServer) -> None:
    """P10: a server that comes back after losing thirty answers is not met by thirty repeats at once."""
    rig = make(width=4, strategy=Strategy.RESEND)
    rig.capture_many(30)
    unsigned(rig)
    server.on_send = lambda request, tokens: LOST
    rig.sync()
    assert rig.counts() == {"in_doubt": 30}
    rig.time.passes(61)
    at_once, most = [0], [0]
    gate = Event()

    def answer(request: ApiRequest, tokens: object) -> Exchange:
        at_once[0] += 1
        most.append(at_once[0])
        gate.wait(0.01)
        at_once[0] -= 1
        return LOST

    server.on_send = answer
    server.sent.clear()
    rig.sync()
    assert len(server.sent) == 30, "and yet every one of them got its turn"
    assert max(most[14:]) == 1, most


def test_other_entry_that_got_the_same_server_id_is_held(make: Make, server: FakeServer) -> None:
    """P2: a server that answers two captures with one record: neither is sent again, a person compares."""
    rig = make()
    rig.capture_many(2)

    def same(request: ApiRequest, tokens: object) -> Exchange:
        server.next_id = 100
        return server.created()

    server.on_send = same
    rig.sync()
    rig.sync(forced=True)
    assert rig.states() == ["done", "parked"]
    assert rig.entries("parked")[0]["reason"] == "server_id_taken"
    assert len(server.sent) == 2


def test_answer_without_a_url_is_accepted_and_held_with_its_id(make: Make, server: FakeServer) -> None:
    """P4: the record exists; that the signature has nowhere to go is told, and no second POST is made for it."""
    rig = make()
    id = rig.capture(1)
    server.on_send = lambda request, tokens: said(201, {"data": {"id": 7}})
    rig.sync()
    rig.sync(forced=True)
    entry = rig.entry(id)
    assert (entry["state"], entry["stage"], entry["server_id"]) == ("parked", "accepted", 7)
    assert entry["reason"] == "signature_url_lost"
    assert (len(server.sent), server.put_urls) == (1, [])


def test_url_of_another_host_is_not_followed(make: Make, server: FakeServer) -> None:
    """P8: somebody's answer names a host that is no storage; the image does not go there."""
    rig = make()
    rig.capture(1)
    elsewhere = {"data": {"id": 7}, "presignedUrl": "https://evil.invalid/k?X-Amz-Signature=0"}
    server.on_send = lambda request, tokens: said(201, elsewhere)
    rig.sync()
    assert rig.states() == ["parked"]
    assert server.put_urls == []


def test_upload_has_an_attempt_budget_of_its_own(make: Make, server: FakeServer) -> None:
    """P4: a POST that needed eleven tries leaves its upload all twelve."""
    rig = make(strategy=Strategy.RESEND, limits=Limits(max_attempts=3))
    id = rig.capture(1)
    answers = iter([LOST, LOST])
    server.on_send = lambda request, tokens: next(answers, None) or server.created()
    server.on_put = lambda url, md5: said(500)
    for _ in range(12):
        rig.sync(forced=True)
        rig.time.passes(1000)
    entry = rig.entry(id)
    assert (entry["state"], entry["stage"], entry["reason"]) == ("parked", "accepted", "attempts_exhausted")
    steps = [each["step"] for each in entry["history"]]
    assert steps == ["send"] * 3 + ["upload"] * 3


def test_bug_in_a_worker_is_a_doubt_for_a_send_and_ends_nothing(make: Make, server: FakeServer) -> None:
    """P2: nobody knows how far it got, so nobody takes it for unsent; the worker lives on."""
    rig = make()
    rig.capture_many(2)

    def stumble(request: ApiRequest, tokens: object) -> Exchange:
        if company(request) == 1:
            raise ZeroDivisionError
        return server.created()

    server.on_send = stumble
    rig.sync()
    assert rig.states() == ["parked", "done"]
    assert rig.entries("parked")[0]["reason"] == "arrival_unknown"


def test_bug_in_an_upload_parks_it_with_its_receipt(make: Make, server: FakeServer) -> None:
    rig = make()
    rig.capture_many(2)

    def stumble(url: str, md5: str) -> Exchange:
        if url.startswith(ACCEPTED_URL.format(id=101).split("?")[0]):
            raise ZeroDivisionError
        return stored(md5)

    server.on_put = stumble
    rig.sync()
    assert rig.states() == ["parked", "done"]
    assert rig.entry(rig.entries()[0]["id"])["stage"] == "accepted"


def test_lease_that_is_gone_before_the_first_byte_sends_nothing(make: Make, server: FakeServer) -> None:
    """P7: the tablet slept between connecting and writing, longer than its lease: it asks before it writes."""
    rig = make()
    id = rig.capture(1)
    original = server.send

    def slow_to_connect(
        request: ApiRequest, tokens: Any, *, before_first_byte: Callable[[], None]
    ) -> Exchange:
        from sync.exchange import LeaseGone

        rig.time.jumps(hours=1)
        try:
            return original(request, tokens, before_first_byte=before_first_byte)
        except LeaseGone:
            server.send = original  # type: ignore[method-assign]
            return Failure(FailureKind.LEASE_LOST, fully_written=False, detail="")

    server.send = slow_to_connect  # type: ignore[method-assign]
    rig.sync()
    assert rig.outcomes(id)[0] == ("send", "HandedBack", "handed_back")
    assert rig.states() == ["done"]
    assert rig.column("attempts") == [0]
    assert len(server.sent) == 1


def test_paused_queue_claims_nothing(make: Make, server: FakeServer) -> None:
    from sync import commands

    rig = make()
    rig.capture_many(3)
    commands.pause(rig.database, "stocktaking", rig.time.clock)
    assert rig.sync(forced=True).stopped_by == "paused"
    assert server.sent == []
    commands.resume(rig.database, rig.time.clock)
    rig.sync()
    assert rig.counts() == {"done": 3}


def test_stopped_drain_finishes_what_is_on_the_wire_and_claims_no_more(
    make: Make, server: FakeServer
) -> None:
    """P3: SIGTERM in the middle: this entry's answer is written down, its upload waits for the next process."""
    rig = make()
    rig.capture_many(3)

    def answer(request: ApiRequest, tokens: object) -> Exchange:
        rig.drain.stop()
        return server.created()

    server.on_send = answer
    report = rig.sync()
    assert report.stopped_by == "interrupted"
    assert rig.states() == ["accepted", "pending", "pending"]
    server.on_send = lambda request, tokens: server.created()
    rig.restart()
    rig.sync()
    assert rig.counts() == {"done": 3}
    assert len(server.sent) == 3


def test_capture_that_comes_in_during_a_pass_is_taken_by_it(make: Make, server: FakeServer) -> None:
    rig = make()
    rig.capture(1)

    def answer(request: ApiRequest, tokens: object) -> Exchange:
        if company(request) == 1:
            rig.capture(2)
        return server.created()

    server.on_send = answer
    rig.drain.run(Ask())
    assert rig.counts() == {"done": 2}


def test_clock_offset_is_the_median_of_the_last_answers(make: Make, server: FakeServer) -> None:
    """P9: one slow answer must not move the clock."""
    from datetime import timedelta
    from email.utils import format_datetime

    rig = make()
    late_by = iter([10, 10, 300, 10, 10, 10])

    def answer(request: ApiRequest, tokens: object) -> Exchange:
        now = rig.time.wall
        date = format_datetime((now + timedelta(seconds=next(late_by))).replace(microsecond=0), usegmt=True)
        return server.created(headers={"date": date}, sent_at=now, received_at=now)

    server.on_send = answer
    for seed in range(1, 6):
        rig.capture(seed)
    rig.sync()
    offset_s = rig.control("clock")["offset_s"]
    assert 9 <= offset_s <= 11
