"""One request to this machine: straight to the socket, no proxy, no redirect, no credentials of the user."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sync.demo.children import DemoBroken

TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Found:
    """An address and what it answered."""

    status: int
    body: bytes
    content_type: str

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def ask(
    method: str,
    url: str,
    body: bytes | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    who: str = "the sandbox",
) -> Found:
    """What `url` answers, whatever that is.

    Raises:
        DemoBroken: nobody answered.
    """
    connection = connected(url)
    try:
        connection.request(method, target(url), body, dict(headers or {}))
        answer = connection.getresponse()
        return Found(answer.status, answer.read(), answer.getheader("content-type") or "")
    except (OSError, http.client.HTTPException) as error:
        raise DemoBroken(f"{who} does not answer ({type(error).__name__})") from error
    finally:
        connection.close()


def connected(url: str, *, timeout_s: float = TIMEOUT_S) -> http.client.HTTPConnection:
    """To where `url` is; connects at its first request."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)


def target(url: str) -> str:
    """Path and query."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
