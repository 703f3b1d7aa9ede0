"""What was last seen of the outbox, told beside it: a database that knows less has lost something.

A log that went missing or an older copy put in the database's place is a perfectly sound database, and acknowledged
captures or sends are not in it. The note costs no sync: a power cut may make it older than the truth, never newer.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from storage.folder import StorageFolder, read_small

# Two numbers in decimal, each in a place of its own, so that writing one never touches the other.
_WIDTH: Final = 20
_ENTRIES_AT: Final = 0
_SENDS_AT: Final = _WIDTH + 1

_KNOWN: Final = """
    SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'entry'), (SELECT value FROM control WHERE key = 'sends')
"""


class Seen(NamedTuple):
    """The number of the last capture, and how many sends were begun, or orders given that stop or change one."""

    entries: int = 0
    sends: int = 0

    def lost_from(self, known: Seen) -> Seen:
        """How much of this `known` knows nothing of; zeros where it knows all."""
        return Seen(max(0, self.entries - known.entries), max(0, self.sends - known.sends))


def seen(folder: StorageFolder) -> Seen:
    """What the note says; zeros where there is none that can be read."""
    try:
        content = read_small(folder.witness, 3 * _WIDTH)
    except OSError:
        return Seen()
    return Seen(_number(content[_ENTRIES_AT:]), _number(content[_SENDS_AT:]))


def known(cursor: Any) -> Seen:
    """What the database itself knows."""
    entries, sends = cursor.execute(_KNOWN).fetchone()
    return Seen(int(entries or 0), int(sends or 0))


def _number(content: bytes) -> int:
    digits = content[:_WIDTH]
    return int(digits) if len(digits) == _WIDTH and digits.isdigit() else 0


class Witness:
    """Keeps the note of one folder. Never in the way: where it cannot be written, nothing is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def note(self, *, entries: int = 0, sends: int = 0) -> None:
        """Remember these numbers, where they are news; call it after the commit that made them true."""
        with suppress(OSError):
            if self._descriptor is None:
                self._descriptor = os.open(
                    self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600
                )
            content = os.read(self._descriptor, 3 * _WIDTH)
            for number, place in ((entries, _ENTRIES_AT), (sends, _SENDS_AT)):
                if number > _number(content[place:]):
                    os.lseek(self._descriptor, place, os.SEEK_SET)
                    os.write(self._descriptor, b"%0*d\n" % (_WIDTH, number))
            os.lseek(self._descriptor, 0, os.SEEK_SET)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
