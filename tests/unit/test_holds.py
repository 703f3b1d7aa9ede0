"""Who is held back when a sign-in is refused, for how long, and who asks whether it is good again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.readiness import PAUSED_OWNER as HELD
from sync.credentials import Tokens
from sync.exchange import Exchange, Failure, FailureKind
from sync.holds import ALONE
from sync.secret import Secret
from sync.transport import ApiRequest
from tests.support.rig import FakeRig, FakeServer, FakeTime, said, unsigned

REFUSED = said(401, {"message": "The incoming token has expired"})
NOT_YOURS = said(403, {"message": "site 3 is not yours"})
NO_LINK = Failure(FailureKind.CONNECT, fully_written=False, detail="")
Make = Callable[..., FakeRig]


def company(request: ApiRequest) -> int:
    return int(json.loads(request.body)["companyId"])


class Watched:
    """A server that keeps the order in which companies were asked for, and refuses as told."""

    def __init__(self, **answers: Exchange) -> None:
        self.asked: list[int] = []
        self.answers = {int(name.removeprefix("c")): answer for name, answer in answers.items()}
        self.server = FakeServer(self._answer)

    def _answer(self, request: ApiRequest, tokens: Tokens) -> Exchange:
        self.asked.append(company(request))
        return self.answers.get(company(request)) or self.server.created()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[FakeRig] = []

    def build(watched: Watched, **more: object) -> FakeRig:
        made.append(FakeRig(tmp_path / f"outbox-{len(made)}", watched.server, FakeTime(), **more))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for rig in made:
        rig.close()


def later(rig: FakeRig, minutes: float) -> None:
    rig.time.passes(60 * minutes)
    rig.sync(looked=False)


def test_another_entry_is_the_probe_of_a_held_owner(make: Make) -> None:
    """P5: two entries are refused for what they are; the third shows in five minutes that the sign-in is good."""
    watched = Watched(c1=NOT_YOURS, c2=NOT_YOURS)
    rig = make(watched)
    rig.capture_many(3)
    rig.sync()
    assert (watched.asked, rig.counts()) == ([1, 2], {"pending": 3})
    later(rig, 5)
    assert watched.asked[:3] == [1, 2, 3]
    assert rig.states() == ["dead", "dead", "done"]


def test_probes_go_round_until_one_is_taken(make: Make) -> None:
    """P5: three bad entries in front; the fourth is reached, however long the waits are."""
    watched = Watched(c1=NOT_YOURS, c2=NOT_YOURS, c3=NOT_YOURS)
    rig = make(watched)
    rig.capture_many(4)
    rig.sync()
    for minutes in (5, 15, 60):
        later(rig, minutes)
    assert watched.asked[:4] == [1, 2, 3, 4]
    assert rig.states() == ["dead", "dead", "dead", "done"]


def test_probe_of_the_only_entry_is_that_entry(make: Make) -> None:
    watched = Watched(c1=REFUSED)
    rig = make(watched)
    rig.capture(1)
    rig.sync()
    later(rig, 5)
    assert watched.asked == [1, 1]
    del watched.answers[1]
    later(rig, 15)
    assert rig.states() == ["done"]


@pytest.mark.parametrize("width", [1, 4])
def test_one_entry_alone_is_the_probe(make: Make, width: int) -> None:
    """P10: a server whose sign-in is down is asked by one entry, not by as many as there are workers."""
    watched = Watched(**{f"c{number}": REFUSED for number in range(1, 9)})
    rig = make(watched, width=width)
    rig.capture_many(8)
    with rig.database.write() as transaction:
        unsigned(transaction)
    rig.sync()
    met = len(watched.asked)
    assert met <= width
    later(rig, 5)
    assert len(watched.asked) == met + 1
    later(rig, 1)
    assert len(watched.asked) == met + 1


def test_entry_that_is_always_refused_waits_alone_once_others_are_taken(make: Make) -> None:
    """P5: one site asks for another right and says 401; with the same sign-in everything else goes."""
    watched = Watched(c1=REFUSED)
    rig = make(watched)
    rig.capture_many(3)
    rig.sync()
    later(rig, 5)
    assert rig.states() == ["pending", "done", "done"]
    assert rig.entries()[0]["reason"] == ALONE
    assert rig.control(HELD) is None
    rig.capture_many(2, first=4)
    rig.sync()
    assert rig.states() == ["pending", "done", "done", "done", "done"]
    assert watched.asked.count(1) == 2, "it waits by itself"
    later(rig, 5)
    assert watched.asked.count(1) == 3
    assert set(rig.column("attempts")) == {0}


def test_new_tokens_end_the_wait_of_an_entry_that_was_refused_alone(make: Make) -> None:
    names = ["old"]
    watched = Watched(c1=REFUSED)
    rig = make(watched, tokens_for=lambda _: Tokens(Secret(f"bearer {names[-1]}"), Secret("session")))
    rig.capture_many(2)
    rig.sync()
    later(rig, 5)
    assert rig.states() == ["pending", "done"]
    names.append("new")
    del watched.answers[1]
    rig.sync()
    assert rig.states() == ["done", "done"]


@pytest.mark.parametrize("answer", [NO_LINK, said(502)], ids=["no link", "gateway"])
def test_probe_without_an_answer_about_the_tokens_proves_nothing_of_an_entry(
    make: Make, answer: Exchange
) -> None:
    """P6: the probe met a dead link or a sick gateway; whoever was refused before has shown nothing about itself."""
    watched = Watched(c1=REFUSED, c2=answer)
    rig = make(watched)
    rig.capture_many(2)
    rig.sync()
    later(rig, 5)
    assert watched.asked == [1, 2]
    assert rig.entries()[0]["reason"] == "auth_required"
    assert set(rig.column("attempts")[:1]) == {0}
    if isinstance(answer, Failure):
        assert rig.control(HELD) is not None


def test_refusal_of_a_pair_that_is_no_longer_used_holds_nobody(make: Make) -> None:
    """P6: the token file was renewed while the answer was on its way; the new pair is not judged by the old."""
    names = ["old"]

    def tokens(owner: str | None) -> Tokens:
        return Tokens(Secret(f"bearer {names[-1]}"), Secret("session"), owner)

    watched = Watched()
    rig = make(watched, tokens_for=tokens)

    def answer(request: ApiRequest, sent: Tokens) -> Exchange:
        if sent.bearer.reveal() == "bearer old":
            names.append("new")
            rig.time.passes(2)
            return REFUSED
        return watched.server.created()

    watched.server.on_send = answer
    rig.capture_many(2)
    rig.sync()
    assert rig.states() == ["done", "done"]
    assert set(rig.column("attempts")) == {0}


def test_new_tokens_are_seen_in_the_middle_of_a_long_pass(make: Make) -> None:
    """P6: a colleague's long queue is being sent; who signs in meanwhile does not wait for its end."""
    known: dict[str | None, Tokens] = {None: Tokens(Secret("bearer"), Secret("session"))}
    watched = Watched()
    rig = make(watched, tokens_for=known.get)

    def answer(request: ApiRequest, sent: Tokens) -> Exchange:
        watched.asked.append(company(request))
        if company(request) == 4:
            known["anna"] = Tokens(Secret("bearer of anna"), Secret("session"), "anna")
        rig.time.passes(2)
        return watched.server.created()

    watched.server.on_send = answer
    rig.capture(1, owner="anna")
    rig.capture_many(6, first=2)
    rig.sync()
    assert watched.asked == [2, 3, 4, 1, 5, 6, 7]


def test_order_of_a_person_has_each_held_owner_tried_once_now(make: Make) -> None:
    watched = Watched(c1=REFUSED, c2=REFUSED)
    rig = make(watched)
    rig.capture_many(2)
    rig.sync()
    rig.sync(forced=True)
    assert watched.asked == [1, 2]


def test_probe_that_a_clock_jump_made_absurd_comes_within_the_hour(make: Make) -> None:
    """P9: the clock ran three years ahead when the sign-in failed, and was then put right."""
    watched = Watched(c1=REFUSED)
    rig = make(watched)
    rig.capture(1)
    rig.time.jumps(days=1000)
    rig.sync()
    rig.time.jumps(days=-1000)
    rig.sync()
    assert watched.asked == [1]
    later(rig, 61)
    assert watched.asked == [1, 1]
