"""The bucket's contents: what was stored, how often, and the bytes as long as they fit. Thread-safe."""

from __future__ import annotations

import copy
import hashlib
import threading
from typing import Any

BUCKET = "sandbox-signatures"
BYTES_KEPT = 256 * 1024 * 1024


def image_key(row_id: int, mime_type: str) -> str:
    return f"signatures/{row_id}{'.png' if mime_type == 'image/png' else '.jpg'}"


class Objects:
    def __init__(self, bytes_kept: int = BYTES_KEPT) -> None:
        self._lock = threading.Lock()
        self._limit = bytes_kept
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._facts: dict[str, dict[str, Any]] = {}
            self._bytes: dict[str, bytes] = {}
            self._size = 0

    def put(self, key: str, data: bytes, content_type: str, at: str) -> dict[str, Any]:
        """Replace or add an object, answer its facts. The oldest bytes go first when there are too many."""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        with self._lock:
            facts = {
                "key": key,
                "content_type": content_type,
                "size": len(data),
                "md5": digest,
                "sha256": hashlib.sha256(data).hexdigest(),
                "etag": f'"{digest}"',
                "puts": self._facts.get(key, {"puts": 0})["puts"] + 1,
                "received_at": at,
            }
            self._facts[key] = facts
            self._size += len(data) - len(self._bytes.pop(key, b""))
            self._bytes[key] = data
            while self._size > self._limit and len(self._bytes) > 1:
                self._size -= len(self._bytes.pop(next(iter(self._bytes))))
            return dict(facts)

    def get(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """Facts and bytes; None when it was never stored or its bytes had to go."""
        with self._lock:
            found = self._bytes.get(key)
            return None if found is None else (dict(self._facts[key]), found)

    def facts(self) -> dict[str, dict[str, Any]]:
        with self._lock:
            return copy.deepcopy(self._facts)
