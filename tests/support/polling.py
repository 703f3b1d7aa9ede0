"""Waiting for another process or socket: look again until it is so, and fail with what was seen when it never is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within_s: float = 60.0, every_s: float = 0.05) -> T:
    """The first true answer of `look`.

    Raises:
        AssertionError: it never came; the message holds the last answer.
    """
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not so after {within_s} s; last seen: {seen!r}"
        time.sleep(every_s)
    return seen
