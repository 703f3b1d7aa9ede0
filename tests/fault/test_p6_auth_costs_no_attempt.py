"""P6: trouble with the sign-in costs no entry an attempt; it pauses one owner, and ends without a restart."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from storage.readiness import PAUSED_OWNER as HELD
from sync import auth_command, commands
from sync.auth_command import CommandFailed
from sync.credentials import Credentials, Tokens, TokenSource
from sync.exchange import Exchange
from sync.renewals import Renewals
from sync.sandbox import faults
from sync.sandbox.options import Options
from sync.sandbox.server import Sandbox
from sync.secret import Secret
from sync.transport import ApiRequest
from tests.support.device import Device
from tests.support.polling import eventually
from tests.support.rig import (
    FakeRig,
    FakeServer,
    FakeTime,
    assert_delivered_once,
    said,
    sandboxed,
)

REFUSED = said(401, {"message": "The incoming token has expired"})
MINUTE_S = 60.0


class Provider:
    """Signs owners in: the server takes only the newest pair of each. As a command it prints that pair."""

    def __init__(self, folder: Path) -> None:
        self.credentials = Credentials(
            bearer=TokenSource(), session=TokenSource(), folder=folder / "tokens", default_owner=None
        )
        self.newest: dict[str, str] = {}
        self.asked: list[str | None] = []
        self.on_ask: Callable[[str | None], None] = lambda owner: None
        self.posts: list[str] = []
        self.server = FakeServer(self._answer)

    def sign_in(self, owner: str, name: str) -> None:
        self.newest[owner] = name
        self.credentials.store(owner, *pair(name))

    def revoke(self, owner: str, newest: str) -> None:
        self.newest[owner] = newest

    def _answer(self, request: ApiRequest, tokens: Tokens) -> Exchange:
        self.posts.append(tokens.owner or "")
        good = tokens.bearer.reveal() == pair(self.newest.get(tokens.owner or "", "none"))[0].reveal()
        return self.server.created() if good else REFUSED

    def run(self, owner: str | None, stop: Event) -> tuple[Secret, Secret]:
        self.asked.append(owner)
        self.on_ask(owner)
        return pair(self.newest[owner or ""])


def pair(name: str) -> tuple[Secret, Secret]:
    return Secret(f"bearer-of-{name}"), Secret(f"session-of-{name}")


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


Make = Callable[..., FakeRig]


@pytest.fixture
def make(tmp_path: Path, provider: Provider) -> Iterator[Make]:
    """Makes a device that signs in at the provider; `command`: by itself."""
    made: list[FakeRig] = []

    def build(*, command: bool = False, **more: Any) -> FakeRig:
        renewals = Renewals(provider, provider.credentials.renew) if command else None
        rig = FakeRig(
            tmp_path / f"outbox-{len(made)}",
            provider.server,
            FakeTime(),
            tokens_for=provider.credentials.for_owner,
            renewals=renewals,
            **more,
        )
        made.append(rig)
        return rig

    yield build
    for rig in made:
        rig.close()


def passes(rig: FakeRig, minutes: int, *, every_s: float = MINUTE_S) -> None:
    """What the worker does in this time."""
    for _ in range(int(minutes * 60 / every_s)):
        rig.time.passes(every_s)
        rig.sync(looked=False, spread=True)


# An hour of 401.


@pytest.mark.parametrize("width", [1, 4])
def test_p6_hour_of_401_costs_no_attempt_and_ends_with_new_tokens(
    make: Make, provider: Provider, width: int
) -> None:
    """The session ends at lunch, the technician signs in again an hour later; the worker was never restarted."""
    provider.sign_in("anna", "one")
    rig = make(width=width)
    rig.capture(1, owner="anna")
    rig.sync()
    provider.revoke("anna", "two")
    rig.capture_many(20, first=2, owner="anna")
    passes(rig, 60)
    assert rig.counts() == {"done": 1, "pending": 20}
    assert set(rig.column("attempts")) == {0}
    assert set(rig.column("first_attempt_at")) == {None}
    assert len(provider.posts) <= 1 + width + 2, "two probes in an hour"
    provider.sign_in("anna", "two")
    rig.time.passes(15)
    rig.sync(looked=False, spread=True)
    assert rig.counts() == {"done": 21}
    assert set(rig.column("attempts")) == {0}


def test_p6_hour_of_401_on_the_wire_and_a_token_file_that_changes(tmp_path: Path) -> None:
    """The same over real connections: an agent writes the new pair into two files, and nobody tells the worker."""
    bearer, session = tmp_path / "bearer", tmp_path / "session"
    bearer.write_text("old-bearer")
    session.write_text("old-session")
    with sandboxed(
        tmp_path,
        options=Options(strict_tokens=True),
        api__token=None,
        api__session_token=None,
        api__token_file=str(bearer),
        api__session_token_file=str(session),
    ) as device:
        ids = device.capture_many(5)
        for _ in range(60):
            device.sync(looked=False, spread=True)
            device.time.passes(MINUTE_S)
        assert device.counts() == {"pending": 5}
        assert set(device.column("attempts")) == {0}
        new = device.sandbox.state.rotate_tokens()
        bearer.write_text(new.bearer)
        session.write_text(new.session)
        device.sync(looked=False, spread=True)
        assert_delivered_once(device.sandbox, ids)
        assert set(device.column("attempts")) == {0}


def test_p6_edge_box_sends_for_a_team_in_one_pass(make: Make, provider: Provider) -> None:
    """Five technicians are signed in; each one's entries go out with their own pair, in one pass."""
    team = ("anna", "bert", "carl", "dora", "Zoé N")
    for owner in team:
        provider.sign_in(owner, owner.replace(" ", "-").replace("é", "e"))
    rig = make(width=4)
    for seed in range(20):
        rig.capture(1 + seed, owner=team[seed % 5])
    rig.sync()
    assert rig.counts() == {"done": 20}
    assert sorted(provider.posts) == sorted(team * 4)
    sent_as = {(each["owner"], rig.entry(each["id"])["history"][0]["sent_as"]) for each in rig.entries()}
    assert sent_as == {(owner, owner) for owner in team}


def test_p6_several_owners_are_paused_and_let_go_each_by_their_own_tokens(
    make: Make, provider: Provider
) -> None:
    """Two sessions end at once, a third never began; nobody else waits, and each comes back alone."""
    for owner in ("anna", "bert", "carl"):
        provider.sign_in(owner, owner)
    provider.revoke("anna", "anna-2")
    provider.revoke("bert", "bert-2")
    rig = make(width=2)
    for seed in range(12):
        rig.capture(1 + seed, owner=("anna", "bert", "carl", "dora")[seed % 4])
    rig.sync()
    assert delivered_by_owner(rig) == {"carl": 3}
    provider.sign_in("bert", "bert-2")
    rig.sync()
    assert delivered_by_owner(rig) == {"bert": 3, "carl": 3}
    provider.sign_in("dora", "dora")
    provider.sign_in("anna", "anna-2")
    rig.sync()
    assert delivered_by_owner(rig) == {"anna": 3, "bert": 3, "carl": 3, "dora": 3}
    assert set(rig.column("attempts")) == {0}


def delivered_by_owner(rig: FakeRig) -> dict[str, int]:
    owners = [entry["owner"] for entry in rig.entries("done")]
    return {owner: owners.count(owner) for owner in sorted(set(owners))}


def test_p6_uploads_go_on_during_the_pause(tmp_path: Path) -> None:
    """A URL in hand spoils in a quarter of an hour, and needs no token of ours."""
    with sandboxed(tmp_path) as device:
        device.sandbox.offline("store")
        device.capture_many(3)
        device.sync()
        assert device.states() == ["accepted", "pending", "pending"]
        device.sandbox.faults.add(faults.unauthorized("unplanned", times=None))
        device.sandbox.online("store")
        device.sync()
        assert device.states() == ["done", "pending", "pending"]
        assert device.control(HELD) is not None
        assert set(device.column("attempts")) == {0}


# The sign-in command.


def test_p6_command_renews_the_sign_in_within_the_pass(make: Make, provider: Provider) -> None:
    """The session ended overnight: the first refusal has the command run, and everything goes in the same pass."""
    provider.sign_in("anna", "one")
    provider.revoke("anna", "two")
    rig = make(command=True)
    rig.capture_many(5, owner="anna")
    report = rig.sync()
    assert provider.asked == ["anna"]
    assert (rig.counts(), report.stopped_by) == ({"done": 5}, None)
    assert set(rig.column("attempts")) == {0}
    assert rig.control(HELD + "anna") is None


def test_p6_command_signs_in_who_never_was(make: Make, provider: Provider) -> None:
    provider.revoke("anna", "one")
    rig = make(command=True)
    rig.capture_many(2, owner="anna")
    rig.sync()
    assert (provider.asked, rig.counts()) == (["anna"], {"done": 2})


def test_p6_command_is_run_once_for_each_pause(make: Make, provider: Provider) -> None:
    """The provider is down for two hours: it is asked at once and with the probes after 5, 15 and 60 minutes."""
    provider.sign_in("anna", "one")
    provider.revoke("anna", "two")

    def down(owner: str | None) -> None:
        raise CommandFailed(auth_command.FAILED, "no route to the identity provider")

    provider.on_ask = down
    rig = make(command=True)
    rig.capture_many(5, owner="anna")
    asked_at = []
    for minute in range(120):
        before = len(provider.asked)
        rig.sync(looked=False, spread=True)
        asked_at += [minute] * (len(provider.asked) - before)
        rig.time.passes(MINUTE_S)
    assert asked_at == [0, 5, 20, 80]
    assert set(rig.column("attempts")) == {0}
    hold = rig.control(HELD + "anna")
    assert hold["command"] == {"reason": auth_command.FAILED, "said": "no route to the identity provider"}
    provider.on_ask = lambda owner: None
    passes(rig, 61)
    assert rig.counts() == {"done": 5}
    # A later end of the session is a new pause, and the command is run at once.
    provider.revoke("anna", "three")
    rig.capture(9, owner="anna")
    before = len(provider.asked)
    rig.sync()
    assert (len(provider.asked) - before, rig.counts()) == (1, {"done": 6})


@pytest.mark.parametrize("tokens", ["same", "new"])
def test_p6_tokens_of_the_command_that_are_refused_do_not_make_it_run_in_circles(
    make: Make, provider: Provider, tokens: str
) -> None:
    """The account is locked: whatever the provider prints is refused, and it is not asked four times a second."""
    provider.sign_in("anna", "one")
    provider.revoke("anna", "never")
    printed = iter(range(100))
    rig = make(command=True)
    store = provider.credentials.renew

    def run(owner: str | None, stop: Event) -> tuple[Secret, Secret]:
        provider.asked.append(owner)
        return pair("one" if tokens == "same" else f"printed-{next(printed)}")

    provider.run = run  # type: ignore[method-assign]
    rig.close()
    rig = make(command=True)
    assert store is not None
    rig.capture_many(5, owner="anna")
    passes(rig, 60)
    assert len(provider.asked) <= 3
    assert len(provider.posts) <= 8
    assert set(rig.column("attempts")) == {0}
    if tokens == "same":
        assert rig.control(HELD + "anna")["command"]["reason"] == "auth_command_unchanged"


def test_p6_command_is_not_run_while_the_queue_is_paused_or_nothing_is_due(
    make: Make, provider: Provider
) -> None:
    """A tablet in a drawer does not sign in every quarter of an hour for nothing."""
    provider.revoke("anna", "one")
    rig = make(command=True)
    passes(rig, 60)
    rig.capture(1, owner="anna")
    commands.pause(rig.database, None, rig.time.clock)
    passes(rig, 60)
    assert provider.asked == []
    commands.resume(rig.database, rig.time.clock)
    rig.sync()
    assert (provider.asked, rig.counts()) == (["anna"], {"done": 1})
    passes(rig, 600, every_s=600)
    assert provider.asked == ["anna"]


def test_p6_command_is_run_for_each_owner_who_needs_it(make: Make, provider: Provider) -> None:
    for owner in ("anna", "bert", "carl"):
        provider.sign_in(owner, owner)
    provider.revoke("anna", "anna-2")
    provider.revoke("carl", "carl-2")
    rig = make(command=True, width=2)
    for seed in range(9):
        rig.capture(1 + seed, owner=("anna", "bert", "carl")[seed % 3])
    rig.sync()
    assert sorted(provider.asked, key=str) == ["anna", "carl"]
    assert rig.counts() == {"done": 9}


def test_p6_other_owners_and_uploads_do_not_wait_for_the_command(make: Make, provider: Provider) -> None:
    """The provider takes its time; a colleague's entries and signatures go out meanwhile."""
    provider.revoke("anna", "one")
    provider.sign_in("bert", "bert")
    rig = make(command=True)
    let = Event()

    def slow(owner: str | None) -> None:
        assert let.wait(30)

    provider.on_ask = slow
    put = provider.server.on_put

    def stored(url: str, md5: str) -> Exchange:
        answer = put(url, md5)
        if len(provider.server.put_urls) == 3:
            let.set()  # only now; a pass that waited for the command would never come here
        return answer

    provider.server.on_put = stored
    rig.capture(1, owner="anna")
    rig.capture_many(3, first=2, owner="bert")
    rig.sync()
    assert rig.counts() == {"done": 4}
    assert provider.posts == ["bert", "bert", "bert", "anna"]


def test_p6_stop_does_not_wait_for_the_command(make: Make, provider: Provider) -> None:
    """SIGTERM while the provider hangs: the run is ended, and the pass with it."""
    provider.revoke("anna", "one")
    stopped = []

    def run(owner: str | None, stop: Event) -> tuple[Secret, Secret]:
        rig.drain.stop()
        stopped.append(stop.wait(30))
        raise CommandFailed(auth_command.STOPPED)

    provider.run = run  # type: ignore[method-assign]
    rig = make(command=True)
    rig.capture(1, owner="anna")
    rig.sync()
    assert stopped == [True]
    assert rig.counts() == {"pending": 1}


def test_p6_tokens_of_another_user_are_not_taken_from_the_command(make: Make, provider: Provider) -> None:
    """The command signed in the wrong person: nothing is sent under that name."""
    from tests.unit.test_credentials import jwt

    provider.credentials.store("anna", Secret(jwt(user=7)), Secret("session"))

    def run(owner: str | None, stop: Event) -> tuple[Secret, Secret]:
        return Secret(jwt(user=8)), Secret("session")

    provider.run = run  # type: ignore[method-assign]
    rig = make(command=True)
    rig.capture(1, owner="anna")
    rig.sync()
    assert provider.posts == ["anna"]
    assert rig.control(HELD + "anna")["command"]["reason"] == auth_command.REFUSED


def test_p6_configured_command_signs_in_over_the_wire(tmp_path: Path) -> None:
    """From the setting to the record: a real process prints the pair that the server takes."""
    printed = tmp_path / "answer.json"
    code = "import sys; print(open(sys.argv[1]).read()); open(sys.argv[1] + '.runs', 'a').write('x')"
    with sandboxed(
        tmp_path,
        options=Options(strict_tokens=True),
        api__token="opaque-old",
        api__session_token="opaque-old-session",
        auth__command=[sys.executable, "-c", code, str(printed)],
    ) as device:
        pair = device.sandbox.state.rotate_tokens()
        printed.write_text(json.dumps({"data": {"accessToken": pair.bearer, "sessionToken": pair.session}}))
        ids = device.capture_many(3)
        assert device.sync().stopped_by is None
        assert_delivered_once(device.sandbox, ids)
        assert (tmp_path / "answer.json.runs").read_text() == "x"
        stored = list((device.root / "tokens").iterdir())
        assert [path.name for path in stored] == ["default.json"]


# As a process.


def test_p6_running_worker_goes_on_with_a_secret_file_that_changes(tmp_path: Path) -> None:
    """An agent renews two files while `fieldsync run` is held: in an interval everything goes, without a restart."""
    with Sandbox(options=Options(strict_tokens=True)) as sandbox:
        device = Device(tmp_path, sandbox, SYNC__INTERVAL_S=2)
        for name in ("TOKEN", "SESSION_TOKEN"):
            (tmp_path / name).write_text("opaque-old-token-1")
            del device.environment[f"FIELDSYNC_API__{name}"]
            device.environment[f"FIELDSYNC_API__{name}_FILE"] = str(tmp_path / name)
        ids = device.capture_many(3)
        worker = device.start("run")
        try:
            eventually(lambda: device.json("status")["auth"][0]["state"] == "refused")
            assert sandbox.state.journal.counters()["posts"] == 1
            pair = sandbox.state.rotate_tokens()
            (tmp_path / "TOKEN").write_text(pair.bearer)
            (tmp_path / "SESSION_TOKEN").write_text(pair.session)
            eventually(lambda: sandbox.state.journal.counters()["uploads"] == 3)
            assert worker.poll() is None
        finally:
            worker.kill()
            worker.communicate()
        assert_delivered_once(sandbox, ids)
        assert {entry["attempts"] for entry in device.json("list")} == {0}


def test_p6_running_worker_leaves_in_time_though_the_command_hangs(tmp_path: Path) -> None:
    """SIGTERM while the identity provider says nothing: the worker and the command are both gone within seconds."""
    mark = tmp_path / "pid"
    hangs = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    with Sandbox(options=Options(strict_tokens=True)) as sandbox:
        argv = json.dumps([sys.executable, "-c", hangs, str(mark)])
        device = Device(tmp_path, sandbox, AUTH__COMMAND=argv, AUTH__COMMAND_TIMEOUT_S=500)
        device.environment["FIELDSYNC_API__TOKEN"] = "opaque-old-token-1"
        device.capture_many(1)
        worker = device.start("run")
        try:
            eventually(lambda: mark.exists() and mark.read_text() != "")
            worker.terminate()
            assert worker.wait(timeout=30) == 0
        finally:
            worker.kill()
            worker.communicate()
        eventually(lambda: not runs(int(mark.read_text())))


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not is_zombie(pid)


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").split()[2] == "Z"
    except FileNotFoundError:
        return False
