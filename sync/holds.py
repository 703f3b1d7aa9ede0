"""Holding back without touching an entry: the whole queue, or the sends of one owner whose tokens failed.

The hold of an owner stands until other tokens are there, or until one of the owner's entries, sent as a probe after 5,
15 and then every 60 minutes, shows that the same tokens are good again. Probes go round: the entry that was refused
last is the last to be asked again, so that one bad entry cannot hold its owner for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from storage import control, owners
from storage.database import Transaction
from storage.guarded import to_ms
from storage.readiness import PAUSED_OWNER
from sync.credentials import Tokens

HELD: Final = "auth_required"
ALONE: Final = "auth_refused_alone"  # the reason of an entry that is refused with tokens that serve others
UNCHANGED: Final = "auth_command_unchanged"
PROBE_AFTER_S: Final = (300.0, 900.0, 3600.0)
_RENEWED: Final = "renewed:tokens:"  # + fingerprint of a pair that the sign-in command printed
_ALONE: Final = "refused_alone:"  # + owner: entries that were refused with tokens that were good for others
_MOST_NOTED: Final = 50
_BEHIND_MS: Final = 60_000

Hold = dict[str, Any]
"""The keys are "reason", "since" (ISO), "detail", "failures", "probe_at" (ms), "tokens" (fingerprint of the pair that
failed, or None), "asked" (the sign-in command was run for it), "refused" (sequence numbers, the last one last) and,
where that command failed, "command": {"reason", "said"}."""


def pause_queue(transaction: Transaction, reason: str, detail: str | None, now: datetime) -> None:
    """Hold the whole queue; no entry changes state."""
    value = {"reason": reason, "since": now.isoformat(), "detail": detail}
    control.put(transaction, control.PAUSE, value, now=to_ms(now))


def hold_owner(
    transaction: Transaction,
    owner: str | None,
    tokens: Tokens | None,
    detail: str,
    now: datetime,
    *,
    seq: int | None = None,
    probe: bool = False,
) -> None:
    """Hold the sends of one owner, because entry `seq` was refused with these tokens, or nothing could be sent at all.

    A `probe` that failed begins the next, longer hold.
    """
    mark = None if tokens is None else tokens.fingerprint()
    standing = control.paused_owners(transaction).get(owner or "") or {}
    same = bool(standing) and standing.get("tokens") == mark
    refused = _with(standing.get("refused", []) if same else [], seq)
    if same and not probe:
        # Several workers met the same refusal: that is one, not many.
        control.pause_owner(transaction, owner, {**standing, "refused": refused}, now=to_ms(now))
        return
    printed = _printed_just_now(transaction, mark, now)
    before = standing if same else printed
    failures = int(before.get("failures", 0)) + 1
    value: Hold = {
        "reason": HELD,
        "since": before.get("since") or now.isoformat(),
        "detail": detail,
        "failures": failures,
        "probe_at": to_ms(now) + int(_wait_s(failures) * 1000),
        "tokens": mark,
        # Tokens that the command has just printed and that are no good: asking it again at once is no help.
        "asked": bool(printed) and not same,
        "refused": refused,
    }
    control.pause_owner(transaction, owner, value, now=to_ms(now))


def _with(refused: list[int], seq: int | None) -> list[int]:
    if seq is None:
        return refused
    return [*(each for each in refused if each != seq), seq][-_MOST_NOTED:]


def _wait_s(failures: int) -> float:
    return PROBE_AFTER_S[min(failures, len(PROBE_AFTER_S)) - 1]


def _printed_just_now(transaction: Transaction, mark: str | None, now: datetime) -> Hold:
    printed: Hold = (mark and control.get(transaction, _RENEWED + mark)) or {}
    age_s = (to_ms(now) - int(printed.get("at", 0))) / 1000
    return printed if 0 <= age_s < PROBE_AFTER_S[0] else {}


def lift_hold(transaction: Transaction, owner: str | None) -> None:
    """Other tokens are there: every entry of this owner may go, also those that were refused alone."""
    control.resume_owner(transaction, owner)
    control.clear(transaction, _ALONE + (owner or ""))
    for reason in (HELD, ALONE):
        owners.hasten(transaction, owner, reason=reason)


def probe_answered(transaction: Transaction, owner: str | None, now: datetime, *, taken: bool) -> None:
    """The server answered a probe, and not that it asks for a sign-in: this owner's entries may go again.

    If it took the probe (`taken`), who is refused once more with the same tokens is refused alone. Else nothing is
    proved, and those that were refused let the others go first.
    """
    hold = control.paused_owners(transaction).get(owner or "")
    if hold is None:
        return
    control.resume_owner(transaction, owner)
    refused = hold.get("refused", [])
    if not taken:
        owners.put_off(transaction, refused, until=to_ms(now) + _BEHIND_MS)
    elif refused:
        value = {"tokens": hold.get("tokens"), "refused": {str(seq): 0 for seq in refused}}
        control.put(transaction, _ALONE + (owner or ""), value, now=to_ms(now))


def failed_tokens(transaction: Transaction) -> dict[str, Any]:
    """For each owner ("" is: none named) who is held, or has entries that are refused alone, the pair that failed."""
    alone = control.get_all(transaction, _ALONE)
    return {
        owner: each.get("tokens") for owner, each in {**alone, **control.paused_owners(transaction)}.items()
    }


def wait_alone_s(
    transaction: Transaction, owner: str | None, tokens: Tokens, seq: int, now: datetime
) -> float | None:
    """How long this entry alone waits after one more refusal; None where the refusal concerns its owner.

    It is the entry's own where the same tokens were taken for another entry after they had been refused for this one.
    """
    known = control.get(transaction, _ALONE + (owner or "")) or {}
    times = known.get("refused", {}).get(str(seq))
    if times is None or known.get("tokens") != tokens.fingerprint():
        return None
    known["refused"][str(seq)] = times + 1
    control.put(transaction, _ALONE + (owner or ""), known, now=to_ms(now))
    return _wait_s(times + 1)


def probe_now(transaction: Transaction, now: datetime) -> None:
    """A person orders: each held owner's next probe is due."""
    for owner, hold in control.paused_owners(transaction).items():
        control.pause_owner(transaction, owner, {**hold, "probe_at": 0}, now=to_ms(now))


def probe_due(transaction: Transaction, owner: str | None, hold: Hold, now: datetime) -> bool:
    """Whether the time of the next probe has come. A clock that jumped must not keep an owner waiting for years."""
    latest = to_ms(now) + int(PROBE_AFTER_S[-1] * 1000)
    if int(hold.get("probe_at", 0)) > latest:
        # Written down, or the moment would move on with the clock.
        control.pause_owner(transaction, owner, {**hold, "probe_at": latest}, now=to_ms(now))
    return int(hold.get("probe_at", 0)) <= to_ms(now)


def ask_command(transaction: Transaction, *, now: datetime) -> list[str | None]:
    """Owners for whom the sign-in command is to be run now: once for each hold, and only while something is due.

    Owners who share the pair that failed share the run.
    """
    chosen: dict[str, str] = {}
    for owner, hold in control.paused_owners(transaction).items():
        if not hold.get("asked") and owners.any_due(transaction, owner):
            control.pause_owner(transaction, owner, {**hold, "asked": True}, now=to_ms(now))
            chosen[hold.get("tokens") or f"none:{owner}"] = owner
    return [owner or None for owner in chosen.values()]


def command_failed(
    transaction: Transaction, owner: str | None, reason: str, said: str, now: datetime
) -> None:
    """Keep, for people, why the sign-in command gave no tokens. The hold goes on."""
    if hold := control.paused_owners(transaction).get(owner or ""):
        value = {**hold, "command": {"reason": reason, "said": said}}
        control.pause_owner(transaction, owner, value, now=to_ms(now))


def command_printed(transaction: Transaction, owner: str | None, tokens: Tokens, now: datetime) -> None:
    """Remember that this pair is the command's, and what it followed: should it fail, the waits go on growing."""
    hold = control.paused_owners(transaction).get(owner or "") or {}
    if hold.get("tokens") == tokens.fingerprint():
        command_failed(transaction, owner, UNCHANGED, "", now)
        return
    marks = control.get_all(transaction, _RENEWED)
    for mark in sorted(marks, key=lambda each: marks[each]["at"])[: max(0, len(marks) - _MOST_NOTED + 1)]:
        control.clear(transaction, _RENEWED + mark)
    value = {"at": to_ms(now), "failures": hold.get("failures", 0), "since": hold.get("since")}
    control.put(transaction, _RENEWED + tokens.fingerprint(), value, now=to_ms(now))


def tokens_taken(transaction: Transaction, tokens: Tokens) -> None:
    """The server took this pair: when it fails one day, that is a new trouble."""
    control.clear(transaction, _RENEWED + tokens.fingerprint())


def shift(transaction: Transaction, by_ms: int, *, now: int) -> None:
    """The wall clock jumped: what is waited for, and since when, moves with it."""
    for prefix in (PAUSED_OWNER, _RENEWED):
        for key, known in control.get_all(transaction, prefix).items():
            moved = {
                **known,
                **{name: int(known[name]) + by_ms for name in ("probe_at", "at") if name in known},
                "since": _moved(known.get("since"), by_ms),
            }
            control.put(transaction, prefix + key, moved, now=now)


def _moved(since: str | None, by_ms: int) -> str | None:
    return since and (datetime.fromisoformat(since) + timedelta(milliseconds=by_ms)).isoformat()
