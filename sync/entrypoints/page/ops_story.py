"""What happened to one entry, in order: captured, tried, edited, answered. Pure: the story of an entry goes in.

What others wrote was cleaned of secrets when it was kept, and is cleaned once more here (`documents.clean`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync.editing import paths_changed
from sync.entrypoints.page.ops_figures import decimal
from sync.entrypoints.page.ops_frame import Told
from sync.explain import reason_words

# A line break stands between values only: in a text it is written as two characters.
_NUMBERS: Final = re.compile(r"\[\n\s+((?:-?[0-9][0-9.eE+-]*,\n\s+)*-?[0-9][0-9.eE+-]*)\n\s+\]")
_PERSON: Final = "person"
_GOOD: Final = frozenset({"Accepted", "Uploaded", "Found"})
_BAD: Final = frozenset({"Rejected", "LocalFault"})


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline. `code` are the program's own words; `paths` changed from `before` (JSON) by an edit."""

    at: str
    when: str
    title: str
    code: str = ""
    why: str = ""
    detail: str = ""
    facts: Sequence[str] = ()
    paths: Sequence[str] = ()
    before: str = ""
    tone: str = ""


def pretty(document: Any) -> str:
    """JSON for people: lists of numbers on one line."""
    return _NUMBERS.sub(_on_one_line, json.dumps(document, ensure_ascii=False, indent=2))


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[1].split())}]"


def timeline(document: Mapping[str, Any], told: Told) -> list[Happening]:
    """Everything in the order in which it happened. `document` is that of `show`."""
    edits = {each["n"]: each for each in _edits(document)}
    found = [(document["captured_at"], 0, _captured(document, told))]
    found += [
        (each["started_at"], each["n"], _tried(each, edits.get(each["n"]), told))
        for each in document["history"]
    ]
    found += [
        (each["at"], each["attempt"], _answered(each, told))
        for each in document["receipts"]
        if each["status"]
    ]
    if document["done_at"]:
        last = Happening(
            document["done_at"], told.at(document["done_at"]), told.t("ops.line.done"), "done", tone="good"
        )
        found.append((document["done_at"], 1_000_000, last))
    # By number where a clock was set back in between: what was tried later stands later.
    found.sort(key=lambda each: each[1])
    return [happening for _, _, happening in found]


def _edits(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each revision with the places that the edit after it changed."""
    said = [*(each["payload"] for each in document["revisions"]), document["payload"]]
    for each, after in zip(document["revisions"], said[1:], strict=True):
        yield {**each, "paths": paths_changed(each["payload"], after)}


def _captured(document: Mapping[str, Any], told: Told) -> Happening:
    at = document["captured_at"]
    return Happening(at, told.at(at), told.t("ops.line.captured"), "captured", facts=[document["kind"]])


def _tried(each: Mapping[str, Any], edit: Mapping[str, Any] | None, told: Told) -> Happening:
    t = told.t
    step, outcome = each["step"], each["outcome"]
    known = f"ops.outcome.{outcome}"
    said = t("ops.outcome.none") if outcome is None else t(known) if t.has(known) else outcome
    facts = [f"HTTP {each['status']}"] if each["status"] else []
    if each["duration_ms"] is not None and step != _PERSON:
        facts.append(t("ops.unit.s", n=decimal(each["duration_ms"] / 1000, t)))
    if each["sent_as"]:
        facts.append(t("ops.line.as", owner=each["sent_as"]))
    known = f"ops.step.{step}"
    reason = each["reason"]
    return Happening(
        at=each["started_at"],
        when=told.at(each["started_at"]),
        title=f"{t(known) if t.has(known) else step}{t('colon')} {said}",
        code=" ".join(filter(None, (step, outcome, reason))),
        why=reason_words(reason, language=told.explained_in).what
        if reason and step != _PERSON and outcome not in _GOOD
        else "",
        detail=each["detail"] or "",
        facts=facts,
        paths=() if edit is None else edit["paths"],
        before="" if edit is None else pretty(edit["payload"]),
        tone="good" if outcome in _GOOD else "bad" if outcome in _BAD else "",
    )


def _answered(each: Mapping[str, Any], told: Told) -> Happening:
    t = told.t
    title = t("ops.line.receipt" if each["adopted"] else "ops.line.receipt.late", id=each["server_id"])
    return Happening(
        each["at"], told.at(each["at"]), title, "receipt", detail=pretty(each["answer"]),
        facts=[f"HTTP {each['status']}"], tone="good" if each["adopted"] else "bad",
    )  # fmt: skip
