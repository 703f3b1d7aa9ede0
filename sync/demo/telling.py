"""How the story is told: as plain lines on stderr, or by `screen.py` on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TextIO


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as the board shows it."""

    number: int
    title: str
    person: str
    state: str
    reason: str | None = None
    server_id: int | None = None


# Given a way to look, so that nobody looks where nothing is shown.
Board = Callable[[Callable[[], Sequence[Row]]], None]


class Teller(Protocol):
    """Who tells it. Nothing that is told is decided here."""

    def scene(self, title: str) -> None:
        """A new scene begins."""

    def say(self, text: str) -> None:
        """One sentence of the narrator."""

    def fact(self, text: str, *, good: bool = True) -> None:
        """Something that was just seen, and whether it is as it has to be."""

    def command(self, command: str, lines: Sequence[str]) -> None:
        """A command that was run, and what matters of its answer."""

    def link(self, label: str, text: str) -> None:
        """Something to copy: on one line, however narrow the screen is."""

    def sketch(self, image: bytes) -> None:
        """A signature to look at."""

    def board(self) -> AbstractContextManager[Board]:
        """A context: the entries, shown anew at each call."""

    def breathe(self, seconds: float) -> None:
        """Time to read, where somebody reads along."""


class PlainTeller:
    """Lines without colour or waiting, for pipes, logs and --script."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._scenes = 0

    def scene(self, title: str) -> None:
        self._scenes += 1
        self._line(f"{self._scenes}. {title}")

    def say(self, text: str) -> None:
        self._line(f"   {text}")

    def fact(self, text: str, *, good: bool = True) -> None:
        self._line(f"   {'ok' if good else 'NOT OK'}: {text}")

    def command(self, command: str, lines: Sequence[str]) -> None:
        self._line(f"   $ {command}")
        for line in lines:
            self._line(f"     {line}")

    def link(self, label: str, text: str) -> None:
        self._line(f"   {label}: {text}")

    def sketch(self, image: bytes) -> None:
        """Nothing: a picture is for eyes."""

    @contextmanager
    def board(self) -> Iterator[Board]:
        yield lambda _: None

    def breathe(self, seconds: float) -> None:
        """Nobody waits for a log."""

    def _line(self, text: str) -> None:
        # Where stderr is closed or cannot write a letter, the demo goes on without a listener.
        if self._stream is None:
            return
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        printable = text.encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(printable + "\n")
        self._stream.flush()
