"""`fieldsync export --csv`: what was delivered, as a table for people, into a file or to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sync.entrypoints.cli.output import plain, print_json
from sync.entrypoints.cli.saying import say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

STDOUT: Final = Path("-")
_HELP: Final = "fieldsync export --help"


def export_csv(output: Path, since: int | None, *, as_json: bool) -> None:
    """Write the table to a new file, whole or not at all, or to standard output.

    Raises:
        Failed: there is a file of that name. StorageProblem: it cannot be written.
    """
    from config.basics import read_basics
    from storage.delivered import delivered
    from storage.folder import StorageFolder
    from storage.queries import reading
    from sync.delivered import as_csv

    if as_json and output == STDOUT:
        raise Failed(Exit.REFUSED, "usage", "give a file with --json", next_command=_HELP)
    with reading(StorageFolder(read_basics(os.environ).storage_dir)) as reader:
        lines = as_csv(delivered(reader, since=since) if reader is not None else ())
        if output == STDOUT:
            for line in lines:
                sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return
        count = _write(output, lines) - 1
    if as_json:
        print_json({"schema": 1, "path": str(output), "rows": count})
    else:
        say(f"{count} delivered in {plain(str(output))}")


def _write(path: Path, lines: Iterable[bytes]) -> int:
    from storage.folder import from_os_error, sync_folder

    draft = path.with_name(path.name + ".part")
    count = 0
    try:
        if os.path.lexists(path):
            raise FileExistsError
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError:
        what = f"{path} or {draft.name} exists; an export never overwrites anything, name another file"
        raise Failed(Exit.REFUSED, "file_exists", what, next_command=_HELP) from None
    except OSError as error:
        raise from_os_error(error, path) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            for line in lines:
                file.write(line)
                count += 1
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise from_os_error(error, path) from None
        raise
    with suppress(OSError):  # the file is there; only its name could be lost in a power cut
        sync_folder(path.parent)
    return count
