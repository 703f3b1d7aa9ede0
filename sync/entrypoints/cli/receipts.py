"""`fieldsync receipts`: was it sent? Also where the payload is gone. Reads only, and imports nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from sync.entrypoints.cli.output import print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.cli.since import Since
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from storage.queries import Reader


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--since", type=Since(), help="Only what was delivered since; an instant, or like 2h, 3d.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def receipts(debug: bool, ids: tuple[str, ...], since: int | None, as_json: bool) -> None:
    """The proof of each delivery: what the server calls it, when, and digests of what was sent.

    It outlives the payload: what `fieldsync db prune` removed is in it too. It holds nothing that a person wrote.
    """
    with reported(as_json=as_json, debug=debug):
        from config.basics import read_basics
        from storage.errors import EntryNotFound
        from storage.folder import StorageFolder
        from storage.queries import reading

        with reading(StorageFolder(read_basics(os.environ).storage_dir)) as reader:
            if reader is None:
                if ids:
                    raise EntryNotFound("nothing was ever captured here")
                found: Iterator[dict[str, Any]] = iter(())
            else:
                found = _of_ids(reader, ids) if ids else _all(reader, since)
            if as_json:
                print_json({"schema": 1, "receipts": list(found)})
                return
            none = True
            for each in found:
                none = False
                say(_line(each))
            if none:
                say("nothing was delivered" + (" since then" if since else " yet"), err=True)


def _all(reader: Reader, since: int | None) -> Iterator[dict[str, Any]]:
    from storage.receipts import receipts as delivered

    return delivered(reader, since=since)


def _of_ids(reader: Reader, ids: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Those of the named entries.

    Raises: EntryNotFound, AmbiguousId; Failed for one that is not delivered.
    """
    from storage.receipts import receipt

    found = []
    for id in dict.fromkeys(reader.resolve_any(suffix) for suffix in ids):
        proof = receipt(reader, id)
        if proof is None:
            raise Failed(
                Exit.REFUSED,
                "not_delivered",
                f"entry {id[-8:]} is not delivered, so there is no receipt of it",
                next_command=f"fieldsync show {id[-8:]}",
                retryable=True,
            )
        found.append(proof)
    return iter(found)


def _line(proof: dict[str, Any]) -> str:
    image = proof["image_sha256"]
    signed = "" if image is None else f"  signature {image[:12]} {proof['uploaded_at'] or 'not delivered'}"
    removed = "  (payload removed)" if proof["removed_at"] else ""
    return (
        f"{proof['id'][-8:]}  {proof['kind']}  is {proof['server_id']}  {proof['done_at']}{signed}{removed}"
    )
