"""The JSON documents about entries, the same on the command line and in the local API. Their fields are a promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sync.causes import Group
    from sync.explain_words import Explained

_LISTED: Final = (
    "id", "kind", "state", "reason", "attempts", "server_id", "target", "after", "owner", "captured_at", "due_at",
    "done_at", "signature", "signature_owed",
)  # fmt: skip
_TRIED: Final = ("n", "step", "started_at", "duration_ms", "outcome", "status", "reason", "detail", "sent_as")


def show_document(told: Mapping[str, Any], explained: Explained) -> dict[str, Any]:
    """`show --json`. What the other side wrote is cleaned once more: it may hold what nobody expected there."""
    receipts = [clean(each) for each in told["receipts"]]
    return {
        "schema": 1,
        **{name: told[name] for name in _LISTED},
        "blocked_by": told["blocked_by"],
        "payload": told["payload"],
        "revisions": told["revisions"],
        "server_version": clean(told["server_version"]),
        "history": [{name: clean(each[name]) for name in _TRIED} for each in told["history"]],
        "receipt": next((each for each in receipts if each["adopted"]), None),
        "receipts": receipts,
        "explain": explained,
    }


def causes_document(groups: Sequence[Group]) -> dict[str, Any]:
    """`list --needs-action --by-cause --json`."""
    return {
        "schema": 1,
        "groups": [
            {
                "count": len(each.ids),
                "kind": each.cause.kind,
                "state": each.cause.state,
                "reason": each.cause.reason,
                "status": each.cause.status,
                "message": each.cause.message or None,
                "ids": each.ids,
                "next_command": next_command_of(each),
            }
            for each in groups
        ],
    }


def next_command_of(group: Group) -> str:
    """What to run first: where one order can help all of them, that; else a look at the oldest."""
    from sync.explain import next_command

    command = next_command(group.cause.reason)
    return command if not command.startswith("fieldsync list") else f"fieldsync show {group.ids[0][-8:]}"


def clean(value: Any) -> Any:
    """A document without secrets that somebody else wrote into it."""
    from sync.secret import redact

    match value:
        case str():
            return redact(value)
        case dict():
            return {key: clean(each) for key, each in value.items()}
        case list():
            return [clean(each) for each in value]
    return value
