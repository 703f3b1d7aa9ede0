"""Hands work from one outbox to another inside this process, sealed for a key that costs no time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from storage.database import Database
from sync.bundle.handing import HandedOver, Wanted, hand_over
from sync.bundle.sealed_file import Key
from sync.bundle.taking import TakenIn, take_in
from sync.clock import Clock
from sync.secret import Secret

KEY = Key(Secret("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="))
OTHER_KEY = Key(Secret("CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg="))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLOCK = Clock(now=lambda: NOON, monotonic_s=lambda: 1000.0, boot=lambda: "boot-1")


def bundle_id(number: int) -> str:
    return f"0193b000-0000-4000-8000-{number:012d}"


def given_away(database: Database, path: Path, number: int = 1, **wanted: Any) -> HandedOver:
    """An export of what is wanted, as bundle `number`."""
    return hand_over(
        database,
        Wanted(**wanted),
        path,
        KEY,
        clock=CLOCK,
        bundle=bundle_id(number),
        random=Random(number).randbytes,
    )


def taken_in(database: Database, path: Path, **changes: Any) -> TakenIn:
    with path.open("rb") as stream:
        return take_in(database, stream, changes.pop("key", KEY), clock=CLOCK, **changes)
