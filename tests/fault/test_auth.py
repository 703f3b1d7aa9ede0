"""P6: trouble with the sign-in costs no entry an attempt, holds only those whose tokens failed, and ends by itself."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.readiness import PAUSED_OWNER as HELD
from sync import app
from sync.credentials import Tokens
from sync.exchange import Exchange
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.options import Options, TokenPair
from sync.sandbox.server import Sandbox
from sync.secret import Secret
from sync.transport import ApiRequest
from tests.support.device import Device
from tests.support.polling import eventually
from tests.support.rig import (
    FakeRig,
    FakeServer,
    FakeTime,
    SandboxRig,
    assert_delivered_once,
    said,
    sandboxed,
    unsigned,
)

REFUSALS = [
    pytest.param(faults.unauthorized("unplanned", times=None), id="401"),
    pytest.param(faults.forbidden("unplanned", times=None), id="403"),
]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[SandboxRig]:
    with sandboxed(tmp_path) as rig:
        yield rig


def jwt(**claims: Any) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode()
        for each in ({"alg": "none"}, claims)
    ]
    return ".".join([*parts, "c2lnbmF0dXJl"])


@pytest.mark.parametrize("refusal", REFUSALS)
def test_attempts_stay_unspent_while_the_sign_in_is_refused(device: SandboxRig, refusal: Fault) -> None:
    """P6: the identity provider is down for two days; no entry pays for it, and all go when it is back."""
    number = device.sandbox.faults.add(refusal)
    ids = device.capture_many(5)
    for _ in range(12):
        report = device.sync(looked=False, spread=True)
        device.time.passes(4 * 3600)
    assert report.stopped_by == "auth_required"
    assert device.counts() == {"pending": 5}
    assert set(device.column("attempts")) == {0}
    assert set(device.column("first_attempt_at")) == {None}
    device.sandbox.faults.remove(number)
    device.passes_until(lambda: device.counts() == {"done": 5}, every_s=600)
    assert_delivered_once(device.sandbox, ids)


def test_refused_tokens_are_probed_after_5_15_and_60_minutes(device: SandboxRig) -> None:
    """P6: one entry asks whether the same tokens are good again, and ever more rarely."""
    device.sandbox.faults.add(faults.unauthorized("unplanned", times=None))
    device.capture_many(5)
    asked_at = []
    for minute in range(0, 145, 5):
        before = len(device.posts())
        device.sync(looked=False, spread=True)
        asked_at += [minute] * (len(device.posts()) - before)
        device.time.passes(300)
    assert asked_at == [0, 5, 20, 80, 140]


def test_uploads_go_on_while_the_sign_in_is_refused(device: SandboxRig) -> None:
    """P4: a URL in hand spoils, and needs no token of ours."""
    device.sandbox.offline("store")
    ids = device.capture_many(2)
    device.sync()
    assert device.states() == ["accepted", "pending"]
    device.sandbox.faults.add(faults.unauthorized("unplanned", times=None))
    device.sandbox.online("store")
    device.sync()
    assert device.states() == ["done", "pending"]
    assert device.control(HELD) is not None
    assert device.entry(ids[1])["attempts"] == 0


def of_owner(owner: str | None) -> Tokens:
    return Tokens(Secret(f"bearer of {owner}"), Secret("session"), owner)


@pytest.mark.parametrize("width", [1, 4])
def test_only_the_owner_whose_tokens_failed_is_held(tmp_path: Path, width: int) -> None:
    """P6: on a shared tablet Anna's session has ended; Bert's entries go on, behind and between hers."""

    def answer(request: ApiRequest, tokens: Tokens) -> Exchange:
        if "anna" in tokens.bearer.reveal():
            return said(401, {"message": "The incoming token has expired"})
        return server.created()

    server = FakeServer(answer)
    rig = FakeRig(tmp_path / "outbox", server, FakeTime(), width=width, tokens_for=of_owner)
    for seed, owner in enumerate(["anna", "bert", "anna", "bert", None], 1):
        rig.capture(seed, owner=owner)
    rig.sync()
    rig.sync()
    assert rig.states() == ["pending", "done", "pending", "done", "done"]
    assert rig.control(HELD + "anna")["reason"] == "auth_required"
    assert rig.control(HELD + "bert") is None
    assert set(rig.column("attempts")) == {0}
    rig.close()


@pytest.mark.parametrize("width", [1, 4])
def test_one_pass_reaches_past_an_owner_without_tokens(tmp_path: Path, width: int) -> None:
    """P5: ten entries of somebody who never signed in here stand in front of one that could go now."""
    server = FakeServer()
    rig = FakeRig(
        tmp_path / "outbox",
        server,
        FakeTime(),
        width=width,
        tokens_for=lambda owner: None if owner == "anna" else of_owner(owner),
    )
    rig.capture_many(10, owner="anna")
    rig.capture(11, owner="bert")
    rig.sync()
    assert rig.counts() == {"pending": 10, "done": 1}
    assert len(server.sent) == 1
    rig.close()


def test_several_workers_that_meet_one_refusal_hold_the_owner_once(tmp_path: Path) -> None:
    """P6: four requests were on the wire when the session ended; the next look is in five minutes, not in an hour."""
    server = FakeServer()
    time = FakeTime()
    rig = FakeRig(tmp_path / "outbox", server, time, width=4)
    rig.capture_many(1)
    rig.sync()
    with rig.database.write() as transaction:
        # The upload host has proved itself within this pass as far as the gate knows: all four may go at once.
        unsigned(transaction)
        transaction.cursor.execute("UPDATE entry SET state = 'done'")
    rig.capture_many(8, first=2)
    with rig.database.write() as transaction:
        unsigned(transaction)
    server.on_send = lambda request, tokens: said(401, {"message": "Unauthorized"})
    rig.sync()
    assert rig.counts() == {"done": 1, "pending": 8}
    hold = rig.control(HELD)
    assert hold["failures"] == 1
    assert hold["probe_at"] <= int((time.wall + timedelta(minutes=5)).timestamp() * 1000)
    rig.close()


def test_changed_token_file_lets_the_queue_go_on_by_itself(tmp_path: Path) -> None:
    """P6: the agent that renews the sign-in writes two files; nobody tells the worker."""
    bearer, session = tmp_path / "bearer", tmp_path / "session"

    def write(pair: TokenPair) -> None:
        bearer.write_text(pair.bearer)
        session.write_text(pair.session)

    write(TokenPair("opaque-old", "opaque-old-session"))
    with sandboxed(
        tmp_path,
        options=Options(strict_tokens=True),
        api__token=None,
        api__session_token=None,
        api__token_file=str(bearer),
        api__session_token_file=str(session),
    ) as device:
        ids = device.capture_many(3)
        assert device.sync().stopped_by == "auth_required"
        device.time.passes(30)
        device.sync()
        assert len(device.posts()) == 1, "the same tokens are not tried again before their time"
        write(device.sandbox.state.rotate_tokens())
        device.sync(looked=False)
        assert_delivered_once(device.sandbox, ids)
        assert device.control(HELD) is None


def knows_the_time(device: SandboxRig) -> None:
    """Two entries are delivered, and with them two answers that agree about the server's clock."""
    for seed in (1, 2):
        device.capture(seed)
        device.sync()
        device.time.passes(2)


def in_an_hour(time: FakeTime) -> str:
    return jwt(userId="9", exp=int((time.wall + timedelta(hours=1)).timestamp()))


@pytest.mark.parametrize("which", ["token", "session_token"])
def test_expired_token_is_not_even_tried(tmp_path: Path, which: str) -> None:
    """P6: the token says itself that it is over; asking the server would tell nothing new."""
    pair = {"token": "opaque-bearer", "session_token": "opaque-session", which: in_an_hour(FakeTime())}
    with sandboxed(tmp_path, **{f"api__{name}": token for name, token in pair.items()}) as device:
        knows_the_time(device)
        device.time.passes(3600)
        device.capture_many(3, first=3)
        before = len(device.posts())
        for _ in range(10):
            assert device.sync(looked=False).stopped_by == "auth_required"
            device.time.passes(3600)
        assert len(device.posts()) == before
        assert device.counts() == {"done": 2, "pending": 3}
        assert set(device.column("attempts")) == {0}


def test_token_that_only_this_clock_calls_expired_is_probed_until_the_time_is_sure(tmp_path: Path) -> None:
    """P6: a new tablet, old tokens: nothing is sent at once, two probes learn what time it is, and no more."""
    expired = jwt(userId="9", exp=1_700_000_000)
    options = Options(strict_tokens=True)
    with sandboxed(tmp_path, options=options, api__session_token=expired) as device:
        device.capture_many(3)
        asked = []
        for hour in range(10):
            assert device.sync(looked=False).stopped_by == "auth_required"
            asked.append(len(device.posts()))
            device.time.passes(3600 if hour else 200)
        assert asked[:2] == [0, 0], "not before the first probe is due"
        assert asked[-1] == 2
        assert set(device.column("attempts")) == {0}


@pytest.mark.parametrize("years", [-5, 10])
def test_device_clock_that_is_years_off_expires_no_good_token(tmp_path: Path, years: int) -> None:
    """P6, P9: a tablet with an empty battery thinks it is another decade; its sign-in is an hour old and good."""
    true_time = FakeTime()
    with sandboxed(tmp_path, api__session_token=in_an_hour(true_time)) as device:
        # The server keeps the true time; the device alone is somewhere else.
        device.sandbox.state.set_options({"clock_offset_s": -years * 365 * 86_400.0})
        device.time.jumps(days=years * 365)
        device.capture_many(3)
        device.passes_until(lambda: device.counts() == {"done": 3}, every_s=300, most=4)


def test_clock_that_jumps_after_the_time_was_known_expires_no_good_token(tmp_path: Path) -> None:
    """P6, P9: the battery dies after a good morning; what time it is was counted on by the other clock."""
    with sandboxed(tmp_path, api__session_token=in_an_hour(FakeTime())) as device:
        knows_the_time(device)
        device.time.jumps(days=3650)
        device.sandbox.state.set_options({"clock_offset_s": -3650 * 86_400.0})
        device.capture_many(2, first=3)
        device.sync()
        assert device.counts() == {"done": 4}


def test_token_that_ends_is_no_trouble_before_it_does(tmp_path: Path) -> None:
    """P6: an hour of sign-in is an hour of deliveries."""
    time = FakeTime()
    ends = int((time.wall + timedelta(hours=1)).timestamp())
    with sandboxed(tmp_path, api__session_token=jwt(userId="9", exp=ends)) as device:
        first = device.capture_many(2)
        device.sync()
        assert_delivered_once(device.sandbox, first)
        device.time.passes(3600)
        device.capture_many(2, first=3)
        assert device.sync().stopped_by == "auth_required"
        assert device.counters["posts"] == 2


def test_refusal_that_is_not_about_the_sign_in_concerns_its_entry_alone(device: SandboxRig) -> None:
    """P5: proven tokens and a 403 about the site: that entry is refused, nobody is held."""
    refused = faults.answer("unplanned", 403, message="site 3 is not yours", when={"companyId": 2})
    device.sandbox.faults.add(refused)
    device.capture_many(4)
    device.sync()
    assert device.states() == ["done", "dead", "done", "done"]
    assert device.control(HELD) is None


def test_waiting_for_a_sign_in_is_told_by_exit_4_and_captures_still_work(tmp_path: Path) -> None:
    """P1: a new tablet without any sign-in keeps what is captured, and says what it needs."""
    with Sandbox() as sandbox:
        device = Device(tmp_path, sandbox)
        del device.environment["FIELDSYNC_API__TOKEN"], device.environment["FIELDSYNC_API__SESSION_TOKEN"]
        device.capture_many(1)
        device.capture(2)
        summary = device.json("sync", expect=(4,))
        assert (summary["waiting"], summary["stopped_by"]) == (2, "auth_required")
        assert sandbox.state.journal.requests() == []


def test_running_worker_goes_on_after_auth_set(tmp_path: Path) -> None:
    """P6: the technician signs in again on the command line; the worker that was held sends at once."""
    with Sandbox(options=Options(strict_tokens=True)) as sandbox:
        device = Device(tmp_path, sandbox, SYNC__INTERVAL_S=600)
        ends = int((FakeTime().wall + timedelta(hours=1)).timestamp())
        device.environment["FIELDSYNC_API__SESSION_TOKEN"] = jwt(userId="9", exp=ends)
        ids = device.capture_many(2)
        worker = device.start("run")
        try:
            eventually(lambda: sandbox.state.journal.counters()["posts"] == 1)
            pair = sandbox.state.rotate_tokens()
            del device.environment["FIELDSYNC_API__TOKEN"], device.environment["FIELDSYNC_API__SESSION_TOKEN"]
            signed_in = device.run("auth", "set", stdin=f"{pair.bearer}\n{pair.session}\n")
            assert signed_in.returncode == 0, signed_in.stderr
            eventually(lambda: sandbox.state.journal.counters()["uploads"] == 2)
        finally:
            worker.kill()
            worker.communicate()
        assert_delivered_once(sandbox, ids)


def test_owner_of_a_capture_is_served_by_its_own_pair_only(tmp_path: Path) -> None:
    """P6: a colleague's good sign-in is no reason to send somebody's work under the wrong name."""
    with sandboxed(tmp_path, api__owner="anna", api__session_token="opaque-session") as device:
        device.capture(1, owner="bert")
        device.capture(2, owner="anna")
        device.sync()
        device.sync()
        assert device.states() == ["pending", "done"]
        tokens = app.credentials(device.settings)
        tokens.store("bert", Secret("bearer-of-bert"), Secret("session-of-bert"))
        device.sync()
        assert device.states() == ["done", "done"]
