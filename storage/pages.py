"""Reads rows straight from the pages of a database file, for rows that SQLite itself can no longer reach.

A page that leads to others costs, when damaged, everything behind it; the pages behind it are still there. The format
is that of https://sqlite.org/fileformat2.html: table leaf pages, overflow chains, and the frames of a write-ahead log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

_TABLE_LEAF: Final = 0x0D
_LOG_MAGIC: Final = (0x377F0682, 0x377F0683)
_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24
# No row of ours comes near; a length beyond it is a damaged one.
_MOST_BYTES: Final = 64 * 1024 * 1024

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a row lies: read it with `Pages.row`."""

    page: int
    offset: int
    rowid: int
    columns: int
    from_loose: bool  # found only behind the damaged part of a log


class Unreadable(ValueError):
    """These bytes are no row."""


class Pages:
    """The pages of a database file and its log, each as it was last committed. Close it after use."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        log = path.with_name(path.name + "-wal")
        self._log: BufferedReader | None = log.open("rb") if log.exists() else None
        header = self._file.read(100)
        self.size = _page_size(header) or self._log_page_size() or 4096
        reserved = header[20] if header[:16] == b"SQLite format 3\0" else 0
        self._usable = self.size - (reserved if reserved <= 64 else 0)
        self._file.seek(0, 2)
        self._in_file = self._file.tell() // self.size
        self._committed: dict[int, int] = {}
        self._loose: dict[int, int] = {}
        if self._log is not None:
            self._read_log(self._log)

    def close(self) -> None:
        self._file.close()
        if self._log is not None:
            self._log.close()

    def _log_page_size(self) -> int | None:
        if self._log is None:
            return None
        header = self._log.read(_LOG_HEADER)
        self._log.seek(0)
        return _sane(struct.unpack(">I", header[8:12])[0]) if len(header) == _LOG_HEADER else None

    def _read_log(self, log: BufferedReader) -> None:
        """Which frame holds the newest state of a page. What lies behind a damaged frame is kept apart as loose."""
        header = log.read(_LOG_HEADER)
        if len(header) < _LOG_HEADER:
            return
        magic, _, size, _, salt1, salt2, *header_sum = struct.unpack(">8I", header)
        if magic not in _LOG_MAGIC or size != self.size:
            return
        order = ">" if magic & 1 else "<"
        checksum = _checksum(header[:24], (0, 0), order)
        chained = checksum == tuple(header_sum)
        waiting: dict[int, int] = {}
        at = _LOG_HEADER
        while len(frame := log.read(_FRAME_HEADER + self.size)) == _FRAME_HEADER + self.size:
            page, commit, frame_salt1, frame_salt2, *frame_sum = struct.unpack(">6I", frame[:_FRAME_HEADER])
            place, at = at + _FRAME_HEADER, at + len(frame)
            if (frame_salt1, frame_salt2) != (salt1, salt2):
                continue  # of an earlier life of this log
            if chained:
                checksum = _checksum(frame[:8] + frame[_FRAME_HEADER:], checksum, order)
                chained = checksum == tuple(frame_sum)
            if not chained:
                self._loose[page] = place
                continue
            waiting[page] = place
            if commit:
                self._committed.update(waiting)
                waiting.clear()
        # Unfinished transactions were never acknowledged, but an ended chain may have cut one that was.
        self._loose = {**waiting, **self._loose}

    def page(self, number: int, *, loose: bool = False) -> bytes:
        """The content of a page, empty where there is none. With `loose` also from behind a damaged frame."""
        place = (self._loose.get(number) if loose else None) or self._committed.get(number)
        source = self._file
        if place is not None and self._log is not None:
            source = self._log
        else:
            place = (number - 1) * self.size
        try:
            source.seek(place)
            return source.read(self.size)
        except OSError:  # a sector that the disk cannot give back
            return b""

    def cells(self) -> Iterator[Cell]:
        """Every row of every table that can be found. Which table it is of has to be told by what is in it."""
        last = max([self._in_file, *self._committed], default=0)
        for number in range(1, last + 1):
            yield from self._cells_of(number, self.page(number), loose=False)
        for number in sorted(self._loose):
            yield from self._cells_of(number, self.page(number, loose=True), loose=True)

    def _cells_of(self, number: int, page: bytes, *, loose: bool) -> Iterator[Cell]:
        start = 100 if number == 1 else 0
        if len(page) < self.size or page[start] != _TABLE_LEAF:
            return
        (count,) = struct.unpack(">H", page[start + 3 : start + 5])
        for index in range(min(count, self.size // 4)):
            at = start + 8 + 2 * index
            try:
                (offset,) = struct.unpack(">H", page[at : at + 2])
                length, after = _varint(page, offset)
                rowid, after = _varint(page, after)
                if not 0 < length <= _MOST_BYTES:
                    continue
                yield Cell(number, offset, rowid, len(_types(page, after)[0]), loose)
            except (Unreadable, struct.error, IndexError):
                continue

    def row(self, cell: Cell) -> Row:
        """The values of a row in the order of its table's columns.

        Raises:
            Unreadable: its bytes, or those it is continued in, make no row.
        """
        page = self.page(cell.page, loose=cell.from_loose)
        try:
            length, at = _varint(page, cell.offset)
            _, at = _varint(page, at)
            local = self._local(length)
            content = page[at : at + local]
            if local < length:
                (following,) = struct.unpack(">I", page[at + local : at + local + 4])
                content += self._overflow(following, length - local, cell.from_loose)
            types, at = _types(content, 0)
            return tuple(_values(content, types, at))
        except (struct.error, IndexError) as error:
            raise Unreadable(str(error)) from None

    def _local(self, length: int) -> int:
        """How many bytes of a row lie in its leaf page."""
        most, least = self._usable - 35, (self._usable - 12) * 32 // 255 - 23
        if length <= most:
            return length
        fitting = least + (length - least) % (self._usable - 4)
        return fitting if fitting <= most else least

    def _overflow(self, number: int, length: int, loose: bool) -> bytes:
        parts = []
        seen = set()
        while length > 0:
            if number == 0 or number in seen:
                raise Unreadable("its continuation ends too early")
            seen.add(number)
            page = self.page(number, loose=loose)
            part = page[4 : min(self._usable, 4 + length)]
            if not part:
                raise Unreadable("its continuation is not there")
            parts.append(part)
            length -= len(part)
            (number,) = struct.unpack(">I", page[:4])
        return b"".join(parts)


def _page_size(header: bytes) -> int | None:
    if header[:16] != b"SQLite format 3\0":
        return None
    return _sane(struct.unpack(">H", header[16:18])[0])


def _sane(size: int) -> int | None:
    size = 65536 if size == 1 else size
    return size if 512 <= size <= 65536 and size & (size - 1) == 0 else None


def _checksum(content: bytes, start: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, and where it ends."""
    value = 0
    for index in range(8):
        byte = content[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    value = value << 8 | content[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9


def _types(content: bytes, at: int) -> tuple[list[int], int]:
    """The type of each column, and where the values begin."""
    length, after = _varint(content, at)
    end = at + length
    if not after <= end <= min(len(content), at + 2000):
        raise Unreadable("its header is no header")
    types = []
    while after < end:
        number, after = _varint(content, after)
        types.append(number)
    return types, end


_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def _values(content: bytes, types: list[int], at: int) -> Iterator[Any]:
    for number in types:
        size = _INTEGERS.get(number, 8 if number == 7 else 0 if number < 12 else (number - 12) // 2)
        raw = content[at : at + size]
        if len(raw) != size:
            raise Unreadable("it is cut off")
        at += size
        if number in _INTEGERS:
            yield int.from_bytes(raw, "big", signed=True)
        elif number == 7:
            yield struct.unpack(">d", raw)[0]
        elif number in (0, 8, 9):
            yield {0: None, 8: 0, 9: 1}[number]
        elif number < 12:
            raise Unreadable("a value of no known type")
        else:
            yield raw if number % 2 == 0 else raw.decode("utf-8", "surrogateescape")
