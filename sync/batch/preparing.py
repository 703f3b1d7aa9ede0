"""From a row to what can be put into the outbox: checked, its image read, what it refers to found. Changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sync.batch.columns import columns_of
from sync.batch.identity import entry_of_content, entry_of_row
from sync.batch.images import ImageFolder
from sync.batch.names import Names, Reference
from sync.batch.row import Row
from sync.capture import Checked, ImageLimits, Input, check_input
from sync.dependencies import LOCAL
from sync.errors import InputRefused, Problem, UnknownKind

_MEMORY_OF_JSON: Final = 16


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row that is in order by itself. `checked.id` is its entry's; `parents` are what it refers to."""

    row: Row
    checked: Checked
    given: Input
    parents: tuple[Reference, ...]

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory; a body of small numbers takes most for its length."""
        body = len(self.given.data) * _MEMORY_OF_JSON
        return body if self.checked.image is None else body + self.checked.image.size_bytes


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a row does not say. `owner` None: nobody's."""

    kind: str
    owner: str | None


def prepare(
    row: Row, names: Names, *, images: ImageFolder, limits: ImageLimits, defaults: Defaults
) -> Prepared:
    """
    Raises: InputRefused, with every problem that the row has by itself.
    """
    if row.data is None:
        raise InputRefused(row.problems)
    data, parents, problems = names.find_in(row.data)
    target = _target(row, names, parents, problems)
    after = None if row.after is None else _found(names, row.after, "$.after", parents, problems)
    image = _image(row, images, problems)
    given = Input(
        kind=row.kind or defaults.kind,
        data=_body(data),
        image=image,
        id=None if row.id is None else entry_of_row(row.id),
        after=after,
        owner=row.owner or defaults.owner,
        target=target,
    )
    checked: Checked | None = None
    try:
        checked = check_input(given, limits)
    except UnknownKind as unknown:
        problems.append(Problem("$.kind", unknown.code, str(unknown)))
    except InputRefused as refusal:
        problems += _besides(problems, refusal.problems)
        if row.from_cells:
            problems = [_with_columns(each, given.kind) for each in problems]
    if problems or checked is None:
        raise InputRefused(problems)
    id = checked.id or entry_of_content(checked.digest)
    return Prepared(row, replace(checked, id=id), given, tuple(parents))


def _besides(known: list[Problem], found: tuple[Problem, ...]) -> list[Problem]:
    """Those of `found` that are not the consequence of one that is known: what was not found is not missing as well."""
    paths = {each.path for each in known}
    consequences = {"signature_missing": "$.signature", "target_missing": "$.target"}
    return [each for each in found if consequences.get(each.code) not in paths]


def _with_columns(problem: Problem, kind: str) -> Problem:
    """Whoever reads "provider is missing" looks for a column of that name, and there is none."""
    field = problem.path.removeprefix("$.")
    if problem.code != "missing" or not problem.path.startswith("$."):
        return problem
    columns = [name for name in columns_of(kind) if name.startswith(f"{field}.")]
    if not columns:
        return problem
    message = (
        f"{field} is missing: all of its columns are empty. Fill in at least one of {', '.join(columns)}."
    )
    return replace(problem, message=message)


def _target(row: Row, names: Names, parents: list[Reference], problems: list[Problem]) -> str | None:
    if row.target is None or not row.target.startswith(LOCAL):
        return row.target
    found = _found(names, row.target.removeprefix(LOCAL).strip(), "$.target", parents, problems)
    return None if found is None else LOCAL + found


def _found(
    names: Names, name: str, path: str, parents: list[Reference], problems: list[Problem]
) -> str | None:
    found = names.find(name, path)
    if isinstance(found, Problem):
        problems.append(found)
        return None
    parents.append(found)
    return found.entry


def _image(row: Row, images: ImageFolder, problems: list[Problem]) -> Path | None:
    if row.signature is None:
        return None
    try:
        return images.find(row.signature)
    except InputRefused as refusal:
        problems += refusal.problems
        return None


def _body(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
