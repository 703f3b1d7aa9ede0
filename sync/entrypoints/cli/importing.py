"""`fieldsync import`: a file of many interventions becomes entries; what is wrong in it is told row by row."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from sync.bundle.kind import is_bundle
from sync.entrypoints import batches
from sync.entrypoints.cli.bundling import Secret, import_bundle, secret_options
from sync.entrypoints.cli.output import plain, print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from sync.batch.importing import Import
    from sync.batch.rejects import Rejects
    from sync.batch.row import Row
    from sync.batch.source import Source
    from sync.batch.tally import Tally


@dataclass(frozen=True, slots=True)
class _Order:
    """What the command line asks for."""

    file: Path
    images: Path | None
    kind: str
    owner: str | None
    rejects: Path
    dry_run: bool


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--images", type=click.Path(path_type=Path), metavar="DIR", help="Where the images are; else beside FILE."
)
@click.option(
    "--kind",
    metavar="KIND",
    help=f"Of rows that name none; else {batches.KIND}.",
)
@click.option(
    "--owner",
    metavar="NAME",
    help="Of rows that name nobody, else whose tokens this device has. Of a bundle: whose all of it is then.",
)
@click.option(
    "--rejects", type=click.Path(path_type=Path), metavar="PATH", help="Else FILE.rejects.csv, beside FILE."
)
@secret_options
@click.option("--dry-run", is_flag=True, help="Check everything, store nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def import_file(
    debug: bool,
    file: Path,
    images: Path | None,
    kind: str | None,
    owner: str | None,
    rejects: Path | None,
    passphrase_file: Path | None,
    passphrase_stdin: bool,
    key_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Capture many interventions from a CSV or JSON Lines file, one a row.

    Rows with mistakes are written to a file of rejects with line, field and reason; the others are kept. To import a
    file again adds only what is missing.

    A bundle that `fieldsync export` made is taken in as a whole, or not at all.
    """
    with reported(as_json=as_json, debug=debug):
        secret = Secret(passphrase_file, passphrase_stdin, key_file)
        if is_bundle(file):
            if images is not None or rejects is not None or kind is not None:
                raise Failed(
                    Exit.REFUSED,
                    "usage",
                    "a bundle has its images and kinds inside, and no rejects",
                    next_command=batches.HELP,
                )
            import_bundle(file, secret, owner=owner, dry_run=dry_run, as_json=as_json)
            return
        if secret.given:
            raise Failed(
                Exit.REFUSED,
                "not_a_bundle",
                f"{file} is not a bundle, and needs no secret",
                next_command=batches.HELP,
            )
        place = rejects or Path(f"{file}.rejects.csv")
        order = _Order(file, images, kind or batches.KIND, owner, place, dry_run)
        tally, written = _import(order, bar=not as_json and sys.stderr.isatty())
        if as_json:
            path = None if written is None else str(written)
            print_json({"schema": 1, **tally.to_json(), "rejects": path, "dry_run": dry_run})
        else:
            _tell(tally, written, dry_run=dry_run)
        sys.exit(_exit_code(tally))


def _exit_code(tally: Tally) -> Exit:
    if not tally.rejected:
        return Exit.OK
    return Exit.NEEDS_PERSON if tally.rejected < tally.rows else Exit.REFUSED


def _import(order: _Order, *, bar: bool) -> tuple[Tally, Path | None]:
    from sync.batch.rejects import Rejects
    from sync.batch.source import Source

    with batches.told_as_a_whole():
        batches.check_defaults(order.kind, order.owner)
        with Source(order.file) as source:
            rows = source.rows(default_kind=order.kind)
            source.must_not_be(order.rejects)
            rejects = Rejects(order.rejects)
            try:
                with _begun(order, rejects) as work:
                    failed = _run(work, rows, source, bar=bar)
                    written = _finished(rejects, work.tally, failed)
            finally:
                rejects.give_up()
    return work.tally, written


@contextmanager
def _begun(order: _Order, rejects: Rejects) -> Iterator[Import]:
    from config.settings import load
    from sync import app
    from sync.batch.images import ImageFolder
    from sync.batch.importing import Import
    from sync.clock import Clock

    images = ImageFolder(order.images or order.file.parent)
    settings = load()
    rules = batches.rules(settings, order.kind, order.owner, dry_run=order.dry_run)
    clock = Clock()
    with ExitStack() as stack:
        folder = settings.storage.dir
        if order.dry_run and _nothing_there(folder):
            # A look makes no outbox, least of all one that belongs to whoever looks.
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="fieldsync-")))
        database = app.open_outbox(folder, clock)
        stack.callback(database.close)
        yield Import(database, rejects, images, rules, clock)


def _nothing_there(folder: Path) -> bool:
    from storage.folder import StorageFolder

    there = StorageFolder(folder)
    return not there.database.exists() and not there.marker.exists()


def _run(work: Import, rows: Iterable[Row], source: Source, *, bar: bool) -> Failed | None:
    """Import the rows; why not all of them, where it ended early."""
    with _stopping() as stopped, _bar(source, bar) as told:
        return batches.run(work, rows, source, stopped=stopped, told=told)


def _finished(rejects: Rejects, tally: Tally, failed: Failed | None) -> Path | None:
    from sync.batch.errors import RejectsLost

    try:
        written = rejects.finish()
    except RejectsLost as lost:
        failed = failed or batches.early(Exit.NOT_STORED, lost.code, str(lost), tally, retryable=True)
    if failed is not None:
        raise failed
    return written


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM end the import between two transactions; the second Ctrl-C does not wait for that."""
    asked = False

    def ask(number: int, _: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def _bar(source: Source, shown: bool) -> Iterator[Callable[[Tally], None]]:
    """How far the file is read, on a terminal."""
    if not shown:
        yield lambda _: None
        return
    from sync.entrypoints.cli.bar import reading

    with reading(source.size_bytes) as progress:
        yield lambda tally: progress(source.bytes_read, tally.rows)


def _tell(tally: Tally, written: Path | None, *, dry_run: bool) -> None:
    for line, problem in tally.first_problems:
        from sync.batch.rejects import told

        say(plain(f"line {line}: {told(problem.message)}"), err=True)
    if written is not None:
        more = "Each of them" if tally.rejected <= len(tally.first_problems) else f"All {tally.rejected}"
        say(plain(f"{more} with line, field and reason: {written}"), err=True)
    for warned in tally.warnings.values():
        lines = ", ".join(map(str, warned.lines)) + (", ..." if warned.count > len(warned.lines) else "")
        say(plain(f"note: {warned.message} Rows: {warned.count} (line {lines})."), err=True)
    captured = "would be captured" if dry_run else "captured"
    say(
        f"{tally.rows} rows: {tally.captured} {captured}, {tally.duplicates} captured before, {tally.rejected} refused"
    )
