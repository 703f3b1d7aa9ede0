"""What an intervention names that the reference list does not: a warning, never a refusal, for the list may be older.

Told after a capture by who shows forms. `fieldsync capture` asks no list: it is for programs, and its time is one sync.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from storage import listed
from sync.operations import by_kind

if TYPE_CHECKING:
    from storage.database import Transaction

NOT_LISTED: Final = "not_in_reference_list"
OTHER_COMPANY: Final = "site_of_other_company"


def unlisted(transaction: Transaction, payload: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Warnings about a stored `payload`: `{"code", "message", "path", "type", "ids"}`, for each field and code.

    Nothing is said of a type that the list has no line of. Raises: UnknownKind.
    """
    execute = transaction.cursor.execute
    named = named_ids(payload, by_kind(kind).listed)
    known = {
        path: listed.names(execute, type, ids)
        for path, (type, ids) in named.items()
        if listed.is_there(execute, type)
    }
    return list(_warnings(named, known))


def named_ids(payload: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, tuple[str, list[int]]]:
    """Of each field (name: type) that is there, its type and the ids in it."""
    found = {}
    for name, type in fields.items():
        value = payload.get(name)
        ids = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int)]
        if ids:
            found[name] = (type, list(dict.fromkeys(ids)))
    return found


def _warnings(
    named: Mapping[str, tuple[str, list[int]]], known: Mapping[str, Mapping[int, listed.Line]]
) -> Iterator[dict[str, Any]]:
    companies = {id for type, ids in named.values() for id in ids if type == listed.COMPANY}
    for name, lines in known.items():
        type, ids = named[name]
        if missing := [id for id in ids if id not in lines]:
            message = f"{_called(type, missing)} not in the reference list; check the number."
            yield _warning(NOT_LISTED, name, type, missing, message)
        if not companies:
            continue
        foreign = [
            id
            for id, line in lines.items()
            if line.company_id is not None and line.company_id not in companies
        ]
        if foreign:
            message = f"{_called(type, foreign)} of another company in the reference list; check the number."
            yield _warning(OTHER_COMPANY, name, type, foreign, message)


def _called(type: str, ids: list[int]) -> str:
    plural = "companies" if type == listed.COMPANY else f"{type}s"
    return f"{type} {ids[0]} is" if len(ids) == 1 else f"{plural} {', '.join(map(str, ids))} are"


def _warning(code: str, name: str, type: str, ids: list[int], message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "path": f"$.{name}", "type": type, "ids": ids}
