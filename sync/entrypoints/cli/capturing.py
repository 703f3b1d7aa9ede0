"""`fieldsync capture`: from files or a pipe to a durable entry, or a refusal that names every problem at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sync.entrypoints.cli.output import print_json, reported
from sync.entrypoints.cli.saying import say
from sync.errors import InputRefused, Problem
from sync.operations import OPERATIONS

if TYPE_CHECKING:
    from sync.capture import Captured, Input
    from sync.clock import Clock

# One byte more than the largest body is enough to know that it is too large.
_MOST_BYTES = 1024 * 1024 + 1


# click wraps what does not stand behind a \b.
_KINDS = "\b\nKinds:\n" + "\n".join(f"  {each.kind:<21} {each.summary}" for each in OPERATIONS)


@click.command(epilog=_KINDS)
@click.argument("kind")
@click.option(
    "--data", "data", required=True, metavar="FILE|-", help="The API's JSON body; - reads standard input."
)
@click.option(
    "--signature", type=click.Path(path_type=Path), metavar="IMAGE", help="The signature: JPEG or PNG."
)
@click.option("--target", metavar="ID", help="The intervention it changes: a server id, or local:ENTRY.")
@click.option("--id", "id_", metavar="UUID", help="Makes a repeat of this capture harmless.")
@click.option("--after", metavar="ENTRY", help="Deliver only after this entry (the end of its id is enough).")
@click.option("--owner", metavar="NAME", help="Whose entry it is; else the one whose tokens this device has.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def capture(
    debug: bool,
    kind: str,
    data: str,
    signature: Path | None,
    target: str | None,
    id_: str | None,
    after: str | None,
    owner: str | None,
    as_json: bool,
) -> None:
    """Make an intervention and its signature durable, network or not.

    KIND is what to do; they are listed below. Done when it is printed: from then on it survives a power cut.
    """
    with reported(as_json=as_json, debug=debug):
        captured = _capture(kind, data, signature, target, id_, after, owner)
        if as_json:
            print_json(captured.to_json())
            return
        for warning in captured.warnings:
            say(f"note: {warning['message']}", err=True)
        again = " (captured before, nothing was added)" if captured.duplicate else ""
        say(f"captured {captured.id}{again}")


def _capture(
    kind: str,
    data: str,
    signature: Path | None,
    target: str | None,
    id_: str | None,
    after: str | None,
    owner: str | None,
) -> Captured:
    from config.settings import load
    from sync import app
    from sync.capture import Input
    from sync.clock import Clock
    from sync.entrypoints import orders

    settings = load()
    try:
        content: bytes | tuple[Problem, ...] = read_data(data)
    except InputRefused as refusal:
        content = refusal.problems
    given = Input(kind, content, signature, id_, after, owner, target)
    clock = Clock()
    try:
        checked = orders.check(settings, given)
    except InputRefused as refusal:
        raise InputRefused([*refusal.problems, *_also(settings.storage.dir, clock, given)]) from None
    database = app.open_outbox(settings.storage.dir, clock)
    try:
        return orders.store(settings, database, clock, checked, owner=owner)
    finally:
        database.close()


def _also(folder: Path, clock: Clock, given: Input) -> list[Problem]:
    """What is wrong with what a refused input hangs on. A refusal makes no outbox."""
    from storage.errors import StorageProblem
    from storage.folder import StorageFolder
    from sync import app
    from sync.entrypoints import orders

    if (given.target is None and given.after is None) or not StorageFolder(folder).database.exists():
        return []
    try:
        database = app.open_outbox(folder, clock)
    except StorageProblem:
        return []  # the refusal stands without it
    try:
        with database.read() as transaction:
            return orders.hanging_problems(transaction, given)
    finally:
        database.close()


def read_data(source: str) -> bytes:
    """The bytes of the file `source`, or of standard input where that is `-`; a little more than may be given at most.

    Raises: InputRefused.
    """
    if source == "-":
        return sys.stdin.buffer.read(_MOST_BYTES)
    try:
        path = Path(source)
        if not path.is_file():
            # A pipe or device would make a person wait for nothing; a folder has no bytes.
            what = "is not a file" if path.exists() else "does not exist"
            raise InputRefused(
                [Problem("--data", "data_not_found", f"{source} {what}. Give a JSON file, or -.")]
            )
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputRefused(
            [
                Problem(
                    "--data",
                    "data_unreadable",
                    f"{source} cannot be read ({reason}). Give a JSON file, or -.",
                )
            ]
        ) from None
