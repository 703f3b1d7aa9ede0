"""What a request asks for, read strictly: each field known and of its type, each mistake named, all of them at once.

A JSON body is read by the same reader as a capture's, which refuses what could be read in two ways. Parts of it that
are for somebody else to read stay the bytes that they were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from sync.entrypoints.api.receiving import Body
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.errors import InputRefused, Problem, json_path, shown
from sync.json_input import read_json
from sync.json_members import cut_out

_CODES: Final = {"missing": "missing", "extra_forbidden": "unknown_field"}
_SENTENCES: Final = {
    "missing": "is missing.",
    "extra_forbidden": "is not known here.",
    "string_type": "must be text.",
    "bool_type": "must be true or false.",
    "int_type": "must be an integer.",
    "list_type": "must be a list.",
    "dict_type": "must be an object.",
    "none_required": "must be null.",
}


class Asked(BaseModel):
    """A JSON body: strict types, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_Asked = TypeVar("_Asked", bound=Asked)


def read_asked(body: Body, model: type[_Asked]) -> _Asked:
    """The JSON body; an empty one is an object without fields.

    Raises:
        Failed: with every problem.
    """
    asked, _ = read_parted(body.file.read() if body.media else b"{}", model, ())
    return asked


def read_parted(source: bytes, model: type[_Asked], raw: Collection[str]) -> tuple[_Asked, dict[str, bytes]]:
    """As `read_asked`, with the values of the members named in `raw` as the bytes that they are.

    Raises:
        Failed: with every problem.
    """
    try:
        rest, cut = cut_out(source, raw)
        return model.model_validate(read_json(rest, most_bytes=len(source))), cut
    except InputRefused as refusal:
        raise refused(refusal.problems) from None
    except ValidationError as error:
        raise refused(tuple(map(_problem, error.errors(include_url=False, include_input=False)))) from None


def refused(problems: tuple[Problem, ...]) -> Failed:
    """A request that is not as described."""
    return Failed(
        Exit.REFUSED,
        InputRefused.code,
        "the request is not as described",
        problems=problems,
        next_command="GET /openapi.json",
    )


def _problem(error: Any) -> Problem:
    path = json_path(error["loc"])
    name = path.removeprefix("$").removeprefix(".")
    kind: str = error["type"]
    sentence = _SENTENCES.get(kind)
    if sentence is None and kind == "literal_error":
        sentence = f"must be {error['ctx']['expected']}."
    said = f"{name} {sentence}" if sentence else f"{name}: {error['msg']}."
    return Problem(path, _CODES.get(kind, "wrong_type"), said)


def only_known(request: Request) -> None:
    """A dependency of every route: the query parameters are those that it has, each that takes one value once.

    Raises:
        Failed: with every problem.
    """
    known = {field.alias: field for field in _query_of(request.scope["route"].dependant)}
    names = [name for name, _ in request.query_params.multi_items()]
    problems = []
    for name in dict.fromkeys(names):
        field = known.get(name)
        if field is None:
            what = f"There is no parameter {shown(name)} here."
            problems.append(Problem(json_path((name,)), "unknown_parameter", what))
        elif names.count(name) > 1 and not _takes_many(field):
            problems.append(Problem(json_path((name,)), "given_twice", f"{name} takes one value."))
    if problems:
        raise refused(tuple(problems))


def _query_of(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for each in dependant.dependencies:
        yield from _query_of(each)


def _takes_many(field: Any) -> bool:
    return "list[" in str(field.field_info.annotation)
