"""Whether a file is a bundle, by how it begins. Light: it is asked of every file that is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MAGIC: Final = b"fieldsync-bundle/"


def is_bundle(path: Path) -> bool:
    """Whether the file begins as a bundle does; False as well where it cannot be read."""
    try:
        # Opening a pipe would wait for somebody who writes to it.
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except (OSError, ValueError):
        return False
