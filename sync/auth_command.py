"""Runs the command that prints fresh tokens, for one owner, and lets nothing of it escape: neither a child nor a token.

It gets no input and no shell, has a process group of its own, and ends with all that it started at its time limit.
What it prints on standard output is read and nowhere kept; of its standard error the first line is told, redacted.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import IO, Final

from sync.secret import MASK, Secret, redact
from sync.token_files import pair_in_answer

OWNER_VARIABLE: Final = (
    "AUTH_OWNER"  # not FIELDSYNC_*: the command may call fieldsync, which knows its own variables
)
MOST_BYTES: Final = 65_536
_SAID_CHARACTERS: Final = 200
_LOOK_EVERY_S: Final = 0.05
_DRAINED_WITHIN_S: Final = 2.0
_WORD: Final = re.compile(r"[\w+=~.-]{16,}", re.ASCII)

MISSING: Final = "auth_command_missing"
FAILED: Final = "auth_command_failed"
TOO_SLOW: Final = "auth_command_too_slow"
UNREADABLE: Final = "auth_command_unreadable"
REFUSED: Final = "auth_command_refused"
STOPPED: Final = "auth_command_stopped"


class CommandFailed(Exception):
    """No tokens came. `reason` is one of the codes above; `said` is what the command itself said, without secrets."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.said = said


@dataclass(frozen=True, slots=True)
class AuthCommand:
    """How fresh tokens are got: program and arguments, and how long that may take."""

    argv: tuple[str, ...]
    timeout_s: float
    environ: Mapping[str, str] = field(repr=False)

    def run(self, owner: str | None, stop: Event) -> tuple[Secret, Secret]:
        """Bearer and session token that the command printed for `owner`. Ends early when `stop` is set.

        Raises:
            CommandFailed: it could not be started, failed, took too long, or printed something else.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  what ops configured, without a shell
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self.environ, OWNER_VARIABLE: owner or ""},
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except (OSError, ValueError) as error:
            raise CommandFailed(MISSING, getattr(error, "strerror", None) or type(error).__name__) from None
        out, err = _Stream(process.stdout), _Stream(process.stderr)
        try:
            in_time = _ended(process, time.monotonic() + self.timeout_s, stop, (out, err))
        finally:
            _end_all(process)
            out.finish()
            err.finish()
        said = _first_line(err.taken)
        if not in_time:
            if out.too_much:
                raise CommandFailed(UNREADABLE, said)
            raise CommandFailed(STOPPED if stop.is_set() else TOO_SLOW, said)
        if process.returncode != 0:
            raise CommandFailed(FAILED, said or f"exit code {process.returncode}")
        return _tokens(out)


class _Stream:
    """Reads a pipe to its end in a thread of its own, so that the command never waits for us; keeps a bounded part."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None, "both streams are pipes"
        self._pipe = pipe
        self._parts: list[bytes] = []
        self._size = 0
        self._thread = Thread(target=self._read, name="auth-command", daemon=True)
        self._thread.start()

    @property
    def taken(self) -> bytes:
        return b"".join(self._parts)[:MOST_BYTES]

    @property
    def too_much(self) -> bool:
        return self._size > MOST_BYTES

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while part := os.read(self._pipe.fileno(), 8192):
                if not self.too_much:
                    self._parts.append(part)
                self._size += len(part)

    def finish(self) -> None:
        """Read what is left; whoever holds the other end after the command is dead is not waited for."""
        self._thread.join(_DRAINED_WITHIN_S)
        if not self._thread.is_alive():
            self._pipe.close()


def _ended(
    process: subprocess.Popen[bytes], deadline_s: float, stop: Event, streams: tuple[_Stream, _Stream]
) -> bool:
    """Wait for the command; False where it was not to be waited for any longer."""
    while not _has_ended(process):
        if time.monotonic() >= deadline_s or streams[0].too_much or stop.wait(_LOOK_EVERY_S):
            return False
    return True


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if sys.platform == "win32":
        return process.poll() is not None
    # Without reaping it: as long as its number is taken, it still names the group that may have to be ended.
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """End the command with everything that it started and that did not leave its group."""
    if sys.platform == "win32":
        with suppress(OSError):
            subprocess.run(  # noqa: S603
                ["taskkill", "/T", "/F", "/PID", str(process.pid)],  # noqa: S607
                capture_output=True,
                check=False,
            )
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tokens(out: _Stream) -> tuple[Secret, Secret]:
    if out.too_much:
        raise CommandFailed(UNREADABLE)
    try:
        bearer, session = pair_in_answer(out.taken.decode("utf-8-sig"))
    except ValueError:  # also where it is not UTF-8
        raise CommandFailed(UNREADABLE) from None
    return Secret(bearer), Secret(session)


def _first_line(said: bytes) -> str:
    """The first line that says something, short and without what looks like a secret."""
    text = redact(said.decode("utf-8", "replace"))
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    # A token that has no form at all: nobody knows yet that it is one, so every long word with a digit in it goes.
    line = _WORD.sub(lambda word: MASK if any(map(str.isdigit, word[0])) else word[0], line)
    return "".join(char if char.isprintable() else "?" for char in line)[:_SAID_CHARACTERS]
