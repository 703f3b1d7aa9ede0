"""Counts the syncs and shows the writes that SQLite asks its file system for, in this process and without tracing it.

The default VFS of the driver is told to open files through us; each file it opens then gets a copy of its method table
in which `xSync` and `xWrite` report first. Everything else goes straight to SQLite's own functions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_void_p,
    cast,
    memmove,
    pointer,
    sizeof,
    string_at,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlcipher3._sqlite3

_METHODS_IN_VERSION_3 = 18


class _IoMethods(Structure):
    """`sqlite3_io_methods`: a version and then function pointers; `xSync` is the fifth."""

    _fields_ = [("version", c_int), ("methods", c_void_p * _METHODS_IN_VERSION_3)]


class _File(Structure):
    """`sqlite3_file`: whatever follows belongs to the VFS."""

    _fields_ = [("methods", POINTER(_IoMethods))]


class _Vfs(Structure):
    """`sqlite3_vfs` up to `xOpen`."""

    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("app_data", c_void_p),
        ("open", c_void_p),
    ]


_WRITE, _SYNC = 2, 4
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(_File), c_int, POINTER(c_int))
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
# A file that outlives the counting still calls through these.
_kept: list[Any] = []


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync that was asked for. `path` is None for a nameless temporary file."""

    path: Path | None


@dataclass(frozen=True, slots=True)
class Write:
    """One write of `data` at `offset`."""

    path: Path
    offset: int
    data: bytes


@contextmanager
def counted_syncs(
    after: Callable[[Path], None] | None = None, *, before_write: Callable[[Write], None] | None = None
) -> Iterator[list[Sync]]:
    """The syncs of every file that is opened inside the block, in order. `after` runs when one has succeeded.

    `before_write` runs before each write; neither may open a database itself.
    """
    library = CDLL(sqlcipher3._sqlite3.__file__)
    library.sqlite3_vfs_find.restype = POINTER(_Vfs)
    library.sqlite3_vfs_find.argtypes = [c_char_p]
    vfs = library.sqlite3_vfs_find(None).contents
    original = vfs.open
    open_file = _Open(original)
    syncs: list[Sync] = []

    def watched_open(vfs_at: int, name: int | None, file: Any, flags: int, out_flags: Any) -> int:
        code = open_file(vfs_at, name, file, flags, out_flags)
        if code == 0 and file.contents.methods:
            text = cast(name, c_char_p).value if name else None
            path = None if text is None else Path(text.decode())
            _watch(file, path, syncs, after, before_write)
        return int(code)

    watched = _Open(watched_open)
    _kept.append(watched)
    vfs.open = cast(watched, c_void_p)
    try:
        yield syncs
    finally:
        vfs.open = original


def _watch(
    file: Any,
    path: Path | None,
    syncs: list[Sync],
    after: Callable[[Path], None] | None,
    before_write: Callable[[Write], None] | None,
) -> None:
    own = _IoMethods()
    theirs = file.contents.methods.contents
    # Older tables are shorter; what lies behind them is never called, because the version is copied too.
    memmove(
        pointer(own), pointer(theirs), sizeof(_IoMethods) if theirs.version >= 3 else sizeof(c_void_p) * 13
    )
    sync_file = _Sync(theirs.methods[_SYNC])

    def watched_sync(file_at: int, flags: int) -> int:
        syncs.append(Sync(path))
        code = int(sync_file(file_at, flags))
        if code == 0 and after is not None and path is not None:
            after(path)
        return code

    watched = _Sync(watched_sync)
    own.methods[_SYNC] = cast(watched, c_void_p).value
    _kept.extend((own, watched))
    if before_write is not None and path is not None:
        write_file = _Write(theirs.methods[_WRITE])

        def watched_write(file_at: int, data: int, size: int, offset: int) -> int:
            before_write(Write(path, offset, string_at(data, size)))
            return int(write_file(file_at, data, size, offset))

        writes = _Write(watched_write)
        own.methods[_WRITE] = cast(writes, c_void_p).value
        _kept.append(writes)
    file.contents.methods = pointer(own)
