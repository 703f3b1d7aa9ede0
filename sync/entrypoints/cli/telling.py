"""How entries and status look to people and programs: the text of a terminal, and the documents of `--json`.

Whatever others wrote (server texts, names) is printed so that a terminal takes no orders from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from sync.entrypoints.cli.output import plain, print_json
from sync.entrypoints.cli.saying import said, tongue
from sync.entrypoints.documents import next_command_of, show_document

if TYPE_CHECKING:
    from sync.causes import Group
    from sync.explain_words import Explained
    from sync.status import Status

_COLOURS: Final = {
    "ok": "green", "waiting": "cyan", "attention": "yellow", "broken": "red",
    "done": "green", "accepted": "cyan", "sending": "cyan", "in_doubt": "yellow", "parked": "yellow", "dead": "red",
}  # fmt: skip
# So many ids of a cause are named to a person; a program gets them all.
_EXAMPLES: Final = 3


def tell(told: Any) -> None:
    """Print a text, or anything else as one JSON document on one line; colour on a terminal only."""
    if not isinstance(told, str):
        print_json(told)
        return
    click.echo(told, color=False if os.environ.get("NO_COLOR") else None)


def status_text(found: Status) -> str:
    """The whole status for a person; the first line is the one that matters."""
    told = found.document
    lines = [_coloured(told["headline"], told["level"])]
    if told["level"] != "broken":
        lines += ["", *_columns(_said(_numbers(told)))]
    if found.troubles:
        lines += ["", said("what keeps them, and what to run:")]
        rows = [(str(each.n), each.reason, said(each.sentence)) for each in found.troubles]
        for line, each in zip(_columns(rows), found.troubles, strict=True):
            lines += [line, f"      {plain(each.next_command)}"]
    return "\n".join([*lines, "", *_columns(_said(_surroundings(told)))])


def _numbers(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    counts = told["counts"]
    waiting = ", ".join(
        f"{counts[state]} {state}" for state in ("pending", "sending", "accepted") if counts[state]
    )
    if told["oldest_waiting_s"] is not None and told["waiting"]:
        waiting += f"{'; ' if waiting else ''}oldest {_span(told['oldest_waiting_s'])}"
    needs = ", ".join(f"{counts[state]} {state}" for state in ("parked", "dead") if counts[state])
    owed = [("signature owed", f"{told['signature_owed']} (on the server, image still here)")]
    return [
        ("waiting", _with(told["waiting"], waiting)),
        ("in doubt", str(told["in_doubt"])),
        ("needs a person", _with(told["needs_action"], needs)),
        *(owed if told["signature_owed"] else []),
        ("done", str(counts["done"])),
    ]


def _nothing_due(told: Mapping[str, Any]) -> str:
    return "nothing is due; what is in doubt is looked up by itself" if told["in_doubt"] else "nothing is due"


def _surroundings(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    worker, pause, database = told["worker"], told["paused"], told["database"]
    rows = []
    if pause is not None:
        why = f": {pause['detail']}" if pause["detail"] else ""
        rows.append(("paused", f"since {pause['since']} ({pause['reason']}){why}"))
    online = {True: "reachable", False: "not reachable", None: "not known yet"}[told["online"]]
    running = "none is running; fieldsync run starts it, fieldsync sync delivers once"
    rows += [
        ("server", online),
        ("last success", told["last_success_at"] or "none yet"),
        ("next try", told["next_due_at"] or _nothing_due(told)),
        ("worker", running if worker is None else f"process {worker['pid']} since {worker['since']}"),
    ]
    drain = told["drain"]
    if drain is not None:
        rows.append(
            (
                "delivering",
                f"process {drain['pid']} since {drain['since']}, last sign of life {drain['last_sign_at']}",
            )
        )
    for each in told["auth"]:
        until = f" until {each['expires_at']}" if each["expires_at"] else ""
        waiting = f"; {each['waiting']} waiting" if each["waiting"] else ""
        rows.append(("sign-in", f"{each['owner'] or 'this device'}: {each['state']}{until}{waiting}"))
    if told["clock_offset_s"] is not None:
        ahead = "behind" if told["clock_offset_s"] > 0 else "ahead of"
        rows.append(("clock", f"{abs(told['clock_offset_s']):.1f} s {ahead} the server's"))
    if told["disk_free_bytes"] is not None:
        rows.append(("disk", f"{_size(told['disk_free_bytes'])} free"))
    rows.append(("database", f"{database['path']} ({_size(database['bytes'])})"))
    return rows


def alive_text(found: Status) -> str:
    """One line for a health check."""
    worker = found.document["worker"]
    if found.alive:
        return f"alive: worker process {worker['pid']} since {worker['since']}"
    if found.document["level"] == "broken":
        return f"not alive: {found.troubles[0].sentence}"
    if worker is None:
        return "not alive: no worker is running"
    return f"not alive: worker process {worker['pid']} has given no sign of life for over a minute"


def list_text(entries: list[dict[str, Any]]) -> str:
    """One line an entry."""
    rows = [tuple(map(said, ("ID", "CAPTURED", "KIND", "STATE", "REASON", "SERVER ID", "OWNER")))]
    rows += [
        (
            each["id"][-8:],
            _to_second(each["captured_at"]),
            each["kind"],
            each["state"],
            said(_reason(each)),
            str(each["server_id"] or "-"),
            each["owner"] or "-",
        )
        for each in entries
    ]
    head, *lines = _columns(rows)
    return "\n".join([click.style(head, dim=True), *lines])


def causes_text(groups: Sequence[Group]) -> str:
    """The same for a person: each cause once, with an example, why it holds them, and what can be done."""
    from sync.explain import explain_held

    blocks = []
    for group in groups:
        cause, one = group.cause, len(group.ids) == 1
        told = " ".join(filter(None, (str(cause.status or ""), cause.message or cause.reason)))
        entry = {"id": group.ids[0] if one else "ID", "owner": group.owner}
        held = {**entry, "state": cause.state, "stage": cause.stage, "reason": cause.reason}
        explained = explain_held(held, language=tongue())
        shown = ", ".join(id[-8:] for id in group.ids[:_EXAMPLES])
        more = len(group.ids) - _EXAMPLES
        rows = [
            ("  what", f"{cause.kind}, {cause.state}: {cause.reason}"),
            ("  which", said(f"{shown} and {more} more") if more > 0 else shown),
            ("  why", explained["waiting_for"] or ""),
            ("  next", next_command_of(group)),
        ]
        rows += [("  you can" if not n else "", each) for n, each in enumerate(explained["person_can"])]
        head = click.style(f"{len(group.ids)} x {plain(said(told))}", fg=_COLOURS.get(cause.state))
        blocks.append("\n".join([head, *_columns(_labelled(rows))]))
    return "\n\n".join(blocks)


def _reason(each: Mapping[str, Any]) -> str:
    reason = each["reason"] or "-"
    if not each["signature_owed"]:
        return reason
    return "signature owed" if each["reason"] is None else f"{reason}, signature owed"


def show_text(told: Mapping[str, Any], explained: Explained) -> str:
    """The same for a person."""
    document = show_document(told, explained)
    state = said(f" is {told['state']}")
    lines = [_coloured(f"{told['kind']} {told['id'][-8:]}{state}", told["state"]), ""]
    rows = [
        ("id", told["id"]),
        ("captured", told["captured_at"]),
        ("reason", told["reason"] or ""),
        ("why", explained["waiting_for"] or ""),
        ("until", explained["until"] or ""),
        ("next", explained["next_step"]),
    ]
    rows += [("you can" if not n else "", sentence) for n, sentence in enumerate(explained["person_can"])]
    rows += [
        ("server id", str(told["server_id"] or "")),
        ("target", str(told["target"] or "")),
        ("after", told["after"] or ""),
        ("owner", told["owner"] or ""),
        ("signature", said(_signature(told["signature"], owed=told["signature_owed"]))),
        ("done", told["done_at"] or ""),
        ("note", told["note"] or ""),
    ]
    if told["clock_suspect"]:
        rows.append(("clock", said("the device clock was more than two minutes off at capture")))
    lines += _columns(_labelled([row for row in rows if row[1]]))
    if document["history"]:
        lines += ["", said("what was tried:")]
        lines += _columns([_try(each) for each in document["history"]])
    for each in document["receipts"]:
        lines += ["", said(_told_by(each))]
        lines += _pretty(each["answer"])
    if document["server_version"]:
        lines += ["", *_versions(document["server_version"], document["payload"])]
    return "\n".join([*lines, "", said("payload:"), *_pretty(document["payload"])])


def _versions(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What the server showed of the fields that this sets, beside what it sets."""

    def written(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    when = f", changed at {there['updatedAt']}" if there["updatedAt"] else ""
    shown = there["fields"]
    rows = [
        (
            name,
            said(f"there: {written(shown[name]) if name in shown else 'not shown'}"),
            said(f"here: {written(value)}"),
        )
        for name, value in here.items()
    ]
    return [plain(said(f"when it was held, the server had{when}:")), *_columns(rows)]


def _told_by(receipt: Mapping[str, Any]) -> str:
    if not receipt["status"]:
        return f"a person said at {receipt['at']} that the server has it:"
    late = "" if receipt["adopted"] else " (came late, not used)"
    return f"the server answered {receipt['status']} at {receipt['at']}{late}:"


def _try(each: Mapping[str, Any]) -> tuple[str, ...]:
    took = "" if each["duration_ms"] is None else f"{each['duration_ms'] / 1000:.1f} s"
    status = str(each["status"] or "")
    outcome = each["outcome"] or said("under way")
    return (
        str(each["n"]),
        each["step"],
        _to_second(each["started_at"]),
        took,
        outcome,
        status,
        each["reason"] or "",
        said(f"as {each['sent_as']}") if each["sent_as"] else "",
        each["detail"] or "",
    )


def _signature(signature: Mapping[str, Any] | None, *, owed: bool) -> str:
    if signature is None:
        return ""
    waiting = "signature owed: the server has the intervention without it" if owed else "not uploaded yet"
    uploaded = f"uploaded {signature['uploaded_at']}" if signature["uploaded_at"] else waiting
    return f"{signature['name']}, {signature['mime_type']}, {_size(signature['size'])}, {uploaded}"


def _said(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Rows whose values are texts of ours as well."""
    return [(said(label), said(value)) for label, value in rows]


def _labelled(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Rows whose values are data, or in the language of the reader already."""
    return [(said(label), value) for label, value in rows]


def _columns(rows: list[Any]) -> list[str]:
    """Aligned lines; the last column is as wide as it likes."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _pretty(document: Any) -> list[str]:
    return [plain(line) for line in json.dumps(document, ensure_ascii=False, indent=2).split("\n")]


def _coloured(text: str, name: str) -> str:
    return click.style(plain(said(text)), fg=_COLOURS.get(name))


def _with(number: int, more: str) -> str:
    return f"{number} ({more})" if more else str(number)


def _to_second(at: str | None) -> str:
    return "" if at is None else f"{at[:19]}Z"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
