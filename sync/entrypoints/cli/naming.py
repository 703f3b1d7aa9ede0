"""`fieldsync reference`: what companies, sites and rules are called, for who fills in forms on this device."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from storage.listed import TYPES
from sync.entrypoints.cli.helping import Group
from sync.entrypoints.cli.output import plain, print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from storage.listed import Line


@click.group(cls=Group)
def reference() -> None:
    """What companies, sites and rules are called. A help for forms: nothing is ever refused for it."""


@reference.command("import")
@click.argument("file", metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def import_list(debug: bool, file: str, dry_run: bool, as_json: bool) -> None:
    """Have the names of a CSV file instead of those there are: columns type, id, name and company_id.

    The list is replaced as a whole, and only where every line of the file is right.
    """
    with reported(as_json=as_json, debug=debug):
        from sync import reference_list
        from sync.entrypoints import orders
        from sync.entrypoints.cli.outbox import opened

        lines = orders.check_reference_list(_content(file))
        counts = reference_list.counts(lines)
        replaced = None
        if not dry_run:
            with opened() as (database, clock):
                replaced = orders.replace_reference_list(database, clock, lines)
        if as_json:
            print_json({"schema": 1, **counts, "replaced": replaced, "dry_run": dry_run})
            return
        told = ", ".join(f"{n} {what}" for what, n in counts.items())
        say(f"{told}: nothing was changed, this was a dry run" if dry_run else f"the list now has {told}")


@reference.command("list")
@click.option("--type", "types", multiple=True, type=click.Choice(TYPES), help="Only these; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_names(debug: bool, types: tuple[str, ...], as_json: bool) -> None:
    """The names, sorted."""
    with reported(as_json=as_json, debug=debug):
        wanted = types or TYPES
        imported_at, lines = _known()
        if as_json:
            from sync.reference_list import to_json

            print_json(to_json(lines, imported_at=imported_at, types=wanted))
            return
        if imported_at is None:
            say("there is no reference list\nnext: fieldsync reference import FILE", err=True)
        for line in sorted(lines, key=lambda each: TYPES.index(each.type)):
            if line.type in wanted:
                owned = "" if line.company_id is None else f"  (company {line.company_id})"
                say(plain(f"{line.type:<7} {line.id:>8}  {line.name}{owned}"))


@reference.command("clear")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def clear(debug: bool, as_json: bool) -> None:
    """Have no list. Forms ask for numbers then."""
    with reported(as_json=as_json, debug=debug):
        from sync.entrypoints import orders
        from sync.entrypoints.cli.outbox import opened

        removed = 0
        if _known()[1]:
            with opened() as (database, clock):
                removed = orders.replace_reference_list(database, clock, ())
        if as_json:
            print_json({"schema": 1, "removed": removed})
        else:
            say(f"{removed} names removed" if removed else "there was no reference list")


def _known() -> tuple[str | None, list[Line]]:
    """When the list was imported, and its lines by name; None and none where there is no list, or no outbox."""
    from config.basics import read_basics
    from storage import listed
    from storage.folder import StorageFolder
    from storage.queries import iso, reading

    with reading(StorageFolder(read_basics(os.environ).storage_dir)) as reader:
        if reader is None:
            return None, []
        facts = listed.facts(reader.each)
        return (None if facts is None else iso(facts.at)), listed.read(reader.each)


def _content(file: str) -> bytes:
    """What the file holds, or standard input for "-", and a byte more than is allowed at most. Raises: Failed."""
    from sync.reference_list import MAX_BYTES

    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        what = f"{file} does not exist"
    except (OSError, ValueError) as error:
        what = f"{file} cannot be read ({getattr(error, 'strerror', None) or 'it is no path that can exist'})"
    raise Failed(Exit.REFUSED, "file_not_found", what, next_command="fieldsync reference import --help")
