"""P9: the device's wall clock jumps while work waits: what is sent, in which order and after which wait, stays so.

Each story is told twice, with a clock that is right and with one that jumps; both must put the same on the wire at the
same time since the start.
"""

import json
import threading
import time as real_time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from storage import control
from sync.clock import Clock
from sync.clock_jump import present_offset_s
from sync.credentials import Tokens
from sync.exchange import Exchange, Failure, FailureKind, LeaseGone
from sync.policy import Limits
from sync.reconcile import Strategy
from sync.scheduler import Worker
from sync.transport import ApiRequest
from tests.support.polling import eventually
from tests.support.rig import FakeRig, FakeServer, FakeTime, Rig, said, stored, unsigned

NO_LINK = Failure(FailureKind.CONNECT, fully_written=False, detail="")
LOST = Failure(FailureKind.DISCONNECTED, fully_written=True, detail="")
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
JUMPS = [pytest.param({"days": 3}, id="+3d"), pytest.param({"days": -730}, id="-2y")]

Wire = list[tuple[float, str]]
"""What was put on the wire, and how many seconds after the start."""


class Story:
    """One device and what its server answers until when, by the time that really went by."""

    limits = Limits()
    captures = 3
    every_s = 60.0
    passes = 36
    jump_at = 2
    strategy = Strategy.HOLD

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.server = FakeServer(self.send, self.put)
        self.wire: Wire = []

    @property
    def elapsed_s(self) -> float:
        return self.time.mono_s - 5_000.0

    def send(self, request: ApiRequest, tokens: Tokens) -> Exchange:
        self.wire.append((self.elapsed_s, f"post {json.loads(request.body)['companyId']}"))
        return self.answer()

    def put(self, url: str, md5: str) -> Exchange:
        self.wire.append((self.elapsed_s, "put"))
        return self.storage(md5)

    def answer(self) -> Exchange:
        return self.server.created()

    def storage(self, md5: str) -> Exchange:
        return stored(md5)

    def look(self) -> bool:
        return True


class Backoff(Story):
    """The storage has trouble for eight minutes: each upload waits for itself, longer and longer."""

    def storage(self, md5: str) -> Exchange:
        return stored(md5) if self.elapsed_s > 480 else said(500)


class NamedWait(Story):
    """The server asks for ten minutes."""

    def answer(self) -> Exchange:
        return said(429, retry_after="600") if self.elapsed_s < 600 else self.server.created()


class NamedWaitOfTheStorage(Story):
    def storage(self, md5: str) -> Exchange:
        return stored(md5) if self.elapsed_s > 700 else said(503, retry_after="700")


class DeadLink(Story):
    """No way to the server for twenty minutes."""

    def answer(self) -> Exchange:
        return self.server.created() if self.elapsed_s > 1200 else NO_LINK

    def look(self) -> bool:
        return self.elapsed_s > 1200


class Portal(Story):
    """Something takes connections and is not the server: the gate is tried with an entry each time."""

    def answer(self) -> Exchange:
        return self.server.created() if self.elapsed_s > 900 else said(302)


class SignIn(Story):
    """The tokens are refused for ten minutes, then the same ones are good again."""

    def answer(self) -> Exchange:
        return self.server.created() if self.elapsed_s > 600 else said(401, {"message": "Unauthorized"})


class SettlingTime(Story):
    """Each first answer is lost; the entry is sent again after its settling time."""

    strategy = Strategy.RESEND
    every_s = 7.0
    jump_at = 4

    def answer(self) -> Exchange:
        seen = [what for _, what in self.wire]
        return LOST if seen.count(seen[-1]) == 1 else self.server.created()


class Budget(Story):
    """The storage has trouble for good: after seven days of tries, and not before, the entry is parked."""

    limits = Limits(backoff_base_s=3600, backoff_cap_s=7200, max_attempts=10_000)
    captures = 1
    every_s = 7200.0
    passes = 90
    jump_at = 60

    def storage(self, md5: str) -> Exchange:
        return said(500)


STORIES = [Backoff, NamedWait, NamedWaitOfTheStorage, DeadLink, Portal, SignIn, SettlingTime, Budget]


def tell(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Story],
    jumps: dict[str, float],
    *,
    restart: bool = False,
    within: bool = False,
) -> tuple[Wire, list[Any], Story]:
    """The story on a fresh device. The clock jumps between two passes, with a restart, or within an exchange."""
    time = FakeTime(START)
    story = kind(time)
    monkeypatch.setattr("sync.opening.look", lambda url: story.look())
    rig = FakeRig(root, story.server, time, strategy=story.strategy, limits=story.limits)
    rig.capture_many(story.captures)
    if within:
        _jump_in_first_exchange(story, jumps)
    for number in range(story.passes):
        if number == story.jump_at and not within:
            time.jumps(**jumps)
            if restart:
                rig.restart()
            rig.capture(story.captures + 1)
        elif number == story.jump_at:
            rig.capture(story.captures + 1)
        rig.sync(looked=False)
        time.passes(story.every_s)
    ends = [(each["state"], each["reason"], each["attempts"]) for each in rig.entries()]
    rig.close()
    return story.wire, ends, story


def _jump_in_first_exchange(story: Story, jumps: dict[str, float]) -> None:
    answer, waiting = story.answer, [jumps]

    def jumping() -> Exchange:
        if waiting:
            story.time.jumps(**waiting.pop())
        return answer()

    story.answer = jumping  # type: ignore[method-assign]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("kind", STORIES, ids=lambda kind: kind.__name__)
def test_p9_jump_while_waiting_changes_no_order_and_no_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Story], jump: dict[str, float]
) -> None:
    """The tablet takes the mast's time, or its battery was empty: nothing happens earlier, later or out of order."""
    right = tell(tmp_path / "right", monkeypatch, kind, {})
    wrong = tell(tmp_path / "wrong", monkeypatch, kind, jump)
    assert wrong[0] == right[0]
    assert wrong[1] == right[1]
    assert len(right[0]) > 1


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("kind", STORIES, ids=lambda kind: kind.__name__)
def test_p9_jump_while_the_program_was_not_running_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Story], jump: dict[str, float]
) -> None:
    """The program is restarted, and the clock was set in between; the device itself went on."""
    right = tell(tmp_path / "right", monkeypatch, kind, {}, restart=True)
    wrong = tell(tmp_path / "wrong", monkeypatch, kind, jump, restart=True)
    assert wrong[:2] == right[:2]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("kind", STORIES, ids=lambda kind: kind.__name__)
def test_p9_jump_in_the_middle_of_an_exchange_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Story], jump: dict[str, float]
) -> None:
    """The network that carries the request also sets the time, before the answer is there."""
    right = tell(tmp_path / "right", monkeypatch, kind, {}, within=True)
    wrong = tell(tmp_path / "wrong", monkeypatch, kind, jump, within=True)
    assert wrong[:2] == right[:2]


def test_p9_budget_of_seven_days_is_seven_days_that_went_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the fifth day the clock jumps by three: the entry keeps its remaining two, and not a day more."""
    monkeypatch.setattr(Budget, "passes", 83)
    ends = tell(tmp_path / "before", monkeypatch, Budget, {"days": 3})[1]
    assert ends[0][0] == "accepted", "six days and twenty-two hours"
    monkeypatch.setattr(Budget, "passes", 88)
    ends = tell(tmp_path / "after", monkeypatch, Budget, {"days": 3})[1]
    assert ends[0][:2] == ("parked", "attempts_exhausted")


def test_p9_jump_during_the_try_that_fails_uses_up_no_budget(tmp_path: Path) -> None:
    """The second try of an upload is under way when the clock jumps by eight days: its first was a minute ago."""
    time = FakeTime(START)
    server = FakeServer()
    tries = iter(({}, {"days": 8}))

    def put(url: str, md5: str) -> Exchange:
        time.jumps(**next(tries, {}))
        return said(500)

    server.on_put = put
    rig = FakeRig(tmp_path / "outbox", server, time)
    id = rig.capture(1)
    rig.sync()
    time.passes(60)
    rig.sync()
    assert (rig.entry(id)["state"], rig.entry(id)["attempts"]) == ("accepted", 2)
    rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_p9_lease_stands_through_a_jump(tmp_path: Path, jump: dict[str, float]) -> None:
    """The clock jumps between the claim and the first byte: nothing is sent twice, nothing is taken for lost."""
    time = FakeTime(START)
    server = FakeServer()
    waiting = [jump]
    plain = server.send

    def send(request: ApiRequest, tokens: Tokens, *, before_first_byte: Callable[[], None]) -> Exchange:
        if waiting:
            time.jumps(**waiting.pop())
        try:
            return plain(request, tokens, before_first_byte=before_first_byte)
        except LeaseGone:
            return Failure(FailureKind.LEASE_LOST, fully_written=False, detail="")

    server.send = send  # type: ignore[method-assign]
    rig = FakeRig(tmp_path / "outbox", server, time)
    rig.capture_many(3)
    rig.sync()
    assert rig.counts() == {"done": 3}
    assert [json.loads(each.body)["companyId"] for each in server.sent] == [1, 2, 3]
    assert {entry["attempts"] for entry in rig.entries()} == {0}
    rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_p9_stored_lease_moves_with_the_clock(tmp_path: Path, jump: dict[str, float]) -> None:
    """A row in a worker's hands stays in them for its two minutes, not for two years."""
    time = FakeTime(START)
    seen: list[float] = []
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, time, width=2)
    both = threading.Barrier(2)

    def send(request: ApiRequest, tokens: Tokens) -> Exchange:
        if both.wait(30) == 0:
            time.jumps(**jump)
        both.wait(30)
        if len(server.sent) == 2 and json.loads(request.body)["companyId"] == 1:
            # The other one's answer has been written down, and with it the clock was followed.
            eventually(lambda: rig.counts().get("done", 0) == 1, every_s=0.01)
            (until,) = rig.column("lease_expires_at")[:1]
            seen.append(until / 1000 - time.wall.timestamp())
        return server.created()

    server.on_send = send
    rig.capture_many(2)
    with rig.database.write() as transaction:
        unsigned(transaction)
    rig.sync()
    assert rig.counts() == {"done": 2}
    assert seen == [pytest.approx(120.0, abs=1)]
    rig.close()


def test_p9_captures_under_a_wrong_clock_keep_their_order(tmp_path: Path) -> None:
    """The clock goes back two years between two visits: the sequence is what counts, and the later one is marked."""
    time = FakeTime(START)
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, time)
    server.on_send = lambda request, tokens: server.created(
        headers={"date": "Mon, 02 Mar 2026 08:00:00 GMT"}, sent_at=time.wall, received_at=time.wall
    )
    rig.capture(1)
    rig.sync()
    assert rig.control("clock")["offset_s"] == pytest.approx(0.5)
    rig.capture(2)
    time.jumps(days=-730)
    with rig.database.read() as transaction:
        offset_s = present_offset_s(transaction, time.clock)
    assert offset_s == pytest.approx(730 * 86_400 + 0.5), "known before any answer has shown it"
    rig.capture(3, clock_offset_s=offset_s)
    rig.sync()
    assert [json.loads(each.body)["companyId"] for each in server.sent] == [1, 2, 3]
    assert [rig.entry(each["id"])["clock_suspect"] for each in rig.entries()] == [False, False, True]
    assert rig.control("clock")["offset_s"] == pytest.approx(730 * 86_400 + 0.5)
    rig.close()


class OtherClock:
    """The wall clock of one process, which can be set."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off

    def as_class(self) -> type[datetime]:
        """What stands in for `datetime` where the scheduler asks for the time."""
        clock = self

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + clock.off

        return Shifted


@pytest.fixture
def other_clock(monkeypatch: pytest.MonkeyPatch) -> OtherClock:
    clock = OtherClock()
    for module in ("apscheduler.schedulers.base", "sync.scheduler"):
        monkeypatch.setattr(f"{module}.datetime", clock.as_class())
    return clock


class RealTime(FakeTime):
    """Time goes by as it does; only the wall clock is `other`."""

    def __init__(self, other: OtherClock) -> None:
        super().__init__()
        self._own = Clock(now=other.now)

    @property
    def clock(self) -> Clock:
        return self._own


@pytest.fixture
def serve() -> Iterator[Callable[[Rig], None]]:
    """Starts a worker, and stops it after the test."""
    running: list[tuple[Worker, threading.Thread, Rig]] = []

    def start(rig: Rig) -> None:
        worker = Worker(rig.database, rig.drain, interval_s=600, settle_s=60, clock=rig.time.clock)
        thread = threading.Thread(target=worker.run)
        thread.start()
        running.append((worker, thread, rig))

    yield start
    for worker, thread, rig in running:
        worker.stop()
        thread.join(20)
        rig.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_p9_running_worker_keeps_its_waits_through_a_jump(
    tmp_path: Path,
    other_clock: OtherClock,
    serve: Callable[[Rig], None],
    jump: dict[str, float],
) -> None:
    """The worker sleeps until the end of a wait that the server named; its alarm clock is set back two years."""
    server = FakeServer()
    sent_s: list[float] = []

    def send(request: ApiRequest, tokens: Tokens) -> Exchange:
        sent_s.append(real_time.monotonic())
        return said(429, retry_after="4") if len(sent_s) == 1 else server.created()

    server.on_send = send
    rig = FakeRig(tmp_path / "outbox", server, RealTime(other_clock))
    rig.capture(1)
    serve(rig)
    eventually(lambda: (rig.control(control.REPORT) or {}).get("running") is False, within_s=30)
    other_clock.off += timedelta(**jump)
    eventually(lambda: rig.counts() == {"done": 1}, within_s=60)
    assert len(sent_s) == 2
    assert sent_s[1] - sent_s[0] >= 4.0
    beat = rig.control(control.WORKER)["beat_at"] / 1000
    assert abs(beat - other_clock.now().timestamp()) < 60, "and it shows itself alive by the new time"
