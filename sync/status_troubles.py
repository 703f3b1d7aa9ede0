"""What keeps entries from being delivered, counted, each with the command that comes next. Pure.

Held entries by reason, sign-ins that are missing, closed hosts with what waits behind them, a pause, a silent worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from storage.overview import Group
from sync.gate import Host
from sync.status_facts import Facts, offset_s

# Beyond this the device's clock misleads people, tokens and look-ups; a capture then is marked.
CLOCK_SUSPECT_S: Final = 120.0
_TROUBLE: Final = frozenset({"parked", "dead", "in_doubt"})


class Trouble(NamedTuple):
    """One thing that keeps entries from being delivered. `oldest` is when the oldest of them was captured."""

    reason: str
    n: int
    oldest: int | None
    next_command: str
    told: str = ""  # in its own words, where it has any
    at_storage: bool = False  # what it is about is the storage for signatures, not the server

    @property
    def sentence(self) -> str:
        """What it means, for a person; looked up when asked for, because a program does not ask."""
        from sync.explain import reason_words

        words = reason_words(self.reason)
        return self.told or (words.of_storage if self.at_storage else "") or words.what


def find_troubles(facts: Facts) -> Iterator[Trouble]:
    """What keeps entries waiting, each entry under one of them where that can be told; the worst first."""
    if facts.broken is not None:
        command = facts.broken.next_command or "fieldsync config check"
        yield Trouble(facts.broken.code, 1, None, command, str(facts.broken))
        return
    for state, reason, count, oldest in facts.reasons:
        if state in _TROUBLE:
            yield _told(reason or state, Group(count, oldest))
    for owner, group in facts.unsigned:
        told = _told("auth_required", group, command=f"fieldsync auth set{_named(owner)}")
        yield told._replace(told=_of_command(facts, owner, told))
    if not facts.unsigned and all(each.state == "missing" for each in facts.auth):
        yield _told("auth_required", Group(0, None))
    if facts.worker_silent:
        yield _told("worker_silent", Group(facts.waiting, facts.oldest_waiting))
    elif facts.drain_silent and facts.drainer is not None:
        # Nobody else may send while it might: it has to go on, or to be ended.
        command = f"kill -CONT {facts.drainer.pid}" if facts.drainer.pid else ""
        yield _told("drain_silent", Group(facts.waiting, facts.oldest_waiting), command=command)
    if abs(offset_s(facts.control) or 0.0) > CLOCK_SUSPECT_S:
        yield _told("clock_suspect", Group(facts.waiting, facts.oldest_waiting))
    pause = facts.pause
    if pause is not None:
        if facts.waiting:
            group = Group(facts.waiting, facts.oldest_waiting)
            yield _told(str(pause.get("reason") or "paused"), group, command="fieldsync resume")
        return
    if facts.behind_held.n:
        yield _told("waits_for_entry", facts.behind_held)
    yield from _at_gates(facts)


def _named(owner: str) -> str:
    if not owner:
        return ""
    from shlex import quote

    return f" --owner {quote(owner)}"


def _of_command(facts: Facts, owner: str, trouble: Trouble) -> str:
    """What is said where the sign-in command gave no tokens; empty where that is not the trouble."""
    command = (facts.control.get(f"pause:owner:{owner}") or {}).get("command")
    if not command:
        return ""
    from sync.explain import command_told

    return f"{trouble.sentence} {command_told(command)}"


def _at_gates(facts: Facts) -> Iterator[Trouble]:
    """Closed hosts with what waits behind them; behind an open one, why its entries were set back."""
    unsent_told = owed_told = False
    pending, accepted = facts.counts["pending"], facts.counts["accepted"]
    if pending and facts.shut(Host.API):
        unsent_told = True
        reason = facts.gate(Host.API).reason or "no_connection"
        yield _told(reason, Group(pending, facts.oldest_unsent))
    if facts.shut(Host.UPLOAD):
        if accepted:
            owed_told = True
            reason = facts.gate(Host.UPLOAD).reason or "no_connection"
            yield _told(reason, Group(accepted, facts.oldest_owed), storage=True)
        if facts.signed.n and not unsent_told:
            unsent_told = True
            yield _told("upload_host_closed", facts.signed)
    told = {"pending": unsent_told, "accepted": owed_told, "sending": True}
    for state, reason, count, _ in facts.reasons:
        # Who waits for a sign-in was counted by owner.
        if not told.get(state, True) and reason and reason != "auth_required":
            yield _told(reason, Group(count, None), storage=state == "accepted")


def _told(reason: str, group: Group, *, command: str = "", storage: bool = False) -> Trouble:
    if not command:
        from sync.explain import next_command  # the words are only needed where something is wrong

        command = next_command(reason)
    return Trouble(reason, group.n, group.oldest, command, at_storage=storage)
