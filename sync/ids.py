"""UUIDv7: ids that sort by the moment of capture, which the standard library has from Python 3.14 on; derived keys."""

from __future__ import annotations

from collections.abc import Callable
from uuid import NAMESPACE_OID, UUID, uuid5


def uuid7(now_ms: int, random_bytes: Callable[[int], bytes]) -> UUID:
    """A new id for `now_ms` milliseconds since 1970 UTC. Source: RFC 9562, section 5.7."""
    random = int.from_bytes(random_bytes(10), "big")
    value = (now_ms & (1 << 48) - 1) << 80
    value |= 0x7 << 76
    value |= (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & (1 << 62) - 1
    return UUID(int=value)


def derived_key(key: str, why: str) -> str:
    """The idempotency key of another request that takes the place of the one with `key`: the same each time."""
    return str(uuid5(NAMESPACE_OID, f"{key}:{why}"))
