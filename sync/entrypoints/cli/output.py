"""What a command leaves behind: data on stdout, everything else on stderr, one exit code, and errors that help.

With `--json` a failure is a document on stdout too, so that a program never has to read prose.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from sync.entrypoints.cli.saying import said, say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed, explained

# A person reads the first few problems, a program gets them all.
_SHOWN_PROBLEMS = 20
# These break no terminal, and French numbers are written with them.
_HARMLESS: Final = frozenset("\u00a0\u202f")


@contextmanager
def reported(*, as_json: bool, debug: bool = False) -> Iterator[None]:
    """Turn whatever goes wrong inside into a clear word and the right exit code; no traceback unless asked for."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        fail(Failed(Exit.INTERRUPTED, "interrupted", "interrupted"), as_json=as_json)
    except Exception as error:  # noqa: BLE001  the last place: a person gets a word, never a bare traceback
        failed = explained(error)
        if failed is None and isinstance(error, OSError) and answer_is_stuck():
            _silence_stdout()
            say("fieldsync: done, but the answer could not be written; look before you repeat it", err=True)
            sys.exit(Exit.UNTOLD)
        if failed is None:
            from sync.secret import redact

            if debug:
                import traceback

                # Redacted: an exception may quote a URL or a header, and debug output is pasted into tickets.
                click.echo(redact(traceback.format_exc()), err=True)
            failed = Failed(
                Exit.UNEXPECTED,
                "unexpected",
                f"something unexpected went wrong ({type(error).__name__}: {redact(str(error))})",
                next_command="the same command with --debug",
            )
        fail(failed, as_json=as_json)


def fail(failed: Failed, *, as_json: bool) -> NoReturn:
    """Print one failure and end with its exit code."""
    told = False
    if as_json:
        try:
            print_json(failed.to_json())
            told = True
        except BrokenPipeError:
            raise
        except OSError:
            _silence_stdout()
    if not told:
        _tell(failed)
    sys.exit(failed.exit_code)


def _tell(failed: Failed) -> None:
    colon = said(": ")
    lines = [f"fieldsync{colon}{said(failed.message)}"]
    lines += [
        f"  {problem.path}{colon}{said(problem.message)}" for problem in failed.problems[:_SHOWN_PROBLEMS]
    ]
    if len(failed.problems) > _SHOWN_PROBLEMS:
        lines.append(said(f"  ... and {len(failed.problems) - _SHOWN_PROBLEMS} more"))
    if failed.next_command:
        lines.append(said(f"next: {failed.next_command}"))
    # Messages quote arguments and files: a terminal takes no orders from them.
    for line in "\n".join(lines).split("\n"):
        click.echo(plain(line), err=True)


def folder_is_there(path: Path, *, next_command: str) -> None:
    """Raises: Failed where the folder that the file `path` is to go into does not exist.

    Nothing is wrong with the disk then, and the same command fails again.
    """
    try:
        path.parent.stat()
    except (FileNotFoundError, NotADirectoryError):
        message = f"there is no folder {path.parent}; make it, or name a file elsewhere"
        raise Failed(Exit.REFUSED, "usage", message, next_command=next_command) from None
    except OSError:
        return  # whatever else it is, writing tells it better


def plain(text: str) -> str:
    """`text` with everything that is not to be printed as it is written as JSON writes it: \\u001b."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in _HARMLESS else json.dumps(each)[1:-1] for each in text
    )


def answer_is_stuck() -> bool:
    """Whether standard output, such as a file on a full disk, does not take what was written to it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:
        return True
    return False


def _silence_stdout() -> None:
    """Nothing more is written, not even at exit, where it would fail once more."""
    try:
        number = sys.stdout.fileno()
    except OSError:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def print_json(document: Any) -> None:
    """One document on one line. ASCII: no console's encoding and no terminal's control codes can break it."""
    click.echo(json.dumps(document, separators=(", ", ": ")))
