"""What holds many entries for one and the same cause: grouped by kind, reason, status and the server's words.

Pure and light. The server's words are cut to what entries can share: numbers, addresses and whatever the entry itself
says are masked, so that fourteen refusals are one line, and nobody's name stands in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from unicodedata import normalize

from sync.secret import MASK, redact

NUMBER: Final = "#"
_LONGEST: Final = 160
# In these places APIs say in words what is wrong; the first that has any is taken.
_SAYING: Final = ("message", "Message", "error_description", "detail", "errors", "error", "title", "code")
_CUT_JSON: Final = re.compile(r'"(?:message|Message|detail|error)"\s*:\s*"((?:[^"\\]|\\.)*)')
_XML_SAYS: Final = re.compile(r"<Message>([^<]*)")
_EMAIL: Final = re.compile(r"[^\s@,;:<>\"'()\[\]]+@[^\s@,;:<>\"'()\[\]]+")
_ID: Final = re.compile(r"\b(?=[0-9a-fA-F-]*\d)[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]+)*\b")
_NUMBER: Final = re.compile(r"-?\d+(?:[.,:T/-]\d+)*Z?")
_NUMBERS: Final = re.compile(rf"{NUMBER}(?:\s*[,;]\s*{NUMBER})+")
_QUOTED: Final = re.compile(r'"([^"]*)"|“([^”]*)”|«([^»]*)»|(?<!\w)\'([^\']*)\'(?!\w)')
_FIELD: Final = re.compile(r"[a-z_$][\w$]*(?:[.\[][\w.\[\]#$]*)?", re.ASCII)
# A value of a few words may be a name, of which the server repeats a part.
_FEW_WORDS: Final = 4
_SHORT_WORD: Final = 4
_WORD: Final = re.compile(r"\w+")
# What the last try was told is the cause where the entry has its reason, or ran out of tries.
_OUT_OF_TRIES: Final = "attempts_exhausted"


@dataclass(frozen=True, slots=True)
class Cause:
    """What several entries have in common. `message` is empty where the server said nothing about it."""

    kind: str
    state: str
    stage: str | None
    reason: str
    status: int | None
    message: str


@dataclass(slots=True)
class Group:
    """The entries that one cause holds: full ids, oldest capture first; `owner` where they have one in common."""

    cause: Cause
    owner: str | None
    ids: list[str] = field(default_factory=list)


def grouped(held: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Parked and dead entries by cause, the most frequent first.

    Each has `id`, `kind`, `state`, `stage`, `reason`, `owner`, `payload` (JSON text), and of its last try
    `tried_reason`, `status` and `detail`.
    """
    groups: dict[Cause, Group] = {}
    for entry in held:
        told = entry["reason"] in (entry["tried_reason"], _OUT_OF_TRIES)
        cause = Cause(
            kind=entry["kind"],
            state=entry["state"],
            stage=entry["stage"],
            reason=entry["reason"] or entry["state"],
            status=entry["status"] if told else None,
            message=shared_words(entry["detail"] or "", entry["payload"]) if told else "",
        )
        group = groups.setdefault(cause, Group(cause, entry["owner"]))
        group.ids.append(entry["id"])
        if group.owner != entry["owner"]:
            group.owner = None
    return sorted(groups.values(), key=lambda each: -len(each.ids))


def shared_words(detail: str, payload: str) -> str:
    """What the server said, without what is of this entry or of a person alone; one line, at most 160 characters."""
    said = normalize("NFC", " ".join(redact(_sentence(detail)).split()))
    data = _read(payload)
    said = _EMAIL.sub(MASK, said)
    folded = (
        said.casefold()
    )  # most of what an entry holds, no server repeats: a pattern each would cost seconds
    for value in sorted({*_personal(data)}, key=len, reverse=True):
        if value.casefold() in folded:
            said = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, said, flags=re.IGNORECASE)
        elif value.count(" ") >= _FEW_WORDS:
            said = _without_parts(said, value)
    names = {*_names(data)}
    said = _QUOTED.sub(lambda quoted: _unquoted(quoted, names), said)
    said = _NUMBERS.sub(NUMBER, _NUMBER.sub(NUMBER, _ID.sub(NUMBER, said)))
    return said if len(said) <= _LONGEST else said[: _LONGEST - 3] + "..."


def _sentence(detail: str) -> str:
    """The words in an answer, whatever it is written in."""
    found = _read(detail)
    if isinstance(found, dict):
        words = next((told for key in _SAYING if (told := _joined(found.get(key)))), "")
        place = found.get("field")
        return f"{place}: {words}" if isinstance(place, str) and place not in words else words
    # An excerpt may be cut in the middle.
    cut = _CUT_JSON.search(detail) or _XML_SAYS.search(detail)
    return cut[1] if cut else detail


def _joined(told: Any) -> str:
    if isinstance(told, dict):
        return next((words for key in _SAYING if (words := _joined(told.get(key)))), "")
    if isinstance(told, list):
        return "; ".join(filter(None, map(_joined, told)))
    return told if isinstance(told, str) else ""


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _personal(data: Any, key: str = "") -> Iterator[str]:
    """Every text that the body holds, and the words of the short ones. What an image is called is no secret's type."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from _personal(value, name)
    elif isinstance(data, list):
        for value in data:
            yield from _personal(value)
    elif isinstance(data, str) and key != "mimeType":
        words = normalize("NFC", data).split()  # an accent may be written in two ways
        parts = words if len(words) <= _FEW_WORDS else []
        yield from (each for each in (" ".join(words), *parts) if len(each) > 1)


def _without_parts(said: str, text: str) -> str:
    """`said` without what it repeats of a long text: words in a row, and words that may be names."""
    found = [*_WORD.finditer(said)]
    words = [word[0].casefold() for word in found]
    own = [*_WORD.finditer(text)]
    folded = [word[0].casefold() for word in own]
    if not {*words} & {*folded}:
        return said
    names = {name for word, name in zip(own, folded, strict=True) if _may_be_name(text, word)}
    rows = {*zip(folded, folded[1:], folded[2:], strict=False)}
    hidden = {n for n, word in enumerate(words) if word in names}
    for n, row in enumerate(zip(words, words[1:], words[2:], strict=False)):
        if row in rows:
            hidden |= {n, n + 1, n + 2}
    for n in sorted(hidden, reverse=True):
        end = found[n + 1].start() if n + 1 in hidden else found[n].end()
        said = said[: found[n].start()] + ("" if n + 1 in hidden else MASK) + said[end:]
    return said


def _may_be_name(text: str, word: re.Match[str]) -> bool:
    """Whether it begins with a capital, and not only because a sentence begins: then short words are none."""
    if not word[0][0].isupper() or len(word[0]) == 1:
        return False
    before = text[: word.start()].rstrip()
    return len(word[0]) > _SHORT_WORD or (bool(before) and before[-1] not in ".!?:")


def _names(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _names(value)
    elif isinstance(data, list):
        for value in data:
            yield from _names(value)


def _unquoted(quoted: re.Match[str], names: set[str]) -> str:
    """A quoted field is what a person needs to know; anything else that is quoted may be anybody's."""
    content = next(each for each in quoted.groups() if each is not None)
    if content in names or _FIELD.fullmatch(content):
        return quoted[0]
    return quoted[0].replace(content, MASK) if content else quoted[0]
