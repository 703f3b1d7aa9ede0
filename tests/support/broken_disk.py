"""Ways in which a disk, a person or a power cut leaves the files of an outbox, each its own."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

from sqlcipher3 import dbapi2

from storage.folder import StorageFolder

PAGE = 4096
_LEAF, _INNER = 0x0D, 0x05


def _pages(database: Path) -> list[bytes]:
    content = database.read_bytes()
    return [content[at : at + PAGE] for at in range(0, len(content), PAGE)]


def write_page(database: Path, number: int, content: bytes, at: int = 0) -> None:
    """Overwrite a part of a page; the first has number 1."""
    with database.open("r+b") as file:
        file.seek((number - 1) * PAGE + at)
        file.write(content)


def garbage(size: int = PAGE, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


def root_of(database: Path, name: str) -> int:
    """Where the tree of a table or index begins."""
    connection = dbapi2.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    (number,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    connection.close()
    return int(number)


def entry_leaf(database: Path, ids: list[str]) -> tuple[int, list[str]]:
    """A page in the middle that holds nothing but entries, and which."""
    found = [
        (number, [id for id in ids if page.count(id.encode()) >= 2])
        for number, page in enumerate(_pages(database), 1)
        if page[0] == _LEAF and b"unplanned-preventive" in page
    ]
    full = [each for each in found if each[1]]
    return full[len(full) // 2]


def image_page(database: Path, image: bytes) -> int:
    """A page in the middle of where these bytes are continued."""
    piece = image[len(image) // 2 : len(image) // 2 + 64]
    (number,) = [n for n, page in enumerate(_pages(database), 1) if piece in page]
    return number


def free_page(database: Path) -> int:
    """The first page of the list of free ones."""
    (number,) = struct.unpack(">I", database.read_bytes()[32:36])
    assert number, "nothing is free"
    return int(number)


def flip(database: Path, text: bytes, *, replace: bytes) -> None:
    """Change stored bytes where they lie, as a tired flash cell does: the page still makes sense."""
    assert len(text) == len(replace)
    content = database.read_bytes()
    assert content.count(text) >= 1, text
    database.write_bytes(content.replace(text, replace))


def is_inner(database: Path, number: int) -> bool:
    return _pages(database)[number - 1][0] == _INNER


def cut_off_mark(folder: StorageFolder) -> None:
    """What a drain leaves behind that was killed."""
    folder.in_use.mkdir(exist_ok=True)
    (folder.in_use / "of-a-dead-process").touch()


Damage = Callable[[StorageFolder], None]
