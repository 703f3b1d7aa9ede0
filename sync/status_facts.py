"""What `status` finds: one look at outbox, tokens, worker and disk. Reads, never writes; what it means is `status.py`.

Light: a person who asks where everything stands gets the answer in a tenth of a second. That is why the values here
are named tuples: they cost a fraction of a dataclass to define.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from storage import overview
from storage.errors import StorageBusy, StorageProblem
from storage.folder import StorageFolder
from storage.locks import FileLock, Holder
from storage.overview import Group
from storage.queries import STATES, Reader, reading
from sync.credentials import Credentials, Tokens
from sync.gate import Gate, Host, Mode, waits_until

# A worker gives a sign of life far more often; silent for longer, it is stopped or hangs.
BEAT_LASTS_S: Final = 60.0
NO_GROUP: Final = Group(0, None)
_HOLD: Final = "pause:owner:"


class SignIn(NamedTuple):
    """How one owner's tokens stand (None: this device's own), and how many unsent entries go out with them."""

    owner: str | None
    state: str  # ok, expired, missing, or refused by the server
    expires_at: datetime | None
    waiting: int = 0


class Facts(NamedTuple):
    """All that was found, before anything is concluded. Integers named for a moment are milliseconds since 1970 UTC."""

    now: datetime
    folder: StorageFolder
    auth: tuple[SignIn, ...]
    database_id: str | None = None
    holder: Holder | None = None
    drainer: Holder | None = None  # who is delivering right now: the worker, or a `sync` of somebody
    drain_beat_at: float | None = None  # its last sign of life, seconds since 1970
    disk_free_bytes: int | None = None
    database_bytes: int = 0
    broken: StorageProblem | None = None  # the database cannot be used: what follows is not known
    counts: Mapping[str, int] = MappingProxyType(dict.fromkeys(STATES, 0))
    reasons: tuple[tuple[str, str, int, int | None], ...] = ()  # state, reason, count, oldest
    control: Mapping[str, Any] = MappingProxyType({})
    oldest_waiting: int | None = None
    next_due: int | None = None  # 0: something is due now
    oldest_unsent: int | None = None
    oldest_owed: int | None = None
    signatures_owed: int = 0  # on the server, without their image in storage
    signed: Group = NO_GROUP  # unsent with a signature, asked for while nothing goes to the upload host
    behind_held: Group = NO_GROUP  # unsent, after an entry that is parked or dead
    unsigned: tuple[tuple[str, Group], ...] = ()  # owner ("": none) and what waits for a sign-in of theirs

    @property
    def waiting(self) -> int:
        return self.counts["pending"] + self.counts["sending"] + self.counts["accepted"]

    @property
    def needs_action(self) -> int:
        return self.counts["parked"] + self.counts["dead"]

    @property
    def pause(self) -> dict[str, Any] | None:
        return self.control.get("pause") or None

    def gate(self, host: Host) -> Gate:
        return Gate.from_json(self.control.get(f"gate:{host.value}"))

    def shut(self, host: Host) -> bool:
        """Whether nothing goes to this host now."""
        return shut(self.control, host, self.now)

    @property
    def worker_silent(self) -> bool:
        """Whether there is a worker that gives no sign of life."""
        if self.holder is None or self.broken is not None:
            return False
        beat_at = (self.control.get("worker") or {}).get("beat_at")
        if not isinstance(beat_at, int | float):
            return True
        # A clock that was set back must not make a worker look dead: the next sign of life is on its way.
        return abs(self.now.timestamp() - beat_at / 1000) > BEAT_LASTS_S

    @property
    def drain_silent(self) -> bool:
        """Whether somebody keeps the outbox to himself and gives no sign of life: stopped, or hanging."""
        if self.drainer is None or self.drain_beat_at is None:
            return False
        return abs(self.now.timestamp() - self.drain_beat_at) > BEAT_LASTS_S


def look(folder: StorageFolder, credentials: Credentials, now: datetime) -> Facts:
    """Find out everything. A database that cannot be used is a finding, not an error.

    Raises:
        StorageBusy: it is locked right now; the next look may succeed.
    """
    known: dict[str, Any] = {}
    try:
        with reading(folder) as reader:
            if reader is not None:
                known = _read(reader, credentials, now)
        known["database_id"] = folder.marked_id()
    except StorageBusy:
        raise
    except StorageProblem as problem:
        known = {"broken": problem, "database_bytes": _file_bytes(folder.database)}
    server_now = now + timedelta(seconds=offset_s(known.get("control", {})) or 0.0)
    return Facts(
        now=now,
        folder=folder,
        auth=tuple(_sign_ins(credentials, server_now, known.pop("unsent", {}), known.get("control", {}))),
        holder=FileLock.holder(folder.worker_lock),
        drainer=FileLock.holder(folder.drain_lock),
        drain_beat_at=FileLock.last_beat(folder.drain_lock),
        disk_free_bytes=_disk_free(folder.root),
        **known,
    )


def shut(control: Mapping[str, Any], host: Host, now: datetime) -> bool:
    """Whether nothing goes to this host now."""
    gate = Gate.from_json(control.get(f"gate:{host.value}"))
    return gate.mode is Mode.CLOSED or waits_until(gate, now) is not None


def offset_s(control: Mapping[str, Any]) -> float | None:
    """Server time minus device time in seconds, as last measured."""
    known = (control.get("clock") or {}).get("offset_s")
    return float(known) if isinstance(known, int | float) else None


def _read(reader: Reader, credentials: Credentials, now: datetime) -> dict[str, Any]:
    counts, control = reader.counts(), reader.control()
    known: dict[str, Any] = {
        "counts": counts,
        "signatures_owed": reader.signatures_owed(),
        "control": control,
        "reasons": tuple(reader.reasons()),
        "oldest_waiting": reader.oldest_waiting(),
        "next_due": reader.next_due(),
        "database_bytes": reader.size_bytes(),
    }
    if counts["accepted"]:
        known["oldest_owed"] = overview.oldest_in(reader, "accepted")
    if counts["pending"]:
        known["oldest_unsent"] = overview.oldest_in(reader, "pending")
        known["unsent"] = overview.unsent_by_owner(reader)
        known["unsigned"] = tuple(_unsigned(reader, control, credentials, now, known["unsent"]))
        if counts["parked"] or counts["dead"]:
            known["behind_held"] = overview.behind_held(reader)
        if shut(control, Host.UPLOAD, now):
            known["signed"] = overview.unsent_signed(reader)
    return known


def _unsigned(
    reader: Reader,
    control: Mapping[str, Any],
    credentials: Credentials,
    now: datetime,
    unsent: Mapping[str, Group],
) -> Iterator[tuple[str, Group]]:
    """Whose entries cannot be sent, because their tokens are missing, over, or were refused."""
    holds = _holds(control)
    all_seen = sum(group.n for group in unsent.values()) < overview.OWNERS_AMONG
    server_now = now + timedelta(seconds=offset_s(control) or 0.0)
    for owner in sorted({*unsent, *holds}):
        tokens = credentials.for_owner(owner or None)
        usable = tokens is not None and (tokens.expires_at is None or tokens.expires_at > server_now)
        # New tokens end a hold at the next pass: who has just signed in is not asked to do it again.
        if usable and not _refused(holds.get(owner), tokens):
            continue
        group = unsent.get(owner, NO_GROUP) if all_seen else overview.unsent_of(reader, owner)
        if group.n:
            yield owner, group


def _holds(control: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(_HOLD): hold for key, hold in control.items() if key.startswith(_HOLD)}


def _refused(hold: Mapping[str, Any] | None, tokens: Tokens | None) -> bool:
    return hold is not None and tokens is not None and hold.get("tokens") == tokens.fingerprint()


def _sign_ins(
    credentials: Credentials, server_now: datetime, unsent: Mapping[str, Group], control: Mapping[str, Any]
) -> list[SignIn]:
    """Every pair that is here, and every owner who waits for one, with what goes out with it."""
    holds = _holds(control)
    lines = [SignIn(*each) for each in credentials.status(server_now)]
    for owner, group in unsent.items():
        tokens = credentials.for_owner(owner or None)
        name = (owner or None) if tokens is None else tokens.owner
        fits = (
            n for n, line in enumerate(lines) if line.owner == name and (tokens or line.state == "missing")
        )
        at = next(fits, None)
        if at is None:
            lines.append(SignIn(name, "missing", None, group.n))
            continue
        line = lines[at]
        refused = line.state == "ok" and _refused(holds.get(owner), tokens)
        lines[at] = line._replace(waiting=line.waiting + group.n, state="refused" if refused else line.state)
    return lines


def _file_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _disk_free(folder: Path) -> int | None:
    """Free bytes for this user where the storage folder is, or will be."""
    for place in (folder, *folder.parents):
        try:
            if hasattr(os, "statvfs"):
                stat = os.statvfs(place)
                return stat.f_bavail * stat.f_frsize
            import shutil

            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None
