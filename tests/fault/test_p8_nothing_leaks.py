"""P8: tokens and signed addresses stay where they belong, on every way that a command can end.

Canaries are planted as tokens, in what servers answer, and in presigned URLs; then everything that was written is
searched: both streams at DEBUG, error documents, tracebacks, the database and its log.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.server import Sandbox
from tests.support.canaries import BEARER, SESSION, Canaries
from tests.support.command import Ended, run_here
from tests.support.device import Device

LEAK = f"Bearer {BEARER} / {SESSION} / https://b.s3.amazonaws.com/k?X-Amz-Signature={'5ec2e7' * 10}"


@dataclass
class Watched:
    """A device whose every word is searched for canaries as soon as it is said."""

    device: Device
    sandbox: Sandbox
    canaries: Canaries = field(default_factory=Canaries)

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        for level in ("--json", None):
            ended = run_here(self.device.environment, *arguments, *([level] if level else []), stdin=stdin)
            self.nothing_in(ended.out + ended.err)
        return ended

    def nothing_in(self, text: str | bytes) -> None:
        for entry in self.sandbox.state.journal.requests(server="store"):
            self.canaries.add_url(entry["target"])
        assert self.canaries.found_in(text) == [], text

    def nothing_stored(self, *, owed: bool = False) -> None:
        """A presigned URL is in the database only while an upload is owed."""
        tokens = self.canaries.secrets[:3]
        looked_for = Canaries(tokens) if owed else self.canaries
        assert looked_for.found_below(self.device.storage) == []


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def watched(tmp_path: Path, sandbox: Sandbox) -> Watched:
    device = Device(tmp_path, sandbox, LOG__LEVEL="DEBUG", API__TOKEN=BEARER, API__SESSION_TOKEN=SESSION)
    device.environment["FIELDSYNC_SYNC__IN_DOUBT"] = "hold"  # look-ups have a test of their own
    canaries = Canaries()
    canaries.secrets.append("5ec2e7" * 10)
    return Watched(device, sandbox, canaries)


def test_p8_canaries_are_found_where_they_are(tmp_path: Path) -> None:
    """Or everything below would prove nothing."""
    canaries = Canaries()
    canaries.add_url(f"/k?X-Amz-Expires=9&X-Amz-Signature={'ab' * 32}")
    (tmp_path / "file").write_text(f"x{SESSION}y{'ab' * 32}z")
    assert len(canaries.found_in(LEAK)) == 3
    assert {name for name, _ in canaries.found_below(tmp_path)} == {"file"}
    assert len(canaries.found_below(tmp_path)) == 3


def told_in_json(**more: Any) -> Fault:
    """A server that says too much: it repeats what it was sent, and an address that is none of our business."""
    body = {"message": LEAK, "headers": {"Authorization": f"Bearer {BEARER}", "x-session-token": SESSION}}
    return faults.answer("unplanned", body=body, **more)


PATHS: dict[str, tuple[Callable[[], Fault] | None, int]] = {
    "delivered": (None, 0),
    "401": (lambda: told_in_json(status=401), 4),
    "403": (lambda: told_in_json(status=403), 4),
    "404": (lambda: told_in_json(status=404), 5),
    "422": (lambda: told_in_json(status=422), 3),
    "429": (lambda: told_in_json(status=429, retry_after="900"), 5),
    "500": (lambda: told_in_json(status=500), 3),
    "200-without-id": (lambda: told_in_json(status=201), 3),
    "html": (lambda: faults.answer("unplanned", 502, body="html", message=LEAK), 5),
    "redirect": (lambda: faults.answer("unplanned", 302, headers={"location": f"https://x/?token={BEARER}"}), 5),
    "lost": (lambda: faults.lost_answer("unplanned"), 3),
    "truncated": (lambda: faults.truncated("unplanned"), 3),
    "garbage": (lambda: Fault("garbage", "unplanned"), 3),
    "url-foreign": (lambda: faults.bad_url("foreign"), 3),
    "url-expired": (lambda: faults.bad_url("expired"), 3),
    "url-of-a-get": (lambda: faults.bad_url("get"), 3),
    "url-unsigned": (lambda: faults.bad_url("unsigned"), 3),
    "upload-403": (lambda: faults.answer("upload", 403, body="xml", code="AccessDenied", message=LEAK), 3),
    "upload-400": (lambda: faults.answer("upload", 400, body="xml", code="Odd", message=LEAK), 3),
    "upload-503": (lambda: faults.answer("upload", 503, body="xml", code="SlowDown", message=LEAK), 5),
    "upload-lost": (lambda: faults.lost_answer("upload"), 5),
    "upload-redirect": (lambda: faults.answer("upload", 301, headers={"location": f"https://x/?X={BEARER}"}), 3),
    "upload-wrong-etag": (lambda: Fault("etag", "upload", etag="wrong"), 5),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "code"), PATHS.values(), ids=list(PATHS))
def test_p8_no_way_a_delivery_can_end_gives_a_secret_away(
    watched: Watched, fault: Callable[[], Fault] | None, code: int
) -> None:
    if fault is not None:
        watched.sandbox.faults.add(fault())
    (id,) = watched.device.capture_many(1)
    ended = run_here(watched.device.environment, "sync", "--json")
    watched.nothing_in(ended.out + ended.err)
    # The way was really gone: a fault that never struck would leave nothing to find.
    assert ended.code == code, ended
    assert watched.sandbox.state.journal.requests()
    for command in (("show", id), ("list",), ("status",), ("resync", id, "--dry-run")):
        watched.run(*command)
    with reading(StorageFolder(watched.device.storage)) as reader:
        assert reader is not None
        ((url,),) = [tuple(row.values()) for row in reader.rows(("u",), "SELECT presigned_url FROM entry")]
    watched.nothing_stored(owed=url is not None)
    if fault is None:
        assert url is None


LOOKS: dict[str, Fault] = {
    "401": faults.answer("list", 401, body={"message": LEAK}, times=None),
    "500": faults.answer("list", 500, body={"message": LEAK}, times=None),
    "html": faults.answer("list", 200, body="html", message=LEAK, times=None),
    "not-a-list": faults.answer("list", 200, body={"data": LEAK}, times=None),
    "foreign-record": faults.answer("list", 200, body={"data": [{"id": 1, "note": LEAK}]}, times=None),
    "dropped": faults.lost_answer("list", times=None),
}


@pytest.mark.parametrize("fault", LOOKS.values(), ids=list(LOOKS))
def test_p8_no_way_a_look_up_can_end_gives_a_secret_away(watched: Watched, fault: Fault) -> None:
    watched.device.environment["FIELDSYNC_SYNC__IN_DOUBT"] = "lookup"
    watched.sandbox.faults.add(faults.lost_answer("unplanned"))
    watched.sandbox.faults.add(fault)
    (id,) = watched.device.capture_many(1)
    watched.run("sync")
    watched.run("resync", id)
    watched.run("sync")
    # The way was really gone: the list was asked for.
    assert any("GET" in entry["method"] for entry in watched.sandbox.state.journal.requests(server="api"))
    for command in (("show", id), ("list",), ("status",)):
        watched.run(*command)
    watched.nothing_stored()


def test_p8_signed_address_is_gone_from_every_byte_after_the_upload(watched: Watched) -> None:
    """secure_delete and a checkpoint: an erased URL must not stay readable in the file or its log."""
    from sync import app
    from sync.clock import Clock

    watched.sandbox.faults.add(faults.answer("upload", 503, body="xml", code="SlowDown"))
    watched.device.capture_many(3)
    run_here(watched.device.environment, "sync")
    for entry in watched.sandbox.state.journal.requests(server="store"):
        watched.canaries.add_url(entry["target"])
    signatures = Canaries(watched.canaries.secrets[4:])
    assert signatures.secrets
    assert signatures.found_below(watched.device.storage), "while an upload is owed its URL is kept"
    run_here(watched.device.environment, "resync", "--all")
    assert run_here(watched.device.environment, "sync", "--wait").code == 0
    database = app.open_outbox(watched.device.storage, Clock())
    database.checkpoint()
    database.close()
    watched.nothing_in("")
    watched.nothing_stored()


def test_p8_offline_and_unreachable_hosts_give_nothing_away(watched: Watched) -> None:
    watched.device.capture_many(1)
    watched.sandbox.offline()
    watched.run("sync")
    watched.run("sync", "--force")
    watched.run("status")
    watched.sandbox.online("api")
    watched.run("sync", "--force")
    watched.run("list")
    watched.nothing_stored(owed=True)


CALM = [
    ("config", "show"), ("config", "check"), ("auth", "status"), ("auth", "clear"), ("pause",), ("resume",),
    ("resync",), ("status",), ("list",), ("show", "nothing"), ("sync",),
]  # fmt: skip


@pytest.mark.parametrize("command", CALM, ids=" ".join)
def test_p8_no_command_prints_a_token(watched: Watched, command: tuple[str, ...]) -> None:
    watched.device.capture_many(1)
    watched.run(*command)
    watched.nothing_stored()


MISPLACED = [
    ("API__BASE_URL", f"https://user:{BEARER}@api.example.com/main"),
    ("API__BASE_URL", f"https://api.example.com/main?token={BEARER}"),
    ("API__TOKN", BEARER),
    ("SYNC__LEASE_S", BEARER),
    ("SYNC__IN_DOUBT", SESSION),
    ("UPLOAD__ALLOWED_HOSTS", f"https://{BEARER}/"),
    ("LOG__LEVEL", BEARER),
    ("API__OWNER", f"{BEARER}\x07"),
    ("API__UNPLANNED_PATH", f"?{BEARER}"),
]


@pytest.mark.parametrize(("name", "value"), MISPLACED)
@pytest.mark.parametrize("command", [("config", "check"), ("config", "show"), ("sync",)], ids=" ".join)
def test_p8_token_in_the_wrong_place_is_not_quoted_back(
    watched: Watched, command: tuple[str, ...], name: str, value: str
) -> None:
    """Somebody pasted the token into the wrong line: the complaint must not publish it."""
    watched.device.environment[f"FIELDSYNC_{name}"] = value
    assert watched.run(*command).code == 8


def test_p8_token_in_the_configuration_file_is_not_shown(watched: Watched, tmp_path: Path) -> None:
    file = tmp_path / "fieldsync.toml"
    for written in (
        f'[api]\ntoken = "{BEARER}"\nsession_token = "{SESSION}"\n',
        f'[api]\ntokn = "{BEARER}"\n',
        f'[api]\ntoken = ["{BEARER}"]\n',
        f'[api]\ntoken = "{BEARER}\n',
        f'token = "{BEARER}"\n',
        f'[sync]\nlease_s = "{BEARER}"\n',
    ):
        file.write_text(written)
        for name in ("TOKEN", "SESSION_TOKEN"):
            watched.device.environment.pop(f"FIELDSYNC_API__{name}", None)
        watched.device.environment["FIELDSYNC_CONFIG"] = str(file)
        for command in (("config", "show"), ("config", "check"), ("sync",), ("status",)):
            watched.run(*command)


def test_p8_tokens_on_standard_input_go_into_a_private_file_and_nowhere_else(watched: Watched) -> None:
    for name in ("TOKEN", "SESSION_TOKEN"):
        del watched.device.environment[f"FIELDSYNC_API__{name}"]
    watched.device.capture_many(1)
    answers = [
        f"{BEARER}\n{SESSION}\n",
        json.dumps({"data": {"accessToken": BEARER, "sessionToken": SESSION}}),
        f"{BEARER}\n",
        f"{BEARER}\n{SESSION}\n{SESSION}\n",
        json.dumps({"accessToken": f"{BEARER} {BEARER}", "sessionToken": SESSION}),
        f"{BEARER}\x00\n{SESSION}\n",
    ]
    for answer in answers:
        watched.run("auth", "set", stdin=answer)
    watched.run("auth", "status")
    watched.run("sync")
    found = watched.canaries.found_below(watched.device.storage)
    assert {name for name, _ in found} == {"default.json"}
    assert (watched.device.storage / "tokens" / "default.json").stat().st_mode & 0o777 == 0o600


# The sign-in command: what it prints, says and is given is nobody's business.

OPAQUE = "c4n4ry0f-c0mm4nd-0123456789abcdef"  # a token that nobody knows to be one
PRINTED = json.dumps({"accessToken": OPAQUE, "sessionToken": f"{OPAQUE}-session"})
# argv: what to print on standard output, on standard error, the exit code, how long to stay.
SAYS = (
    "import sys, time; print(sys.argv[1]); print(sys.argv[2], file=sys.stderr); sys.stdout.flush(); "
    "sys.stderr.flush(); time.sleep(float(sys.argv[4])); sys.exit(int(sys.argv[3]))"
)


class Run(NamedTuple):
    """A sign-in command: what it prints, what it says, how and after what time it ends, what is recorded of it."""

    out: str
    err: str
    code: int
    reason: str | None
    stays_s: float = 0


BAD_HEADER = json.dumps({"accessToken": f"{OPAQUE} x", "sessionToken": OPAQUE})
RUNS = {
    "fails and says its token": Run(PRINTED, f"cannot renew {OPAQUE}", 1, "auth_command_failed"),
    "fails and says our tokens": Run("", f"old ones: {BEARER} {SESSION}", 1, "auth_command_failed"),
    "fails and says a signed address": Run("", LEAK, 1, "auth_command_failed"),
    "prints no answer but the token": Run(OPAQUE, OPAQUE, 0, "auth_command_unreadable"),
    "prints half an answer": Run(PRINTED[:-5], "", 0, "auth_command_unreadable"),
    "prints what no header takes": Run(BAD_HEADER, "", 0, "auth_command_refused"),
    "takes too long": Run(PRINTED, f"waiting with {OPAQUE}", 0, "auth_command_too_slow", stays_s=60),
    "is not there": Run("", "", 0, "auth_command_missing"),
    "prints tokens that are refused": Run(PRINTED, f"here they are: {OPAQUE}", 0, None),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=list(RUNS))
def test_p8_sign_in_command_gives_nothing_away_however_it_ends(watched: Watched, run: Run) -> None:
    """A script that was written in a hurry prints its token wherever it can."""
    watched.sandbox.faults.add(told_in_json(status=401, times=None))
    watched.canaries.secrets += [OPAQUE, f"{OPAQUE}-session"]
    program = "/nowhere/renew" if run.reason == "auth_command_missing" else sys.executable
    argv = [program, "-c", SAYS, run.out, run.err, str(run.code), str(run.stays_s)]
    watched.device.environment["FIELDSYNC_AUTH__COMMAND"] = json.dumps(argv)
    watched.device.environment["FIELDSYNC_AUTH__COMMAND_TIMEOUT_S"] = "3" if run.stays_s else "30"
    (id,) = watched.device.capture_many(1)
    ended = watched.device.run("--debug", "sync", "--json")
    watched.nothing_in(ended.stdout + ended.stderr)
    assert ended.returncode == 4
    with reading(StorageFolder(watched.device.storage)) as reader:
        assert reader is not None
        hold = reader.control()["pause:owner:"]
    # The way was really gone: a command that never ran would leave nothing to find.
    assert hold["asked"] is True
    assert (hold.get("command") or {}).get("reason") == run.reason
    for command in (("show", id), ("status",), ("config", "show"), ("config", "check"), ("auth", "status")):
        watched.run(*command)
    found = watched.canaries.found_below(watched.device.storage)
    assert {name for name, _ in found} <= ({"default.json"} if run.reason is None else set())


# As a process, and when this program itself is wrong.

BUG = """
import sys
import sync.app
def broken(*_, **__):
    token, url = {token!r}, {url!r}
    raise RuntimeError(f"cannot use Bearer {{token}} at {{url}}")
sync.app.build_drain = broken
from sync.__main__ import main
sys.argv[:] = ["fieldsync", *{arguments!r}]
main()
"""
SIGNED = f"https://b.s3.amazonaws.com/k?X-Amz-Signature={'5ec2e7' * 10}"


def crash(watched: Watched, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`sync` of a program with a bug whose exception names secrets."""
    code = BUG.format(token=BEARER, url=SIGNED, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=watched.device.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_p8_bug_of_ours_is_told_without_secrets(watched: Watched) -> None:
    ended = crash(watched, "sync", "--json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["error"]["code"] == "unexpected"
    assert "RuntimeError" in ended.stdout
    watched.nothing_in(ended.stdout + ended.stderr)


def test_p8_traceback_of_debug_is_told_without_secrets(watched: Watched) -> None:
    ended = crash(watched, "--debug", "sync")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "RuntimeError" in ended.stderr
    watched.nothing_in(ended.stdout + ended.stderr)


def test_p8_process_at_debug_gives_nothing_away(watched: Watched) -> None:
    """The real streams of the real command, with everything that libraries would love to log."""
    watched.sandbox.faults.add(faults.answer("upload", 503, body="xml", code="SlowDown", message=LEAK))
    watched.device.capture_many(2)
    for arguments in (("--debug", "sync", "--force"), ("--debug", "sync", "--wait")):
        ended = watched.device.run(*arguments)
        watched.nothing_in(ended.stdout + ended.stderr)
    assert watched.sandbox.state.journal.counters()["uploads"] == 2
    watched.nothing_stored()
