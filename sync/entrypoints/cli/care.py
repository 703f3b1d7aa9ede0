"""`fieldsync db`: is the database sound, a copy of it, what may be removed, and what to do when it is damaged."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sync.entrypoints.cli.helping import Group
from sync.entrypoints.cli.output import folder_is_there, print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.cli.since import Since
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from storage.folder import StorageFolder
    from storage.recovered import Recovered

# A person reads the first few, a program gets them all.
_SHOWN: Final = 20
_NEVER_BOTH: Final = (
    "Never use a copy beside the original, here or on another device: both would send the same entries. "
    "Bring one back only with: fieldsync db recover --from"
)


@click.group(cls=Group)
def db() -> None:
    """Care for the database: check it, back it up, recover what can be read of a damaged one."""


@db.command()
@click.option(
    "--full", is_flag=True, help="Also compare every index with its table; takes about twice as long."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def check(debug: bool, full: bool, as_json: bool) -> None:
    """Look for damage: pages, rows, images, requests, counts. Changes nothing, safe beside the worker.

    Ends with 0 where all is well, and with 8 where anything is not as it should be.
    """
    with reported(as_json=as_json, debug=debug):
        from storage.checking import check as look

        folder = _folder()
        findings = look(folder, methods=_methods(), full=full)
        if findings is None:
            raise _none_yet(folder)
        next_command = None if findings.sound else _next_after(findings.pages_sound, findings.problems)
        if as_json:
            print_json(
                {
                    "schema": 1,
                    "ok": findings.sound,
                    "full": full,
                    "checked": findings.checked,
                    "problems": [problem.to_json() for problem in findings.problems],
                    "known": [problem.to_json() for problem in findings.known],
                    "next_command": next_command,
                }
            )
        elif findings.sound:
            entries, images = findings.checked["entry"], findings.checked["signature"]
            say(f"sound: {entries} entries and {images} signatures were compared with what was captured")
            _first([f"known since a recovery: {problem.id}: {problem.what}" for problem in findings.known])
        else:
            say(f"{len(findings.problems)} things are not as they should be:")
            _first(
                [f"{problem.id or problem.table or 'file'}: {problem.what}" for problem in findings.problems]
            )
            say(f"next: {next_command}", err=True)
    sys.exit(Exit.OK if findings.sound else Exit.UNUSABLE)


def _next_after(pages_sound: bool, problems: list[Any]) -> str:
    codes = {problem.code for problem in problems}
    if codes == {"schema_older"}:
        return "fieldsync sync"
    entries = {problem.id for problem in problems if problem.id}
    # Where single rows are damaged they are held back by themselves when their turn comes; the rest goes on.
    if "database_unusable" in codes:
        return (
            "fieldsync db check"  # the right file or marker has to come back first; recovering would refuse
        )
    if pages_sound and len(entries) == 1 and "damage_remembered" not in codes:
        return f"fieldsync show {entries.pop()[-8:]}"
    return "fieldsync db recover"


@db.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; must not exist yet."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def backup(debug: bool, output: Path | None, as_json: bool) -> None:
    """Make a consistent, checked copy of the database, readable by you only. Safe beside the worker.

    Without a file it goes into the folder backups/ of the outbox.
    """
    with reported(as_json=as_json, debug=debug):
        from storage.copying import CopyExists, back_up
        from sync.clock import Clock

        if output is not None:
            folder_is_there(output, next_command="fieldsync db backup --help")
        folder = _folder()
        try:
            copy = back_up(folder, now=Clock().now(), target=output)
        except CopyExists as exists:
            raise Failed(Exit.REFUSED, exists.code, str(exists), next_command="fieldsync db backup") from None
        if copy is None:
            raise _none_yet(folder)
        if as_json:
            facts = {"path": str(copy.path), "bytes": copy.size_bytes, "entries": copy.entries}
            print_json({"schema": 1, **facts, "warning": f"{_NEVER_BOTH} FILE"})
            return
        say(f"{copy.entries} entries in {copy.path} ({copy.size_bytes} bytes), checked")
        say(f"note: it holds personal data. {_NEVER_BOTH} {copy.path}", err=True)


@db.command()
@click.option(
    "--done-before",
    "before",
    type=Since(),
    required=True,
    help="What was delivered before that: an instant, or like 90d.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def prune(debug: bool, before: int, dry_run: bool, as_json: bool) -> None:
    """Remove payloads and images of what is delivered; the proof of delivery stays. Safe beside the worker.

    What another entry still waits for is kept. `fieldsync receipts` answers for what was removed, and a repeated
    capture of it is still a duplicate.
    """
    with reported(as_json=as_json, debug=debug):
        from storage import retention
        from sync.entrypoints.cli.outbox import opened

        with opened() as (database, clock):
            done = retention.prune(database, before=before, now=clock.now_ms(), dry_run=dry_run)
        if as_json:
            print_json({"schema": 1, "removed": done.removed, "kept": done.kept, "dry_run": dry_run})
            return
        would = "would be " if dry_run else ""
        kept = f"; {done.kept} as old are kept, because others wait for them" if done.kept else ""
        say(f"{done.removed} delivered entries {would}removed{kept}")


@db.command()
@click.option("--force", is_flag=True, help="Rebuild a database that looks sound, too.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add what only this copy of the same database has, such as a backup.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def recover(debug: bool, force: bool, source: Path | None, as_json: bool) -> None:
    """Save what can be read of a damaged or lost database into a new one. The old files are kept in damaged/.

    Nothing that may have been sent is sent again by it: every entry that was not finished is in doubt afterwards,
    unless only single rows were damaged. Stop the worker first.

    Ends with 0 where nothing was lost, and with 3 where entries are lost, damaged or in doubt.
    """
    with reported(as_json=as_json, debug=debug):
        from uuid import uuid4

        from storage.recovery import OutboxInUse, When
        from storage.recovery import recover as rebuild
        from sync.clock import Clock

        if source is not None and not source.is_file():
            raise Failed(
                Exit.REFUSED,
                "file_not_found",
                f"there is no file {source}",
                next_command="fieldsync db recover",
            )
        clock = Clock()
        when = When(clock.now(), clock.monotonic_ms(), clock.boot(), str(uuid4()))
        try:
            done = rebuild(_folder(), when, methods=_methods(), force=force, source=source)
        except OutboxInUse as busy:
            raise Failed(
                Exit.BUSY, busy.code, str(busy), next_command=busy.next_command, retryable=True
            ) from None
        next_command = _next_step(done)
        if as_json:
            print_json({**done.to_json(), "next_command": next_command})
        else:
            _tell(done)
            say(f"next: {next_command}", err=True)
    sys.exit(Exit.OK if done.complete else Exit.NEEDS_PERSON)


def _next_step(done: Recovered) -> str:
    if _may_have_more(done) and done.backup is not None and done.source is None:
        return f"fieldsync db recover --from {done.backup}"
    return "fieldsync status"


def _may_have_more(done: Recovered) -> bool:
    return bool(done.tally.lost_ids or done.unknown_lost or done.database_lost)


def _tell(done: Recovered) -> None:
    if done.place is None:
        say(
            "the database is sound; nothing was changed. To rebuild it all the same: fieldsync db recover --force"
        )
        return
    tally = done.tally
    entries, lost = tally.read.get("entry", 0), len(tally.lost_ids) + done.unknown_lost
    if not entries and not done.from_source:
        say("nothing could be read: the outbox is EMPTY now")
    say(
        f"recovered {entries} entries; {lost} lost, {len(tally.damaged)} damaged, {len(tally.in_doubt)} in doubt"
    )
    for table in ("signature", "attempt", "receipt", "purged", "control"):
        read, gone = tally.read.get(table, 0), tally.lost.get(table, 0)
        if read or gone:
            say(f"  {table}: {read} read, {gone} lost")
    if done.source is not None:
        say(f"  {done.from_source} entries came from {done.source}")
        if done.from_newer:
            say(f"  {done.from_newer} are as that copy knows them, which knew more")
    if tally.perhaps_handed_over:
        say(
            f"  {len(tally.perhaps_handed_over)} are held: another device may have them since the last export"
        )
    if done.unknown_lost:
        say(f"  {done.unknown_lost} captures are known to have been made, and nothing else is left of them")
    _first([f"lost: {id}" for id in tally.lost_ids])
    _first([f"damaged: {each['id']} ({each['reason']}), {each['state']} now" for each in tally.damaged])
    _first(tally.notes)
    if done.backup is not None and _may_have_more(done) and done.source is None:
        say(f"a backup may have more: {done.backup}")
    say(f"the damaged files and the whole report are in {done.place}; keep them until all is settled")


def _first(lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        say(f"  {line}")
    if len(lines) > _SHOWN:
        say(f"  ... and {len(lines) - _SHOWN} more (with --json: all)")


def _folder() -> StorageFolder:
    from config.basics import read_basics
    from storage.folder import StorageFolder

    return StorageFolder(read_basics(os.environ).storage_dir)


def _methods() -> Mapping[str, str]:
    from sync.operations import OPERATIONS

    return {operation.kind: operation.method for operation in OPERATIONS}


def _none_yet(folder: StorageFolder) -> Failed:
    return Failed(
        Exit.UNUSABLE,
        "no_database",
        f"nothing was ever captured in {folder.root}",
        next_command="fieldsync status",
    )
