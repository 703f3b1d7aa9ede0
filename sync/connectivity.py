"""The cheap look before a pass: is there a way to the host at all? A hint, never proof, and it costs no entry a try."""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LOOK_TIMEOUT_S: Final = 5.0


def look(url: str, *, timeout_s: float = LOOK_TIMEOUT_S) -> bool:
    """Whether something takes a connection where requests to `url` would go first: the host, or the network's proxy."""
    parts = urlsplit(url)
    if parts.hostname is None:
        return False
    proxy = None if proxy_bypass(parts.hostname) else getproxies().get(parts.scheme)
    if proxy:
        parts = urlsplit(proxy)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=timeout_s):
            return True
    except (OSError, ValueError):  # a name that is no name is no way either
        return False
