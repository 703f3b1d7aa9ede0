"""The command that prints fresh tokens, as a process: what it may do, and that nothing of it outlives its time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from sync import auth_command
from sync.auth_command import MOST_BYTES, AuthCommand, CommandFailed
from tests.support.polling import eventually

ANSWER = {"accessToken": "fresh-bearer-123", "sessionToken": "fresh-session-456"}


def command(code: str, *arguments: str, timeout_s: float = 20.0) -> AuthCommand:
    return AuthCommand((sys.executable, "-c", code, *arguments), timeout_s, dict(os.environ))


def tokens(asked: AuthCommand, owner: str | None = None) -> tuple[str, str]:
    bearer, session = asked.run(owner, Event())
    return bearer.reveal(), session.reveal()


def refused(asked: AuthCommand, stop: Event | None = None) -> CommandFailed:
    with pytest.raises(CommandFailed) as failed:
        asked.run(None, stop or Event())
    return failed.value


@pytest.mark.parametrize(
    "answer", [ANSWER, {"data": {**ANSWER, "refreshToken": "r"}}], ids=["bare", "in data"]
)
def test_sign_in_answer_on_standard_output_is_read(answer: dict[str, object]) -> None:
    asked = command("import sys; print(sys.argv[1])", json.dumps(answer, indent=2))
    assert tokens(asked) == ("fresh-bearer-123", "fresh-session-456")


WHO = """
import json, os, sys
assert sys.stdin.read() == ""
print(json.dumps({"accessToken": os.environ["AUTH_OWNER"] or "nobody", "sessionToken": "s"}))
"""


def test_owner_comes_in_a_variable_and_nothing_on_standard_input() -> None:
    assert tokens(command(WHO), "Zoé N") == ("Zoé N", "s")
    assert tokens(command(WHO)) == ("nobody", "s")


def test_arguments_are_not_read_by_a_shell() -> None:
    code = "import json, sys; print(json.dumps({'accessToken': sys.argv[1], 'sessionToken': sys.argv[2]}))"
    assert tokens(command(code, "$(id)", "; exit 3")) == ("$(id)", "; exit 3")


COMPLAINS = "import sys; print(sys.argv[1], file=sys.stderr); sys.exit(1)"


def test_failing_command_is_told_by_its_first_words() -> None:
    failed = refused(command(COMPLAINS, "\n\n  no route to the identity provider \nmore"))
    assert (failed.reason, failed.said) == (auth_command.FAILED, "no route to the identity provider")


def test_failing_command_that_says_nothing_is_told_by_its_exit_code() -> None:
    assert refused(command("raise SystemExit(7)")).said == "exit code 7"


@pytest.mark.parametrize(
    "said",
    [
        "cannot use Bearer s3cr3t-abcdefgh",
        "got eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOjF9.c2ln from it",
        "refused: 8f14e45fceea167a5a36dedd4bea2543",
        "at https://idp.example/token?code=8f14e45fceea",
        "\x1b[31mpassword=s3cr3t-abcdefgh\x1b[0m",
    ],
)
def test_first_words_are_told_without_secrets(said: str) -> None:
    told = refused(command(COMPLAINS, said)).said
    assert "***" in told
    assert told.isprintable()
    for secret in ("s3cr3t", "eyJ", "8f14e45fceea"):
        assert secret not in told


@pytest.mark.parametrize(
    "printed", ["", "two\nlines", "[]", "{}", '{"accessToken": 5, "sessionToken": "s"}', "\xff"]
)
def test_anything_else_than_a_sign_in_answer_is_refused(printed: str) -> None:
    code = "import sys; sys.stdout.buffer.write(sys.argv[1].encode('latin-1'))"
    assert refused(command(code, printed)).reason == auth_command.UNREADABLE


def test_program_that_is_not_there_is_told() -> None:
    failed = refused(AuthCommand(("/nowhere/renew",), 5, {}))
    assert (failed.reason, failed.said) == (auth_command.MISSING, "No such file or directory")


def test_endless_output_is_cut_off() -> None:
    """It is ended by what it prints, long before its time is over."""
    assert refused(command("while True: print('x' * 4096)", timeout_s=500)).reason == auth_command.UNREADABLE


def test_long_complaints_do_not_stop_the_command() -> None:
    """A pipe that nobody reads would hang it."""
    code = f"import json, sys; sys.stderr.write('x' * {4 * MOST_BYTES}); print(sys.argv[1])"
    assert tokens(command(code, json.dumps(ANSWER))) == ("fresh-bearer-123", "fresh-session-456")


# It prints the number of its child, which ignores SIGTERM, into a file, and then hangs, or ends and leaves the child.
WITH_CHILD = """
import json, subprocess, sys, time
stays = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stays])
open(sys.argv[1], "w").write(str(child.pid))
if sys.argv[2] == "hangs":
    time.sleep(600)
print(json.dumps({"accessToken": "b", "sessionToken": "s"}))
"""


def gone(pid: int) -> bool:
    try:
        # A zombie whose parent died is reaped by init, in its own time.
        return Path(f"/proc/{pid}/stat").read_text("ascii").split()[2] == "Z"
    except FileNotFoundError:
        return True


def written(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text() != "", within_s=30)
    return int(path.read_text())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
class TestChildren:
    def test_time_limit_ends_the_command_with_its_children(self, tmp_path: Path) -> None:
        asked = command(WITH_CHILD, str(tmp_path / "pid"), "hangs", timeout_s=6)
        assert refused(asked).reason == auth_command.TOO_SLOW
        eventually(lambda: gone(written(tmp_path / "pid")))

    def test_child_that_was_left_behind_is_ended_and_not_waited_for(self, tmp_path: Path) -> None:
        """It holds the pipe open: reading to the end would take ten minutes."""
        assert tokens(command(WITH_CHILD, str(tmp_path / "pid"), "ends")) == ("b", "s")
        eventually(lambda: gone(written(tmp_path / "pid")))

    def test_stop_ends_the_command_with_its_children(self, tmp_path: Path) -> None:
        """SIGTERM to the worker: it leaves within ten seconds, whatever the identity provider does."""
        stop, failed = Event(), []
        asked = command(WITH_CHILD, str(tmp_path / "pid"), "hangs", timeout_s=500)
        thread = Thread(target=lambda: failed.append(refused(asked, stop)), daemon=True)
        thread.start()
        pid = written(tmp_path / "pid")
        stop.set()
        thread.join(30)
        assert [each.reason for each in failed] == [auth_command.STOPPED]
        eventually(lambda: gone(pid))
