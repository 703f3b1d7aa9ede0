"""What a person wants changed in a body, written as `path=value`: read, and applied to what is there.

Pure. Whether the body that results can be sent is for `sync/payload.py`; every slip in what was written is told at
once, with the place as it was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sync.errors import InputRefused, Problem, json_path, shown
from sync.json_input import MAX_DEPTH, read_json
from sync.references import REFERENCE_KEY

if TYPE_CHECKING:
    from sync.operations.operation import Operation

Keys = tuple[str | int, ...]

_STEP: Final = re.compile(r'\.?([A-Za-z_$][\w$]*)|\[(\d{1,6})\]|\["((?:[^"\\]|\\.)*)"\]', re.ASCII)
_NO_JSON: Final = frozenset({"broken_json", "empty", "not_utf8"})
_GONE: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `keys` lead to the place, `text` is the value as it was written; None takes the field out.

    `exact`: the text is JSON and nothing else, written by a program.
    """

    keys: Keys
    text: str | None
    given: str  # the place as it was written, for messages
    exact: bool = False


def read_changes(settings: Sequence[str], removals: Sequence[str] = ()) -> tuple[list[Change], list[Problem]]:
    """The changes that `path=value` texts and paths to take out mean, and what is wrong with the others."""
    changes: list[Change] = []
    problems: list[Problem] = []
    for option, texts in (("--set", settings), ("--unset", removals)):
        for text in texts:
            keys, rest = _keys(text)
            given = text[: len(text) - len(rest)]
            if keys is None or (rest[:1] != "=" if option == "--set" else rest):
                what = "path=value" if option == "--set" else "a path"
                example = "provider.firstName=Ann or siteIds[0]=5" if option == "--set" else "provider.email"
                problems.append(
                    Problem(option, "path_invalid", f"{shown(text)} is not {what}, such as {example}.")
                )
                continue
            changes.append(Change(keys, rest[1:] if option == "--set" else None, given))
    return changes, [*problems, *_clashes(changes)]


def exact_changes(values: Mapping[str, str], removals: Sequence[str]) -> list[Change]:
    """The changes that JSON texts by path and paths to take out mean.

    Raises:
        InputRefused: with everything that is wrong with the paths.
    """
    changes: list[Change] = []
    problems: list[Problem] = []
    for name, texts in (("$.set", values), ("$.unset", dict.fromkeys(removals))):
        for path, text in texts.items():
            keys, rest = _keys(path)
            if keys is None or rest:
                what = f"{shown(path)} is no path, such as provider.firstName or siteIds[0]."
                problems.append(Problem(name, "path_invalid", what))
            else:
                changes.append(Change(keys, text, path, exact=True))
    if problems or (problems := _clashes(changes)):
        raise InputRefused(problems)
    return changes


def _keys(text: str) -> tuple[Keys | None, str]:
    """The steps that `text` begins with, and what follows them."""
    at = 2 if text.startswith("$.") else 0
    start = at
    keys: list[str | int] = []
    while (step := _STEP.match(text, at)) is not None:
        if step[1] is not None and step[0].startswith(".") != bool(keys):
            break
        keys.append(_step(step))
        at = step.end()
    return (tuple(keys) if at > start and len(keys) < MAX_DEPTH else None), text[at:]


def _step(step: re.Match[str]) -> str | int:
    if step[2] is not None:
        return int(step[2])
    return step[1] if step[1] is not None else re.sub(r"\\(.)", r"\1", step[3])


def _clashes(changes: Sequence[Change]) -> list[Problem]:
    """Changes of which one would undo the other: nobody guesses which is meant."""
    problems = []
    for n, later in enumerate(changes):
        for earlier in changes[:n]:
            short = min(len(earlier.keys), len(later.keys))
            if earlier.keys[:short] == later.keys[:short]:
                what = f"is given together with {earlier.given}. Keep the one that is meant."
                problems.append(Problem(json_path(later.keys), "given_twice", f"{later.given} {what}"))
                break
    return problems


def changed(operation: Operation, data: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """A copy of `data` with the changes. A value is JSON where it is that, else text; in a text field it is text.

    Raises:
        InputRefused: with every place that `data` does not have, and every value that could be read in two ways.
    """
    result = deepcopy(dict(data))
    problems: list[Problem] = []
    # From behind, so that taking out one item of a list leaves the places of the others as they were given.
    ordered = sorted(changes, key=lambda each: _from_behind(each.keys)) if _takes_items(changes) else changes
    for change in ordered:
        try:
            _apply(result, change, _value(operation, change))
        except InputRefused as refusal:
            problems += refusal.problems
    if problems:
        raise InputRefused(problems)
    return result


def _takes_items(changes: Sequence[Change]) -> bool:
    return any(change.text is None and isinstance(change.keys[-1], int) for change in changes)


def _from_behind(keys: Keys) -> tuple[tuple[str, int], ...]:
    return tuple((str(key), 0) if isinstance(key, str) else ("", -key) for key in keys)


def _value(operation: Operation, change: Change) -> Any:
    if change.text is None:
        return _GONE
    if (
        not change.exact
        and _is_text(operation, change.keys)
        and not (change.text[:1] == '"' == change.text[-1:])
    ):
        return None if change.text == "null" else change.text
    try:
        read = read_json(b'{"value": ' + change.text.encode("utf-8", "surrogatepass") + b"}")
    except InputRefused as refusal:
        if not change.exact and {problem.code for problem in refusal.problems} <= _NO_JSON:
            return change.text
        place = json_path(change.keys)
        raise InputRefused(
            Problem(
                place + problem.path.removeprefix("$.value"),
                problem.code,
                problem.message.replace("value", change.given, 1),
            )
            for problem in refusal.problems
        ) from None
    return read["value"] if len(read) == 1 else change.text


def _apply(root: dict[str, Any], change: Change, value: Any) -> None:
    *parents, last = change.keys
    here: Any = root
    for depth, key in enumerate(parents):
        _demand_place(change, here, depth)
        if isinstance(here, dict) and key not in here:
            if value is _GONE or isinstance(change.keys[depth + 1], int):
                _refuse(change, "no_such_field", f"there is no {_name(change.keys[: depth + 1])}.")
            here[key] = {}
        here = here[key]
    _demand_place(change, here, len(parents), room=value is not _GONE)
    if isinstance(here, list) and last == len(here):
        here.append(value)
    elif value is not _GONE:
        here[last] = value
    elif isinstance(here, dict) and last not in here:
        _refuse(change, "no_such_field", f"there is no {_name(change.keys)}.")
    else:
        del here[last]


def _demand_place(change: Change, here: Any, depth: int, *, room: bool = False) -> None:
    """Refuse a step that `here` cannot have; with `room` a list takes one more item behind its last."""
    key, name = change.keys[depth], _name(change.keys[:depth])
    if isinstance(here, list) and isinstance(key, int):
        if key >= len(here) + room:
            _refuse(change, "no_such_item", f"{name} has {len(here)} items, counted from 0.")
    elif not (isinstance(here, dict) and isinstance(key, str)):
        kind = "a list" if isinstance(here, list) else "an object" if isinstance(here, dict) else "one value"
        _refuse(change, "wrong_place", f"{name} is {kind}.")


def _refuse(change: Change, code: str, why: str) -> NoReturn:
    raise InputRefused([Problem(json_path(change.keys), code, f"{change.given} cannot be changed: {why}")])


def _name(keys: Keys) -> str:
    return json_path(keys).removeprefix("$").removeprefix(".") or "the body"


def _is_text(operation: Operation, keys: Keys) -> bool:
    """Whether the operation's model takes nothing but text at this place."""
    from typing import get_args

    from sync.operations.fields import Payload

    if keys[-1] == REFERENCE_KEY:
        return True  # the end of an id may look like a number
    here: Any = operation.payload_model()
    for key in keys:
        if isinstance(key, int):
            (here,) = get_args(here) or (None,)
        elif isinstance(here, type) and issubclass(here, Payload):
            fields = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
            here = fields.get(key)
        else:
            return False
        here = get_args(here)[0] if hasattr(here, "__metadata__") else here
    return here is str


def paths_changed(before: Any, after: Any, keys: Keys = ()) -> list[str]:
    """Where two bodies differ, as paths without any value; lists are compared as a whole."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [] if _same(before, after) else [_name(keys)]
    found: list[str] = []
    for key in dict.fromkeys((*before, *after)):
        if (key in before) != (key in after):
            found.append(_name((*keys, key)))
        else:
            found += paths_changed(before[key], after[key], (*keys, key))
    return found


def _same(one: Any, other: Any) -> bool:
    # 1, 1.0 and true are one for Python and three for the API.
    return type(one) is type(other) and (
        one == other if not isinstance(one, list) else len(one) == len(other) and all(map(_same, one, other))
    )
