"""What was last seen of the outbox, told beside it: a database that knows less has lost something.

A log that went missing or an older copy put in the database's place is a perfectly sound database, and acknowledged
captures or sends are not in it. The note costs no sync, but for a hand-over: a power cut may make it older than the
truth, never newer.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from storage.folder import StorageFolder, read_small

# Three numbers in decimal, each in a place of its own, so that writing one never touches the others.
_WIDTH: Final = 20
_PLACES: Final = tuple(n * (_WIDTH + 1) for n in range(3))
_MOST_BYTES: Final = 4 * _WIDTH

_KNOWN: Final = """
    SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'entry'), (SELECT value FROM control WHERE key = 'sends'),
           (SELECT value FROM control WHERE key = 'hand_overs')
"""


class Seen(NamedTuple):
    """The number of the last capture, how many sends were begun or orders given that stop or change one, and how many
    entries were handed over."""

    entries: int = 0
    sends: int = 0
    hand_overs: int = 0

    def lost_from(self, known: Seen) -> Seen:
        """How much of this `known` knows nothing of; zeros where it knows all."""
        return Seen(*(max(0, here - there) for here, there in zip(self, known, strict=True)))

    def joined(self, other: Seen) -> Seen:
        """What both together know."""
        return Seen(*map(max, self, other))


def seen(folder: StorageFolder) -> Seen:
    """What the note says; zeros where there is none that can be read."""
    try:
        content = read_small(folder.witness, _MOST_BYTES)
    except OSError:
        return Seen()
    return Seen(*(_number(content[place:]) for place in _PLACES))


def known(cursor: Any) -> Seen:
    """What the database itself knows."""
    return Seen(*(int(number or 0) for number in cursor.execute(_KNOWN).fetchone()))


def _number(content: bytes) -> int:
    digits = content[:_WIDTH]
    return int(digits) if len(digits) == _WIDTH and digits.isdigit() else 0


class Witness:
    """Keeps the note of one folder. Never in the way: where it cannot be written, nothing is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def note(self, *, entries: int = 0, sends: int = 0, hand_overs: int = 0) -> None:
        """Remember these numbers, where they are news; call it after the commit that made them true.

        A hand-over is worth a sync: what must not be forgotten is that another device sends now.
        """
        with suppress(OSError):
            if self._descriptor is None:
                self._descriptor = os.open(
                    self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600
                )
            content = os.read(self._descriptor, _MOST_BYTES)
            for number, place in zip((entries, sends, hand_overs), _PLACES, strict=True):
                if number > _number(content[place:]):
                    os.lseek(self._descriptor, place, os.SEEK_SET)
                    os.write(self._descriptor, b"%0*d\n" % (_WIDTH, number))
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            if hand_overs:
                os.fsync(self._descriptor)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
