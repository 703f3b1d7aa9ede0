"""Which tokens serve now, and what it means that the server took a pair once: a 403 is then about its entry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage import control
from storage.readiness import PAUSED_OWNER as HELD
from sync.credentials import Tokens
from sync.exchange import Exchange
from sync.secret import Secret
from sync.token_book import LOOK_EVERY_S, MOST_PROVEN, PROVEN, TokenBook
from sync.transport import ApiRequest
from tests.support.polling import eventually
from tests.support.rig import FakeRig, FakeServer, FakeTime, said, unsigned
from tests.support.scratch import Scratch

NOT_YOURS = {"message": "site 3 is not yours"}


def pair(name: str) -> Tokens:
    return Tokens(Secret(f"bearer of {name}"), Secret("session"), name)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path)
    yield made
    made.close()


def book(time: FakeTime) -> TokenBook:
    return TokenBook(lambda _: None, time.clock)


def test_tokens_are_asked_for_again_after_a_second() -> None:
    time, asked = FakeTime(), []
    known = TokenBook(lambda owner: asked.append(owner) or pair("anna"), time.clock)
    for passes_s in (0, LOOK_EVERY_S / 2, LOOK_EVERY_S):
        time.passes(passes_s)
        assert known.of("anna") == pair("anna")
    assert asked == ["anna", "anna"]


def test_tokens_are_asked_for_at_once_where_new_ones_are_known_to_be_there() -> None:
    time = FakeTime()
    found = iter([None, pair("anna")])
    known = TokenBook(lambda _: next(found), time.clock)
    assert known.of("anna") is None
    known.forget()
    assert known.of("anna") == pair("anna")


def test_proof_is_remembered_by_the_next_book(scratch: Scratch) -> None:
    time = FakeTime()
    with scratch.database.write() as transaction:
        book(time).prove(transaction, pair("anna"), now=1)
    with scratch.database.read() as transaction:
        assert book(time).is_proven(transaction, pair("anna"))
        assert not book(time).is_proven(transaction, pair("bert"))


def test_proof_that_was_not_committed_is_forgotten(scratch: Scratch) -> None:
    known = book(FakeTime())
    before = known.checkpoint()
    with suppress(ZeroDivisionError), scratch.database.write() as transaction:
        known.prove(transaction, pair("anna"), now=1)
        raise ZeroDivisionError
    known.restore(before)
    with scratch.database.read() as transaction:
        assert not known.is_proven(transaction, pair("anna"))


def test_pair_that_served_longest_ago_is_forgotten_first(scratch: Scratch) -> None:
    """A team signs in every hour for years: what is remembered of that is bounded."""
    day_ms = 86_400_000
    with scratch.database.write() as transaction:
        for number in range(MOST_PROVEN):
            book(FakeTime()).prove(transaction, pair(str(number)), now=day_ms + number)
        # The oldest serves again on another day: it is no longer the one to go.
        book(FakeTime()).prove(transaction, pair("0"), now=3 * day_ms)
        book(FakeTime()).prove(transaction, pair("new"), now=3 * day_ms)
        marks = control.get_all(transaction, PROVEN)
    assert len(marks) == MOST_PROVEN
    assert pair("0").fingerprint() in marks
    assert pair("1").fingerprint() not in marks


def forbidding(*companies: int) -> FakeServer:
    """A server that takes everything but what is about these companies."""

    def answer(request: ApiRequest, tokens: Tokens) -> Exchange:
        refused = any(concerns(request, company) for company in companies)
        return said(403, NOT_YOURS) if refused else server.created()

    server = FakeServer(answer)
    return server


def concerns(request: ApiRequest, company: int) -> bool:
    return bool(json.loads(request.body)["companyId"] == company)


def test_first_403s_with_unproven_tokens_hold_the_owner(tmp_path: Path) -> None:
    """P6: nobody knows yet whether it is about the tokens, so nothing is refused for good."""
    rig = FakeRig(tmp_path / "outbox", forbidding(1, 2), FakeTime())
    rig.capture_many(2)
    rig.sync()
    assert rig.counts() == {"pending": 2}
    assert rig.control(HELD)["reason"] == "auth_required"
    assert set(rig.column("attempts")) == {0}
    rig.close()


def test_403_with_proven_tokens_refuses_its_entry_alone_also_after_a_restart(tmp_path: Path) -> None:
    """P5: these tokens served an hour ago; what is refused now is this entry."""
    rig = FakeRig(tmp_path / "outbox", forbidding(2), FakeTime())
    rig.capture(1)
    rig.sync()
    rig.restart()
    rig.capture_many(2, first=2)
    rig.sync()
    assert rig.states() == ["done", "dead", "done"]
    assert rig.control(HELD) is None
    rig.close()


def test_403_of_a_pair_that_proved_itself_meanwhile_is_read_again(tmp_path: Path) -> None:
    """P5: two entries were on the wire with new tokens; one was taken before the other was refused."""

    def answer(request: ApiRequest, tokens: Tokens) -> Exchange:
        if concerns(request, 1):
            eventually(lambda: rig.states()[1] == "done", within_s=10)
            return said(403, NOT_YOURS)
        return server.created()

    server = FakeServer(answer)
    rig = FakeRig(tmp_path / "outbox", server, FakeTime(), width=2)
    rig.capture_many(2)
    with rig.database.write() as transaction:
        unsigned(transaction)
    rig.sync()
    assert rig.states() == ["dead", "done"]
    assert rig.control(HELD) is None
    assert [outcome for _, outcome, _ in rig.outcomes(rig.entries()[0]["id"])] == ["AuthRequired", "Rejected"]
    rig.close()
