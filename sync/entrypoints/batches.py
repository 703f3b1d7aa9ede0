"""How an import of rows is begun and how its ends are told, the same on the command line and through the local API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed, explained
from sync.errors import InputRefused, Problem, UnknownKind

if TYPE_CHECKING:
    from config.settings import Settings
    from sync.batch.importing import Import, Rules
    from sync.batch.row import Row
    from sync.batch.source import Source
    from sync.batch.tally import Tally

KIND: Final = "unplanned-preventive"  # of rows that name none
HELP: Final = "fieldsync import --help"
_AGAIN: Final = "Then import the same file again: what is stored is not stored twice."


@contextmanager
def told_as_a_whole() -> Iterator[None]:
    """What is wrong with the file as a whole, or with what was asked for, becomes a `Failed`."""
    try:
        yield
    except InputRefused as refusal:
        message = "nothing was stored: the file cannot be imported"
        raise Failed(
            Exit.REFUSED, refusal.code, message, problems=refusal.problems, next_command=HELP
        ) from None
    except UnknownKind as unknown:
        raise Failed(Exit.REFUSED, unknown.code, str(unknown), next_command=HELP) from None


def check_defaults(kind: str, owner: str | None) -> None:
    """Raises: UnknownKind, InputRefused: what a row would have that does not say it is nothing."""
    from sync.credentials import is_owner
    from sync.operations import by_kind

    by_kind(kind)
    if owner is not None and not is_owner(owner):
        what = "--owner must be 1 to 100 bytes of printable text."
        raise InputRefused([Problem("--owner", "owner_invalid", what)])


def rules(settings: Settings, kind: str, owner: str | None, *, dry_run: bool) -> Rules:
    """How an import goes on this device; `owner` None takes the device's."""
    from sync import app
    from sync.batch.importing import Rules
    from sync.batch.preparing import Defaults

    return Rules(
        limits=app.image_limits(settings),
        defaults=Defaults(kind, owner or app.owner(settings)),
        reserve_bytes=settings.storage.reserve_mib * 1024 * 1024,
        dry_run=dry_run,
    )


def run(
    work: Import,
    rows: Iterable[Row],
    source: Source,
    *,
    stopped: Callable[[], bool],
    told: Callable[[Tally], None],
) -> Failed | None:
    """Import the rows; why not all of them, where it ended early."""
    from storage.errors import StorageProblem
    from sync.batch.errors import RejectsLost, SourceLost

    try:
        work.run(rows, stopped=stopped, told=told)
    except StorageProblem as problem:
        known = explained(problem)
        assert known is not None, "every storage problem has its exit code"
        return early(known.exit_code, known.code, known.message, work.tally, retryable=known.retryable)
    except SourceLost as lost:
        return early(Exit.TEMPORARY, lost.code, str(lost), work.tally, retryable=True)
    except RejectsLost as lost:
        return early(Exit.NOT_STORED, lost.code, str(lost), work.tally, retryable=True)
    if stopped():
        return early(Exit.INTERRUPTED, "interrupted", "interrupted", work.tally, retryable=True)
    if source.changed():
        message = f"{source.name} was changed while it was read: wait until it is complete"
        return early(Exit.TEMPORARY, "file_changed", message, work.tally, retryable=True)
    return None


def early(exit_code: Exit, code: str, message: str, tally: Tally, *, retryable: bool) -> Failed:
    """The end of an import that did not come to its end: how much of it is safe."""
    kept = tally.captured + tally.duplicates
    how_far = f"up to line {tally.last_line}" if tally.last_line else "nothing was read"
    message = f"{message}. {kept} rows are safe ({how_far}), {tally.captured} of them new. {_AGAIN}"
    return Failed(exit_code, code, message, next_command="fieldsync status", retryable=retryable)
