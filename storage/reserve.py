"""Disk space kept back for the drain: a full disk stops captures, with a clear word, and not the delivery.

A file of that size lies in the storage folder. Captures need it; a drain that finds the disk full removes it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import Final

from storage.errors import StorageFull
from storage.folder import StorageFolder

# On a small disk the reserve takes at most this share of what is free, or nothing could be captured at all;
# and with less than the least there is no room to be proud of.
_SHARE_OF_FREE: Final = 4
_LEAST_BYTES: Final = 256 * 1024


def keep_reserve(folder: StorageFolder, size_bytes: int) -> None:
    """Have the space set aside before anything is captured. A size of 0 switches this off.

    Raises:
        StorageFull: there is no room for it; nothing was stored.
    """
    if size_bytes and not folder.reserve.exists() and not _set_aside(folder, size_bytes):
        raise StorageFull(
            f"the disk that holds {folder.root} is full; free some space and capture again. "
            "What was captured before is safe and goes on being delivered"
        )


def _set_aside(folder: StorageFolder, size_bytes: int) -> bool:
    try:
        size_bytes = min(size_bytes, shutil.disk_usage(folder.root).free // _SHARE_OF_FREE)
        if size_bytes < _LEAST_BYTES:
            return False
        draft = folder.reserve.with_name(folder.reserve.name + ".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _allocate(descriptor, size_bytes)
        except OSError:
            draft.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        try:
            draft.replace(folder.reserve)
        except FileNotFoundError:
            # Somebody else set the same draft aside meanwhile.
            return folder.reserve.exists()
    except OSError:
        return False
    return True


def _allocate(descriptor: int, size_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        if size_bytes > 0:
            os.posix_fallocate(descriptor, 0, size_bytes)
        return
    block = b"\0" * 65536
    for _ in range(size_bytes // len(block)):
        os.write(descriptor, block)


def release_reserve(folder: StorageFolder) -> None:
    """Give the space to the drain."""
    with suppress(OSError):
        folder.reserve.unlink()
