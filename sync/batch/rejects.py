"""The file of rejects: one line a problem, for people to correct by and for programs to read.

It takes its place when the import ends, so that there never is half of one; where nothing was refused there is none.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EEXIST
from pathlib import Path
from typing import IO, Final, Protocol

from sync import spreadsheet
from sync.batch.errors import RejectsLost
from sync.errors import InputRefused, Problem, shown

COLUMNS: Final = ("line", "id", "field", "code", "reason")
_HEADER: Final = (",".join(COLUMNS) + "\r\n").encode()
_OPTION: Final = re.compile(r"--(signature|target|after|id|owner)\b")


class Takes(Protocol):
    """Who is told of refused rows."""

    def add(self, line: int, id: str | None, problems: tuple[Problem, ...]) -> None:
        """Raises: RejectsLost."""


class JsonRejects:
    """Writes JSON objects into `stream`, one a line and problem; their fields are the columns of the file.

    Nothing is put in front of what a spreadsheet would run: no spreadsheet reads it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def add(self, line: int, id: str | None, problems: tuple[Problem, ...]) -> None:
        """Raises: RejectsLost, such as for a full disk."""
        try:
            for each in problems:
                cells = (line, id, field_of(each.path), each.code, told(each.message))
                self._stream.write(json.dumps(dict(zip(COLUMNS, cells, strict=True))).encode() + b"\n")
        except OSError as error:
            raise RejectsLost(f"the rejects cannot be written ({error.strerror or error})") from None


class Rejects:
    """Collects in `PATH.part`, beside where the file will be. Readable by its owner alone: it quotes the rows.

    Raises: InputRefused, where no such file can be made, or one that is no file of rejects stands there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._done = False
        try:
            self._part = path.with_name(path.name + ".part")
            _check_place(path)
            _check_place(self._part)
            with suppress(FileNotFoundError):
                self._part.unlink()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._stream = os.fdopen(os.open(self._part, flags, 0o600), "wb")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a path that can exist"
            raise _refused(f"The file of rejects {shown(str(path))} cannot be made ({reason}).") from None
        self._stream.write(_HEADER)

    def add(self, line: int, id: str | None, problems: tuple[Problem, ...]) -> None:
        """Write down why the row at `line` was refused.

        Raises: RejectsLost, such as for a full disk.
        """
        self.count += 1
        with self._lost():
            for each in problems:
                cells = (str(line), id or "", field_of(each.path), each.code, told(each.message))
                self._stream.write(spreadsheet.line(cells))

    def finish(self) -> Path | None:
        """Put the file in its place, or take away an old one where nothing was refused. Answers where it is.

        Raises: RejectsLost, such as for a full disk; there is no new file then.
        """
        with self._lost():
            self._stream.flush()
            os.fsync(self._stream.fileno())
            if not self._is_ours():
                raise FileExistsError(EEXIST, "the same file is being imported by somebody else")
            self._stream.close()
            if self.count:
                os.replace(self._part, self.path)
            else:
                self._part.unlink()
            self._done = True
            if self.count:
                return self.path
            with suppress(FileNotFoundError):
                self.path.unlink()
        return None

    def give_up(self) -> None:
        """Leave nothing half behind. After `finish` there is nothing left to do."""
        if self._done:
            return
        ours = not self._stream.closed and self._is_ours()
        with suppress(OSError):
            self._stream.close()
        if ours:
            with suppress(OSError):
                self._part.unlink()

    def _is_ours(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._part), os.fstat(self._stream.fileno()))
        except FileNotFoundError:
            return False

    @contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"the rejects cannot be written to {shown(str(self.path))} ({error.strerror or error})"
            raise RejectsLost(message) from None


def _check_place(path: Path) -> None:
    """
    Raises: InputRefused, where something lies that must not be replaced.
    """
    try:
        facts = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return
    ours = False
    if stat.S_ISREG(facts.st_mode):
        with path.open("rb") as stream:
            ours = not facts.st_size or stream.read(len(_HEADER)) == _HEADER
    if not ours:
        raise _refused(f"{shown(str(path))} is there already, and is no file of rejects.")


def _refused(message: str) -> InputRefused:
    return InputRefused(
        [Problem("--rejects", "rejects_not_possible", f"{message} Name another with --rejects PATH.")]
    )


def field_of(path: str) -> str:
    """The column or field that a problem is about, empty for the row as a whole: `siteIds[0]`, `signature`."""
    if path.startswith("--"):
        return path[2:]
    return path.removeprefix("$").removeprefix(".").removeprefix("data.")


def told(message: str) -> str:
    """What is an option of `capture` is a column here."""
    return _OPTION.sub(r"\1", message)
