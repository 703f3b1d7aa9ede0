"""What went wrong, in the one shape in which people and programs get it: code, sentence, problems, what to do next.

The command line and the local API both answer with this; an exit code says how grave it is, for both.
"""

from __future__ import annotations

from typing import Any, Final

from storage import errors as storage_errors
from sync.entrypoints.exits import Exit
from sync.errors import InputRefused, Problem, SyncProblem

_STORAGE_EXITS: tuple[tuple[type[Exception], Exit, bool], ...] = (
    (storage_errors.EntryNotFound, Exit.NO_SUCH_ENTRY, False),
    (storage_errors.AmbiguousId, Exit.REFUSED, False),
    (storage_errors.IdConflict, Exit.REFUSED, False),
    (storage_errors.EntryHeld, Exit.TEMPORARY, True),
    (storage_errors.IllegalTransition, Exit.REFUSED, False),
    (storage_errors.StorageFull, Exit.NOT_STORED, True),
    (storage_errors.StorageForbidden, Exit.NOT_STORED, False),
    (storage_errors.StorageObstructed, Exit.NOT_STORED, False),
    (storage_errors.StorageReadOnly, Exit.NOT_STORED, True),
    (storage_errors.StorageBusy, Exit.TEMPORARY, True),
    (storage_errors.DatabaseUnusable, Exit.UNUSABLE, False),
)


# What a capture says of `target`, `after` or a reference that names no entry, or several.
_NAMED_ENTRY: Final = (
    ("_unknown", Exit.NO_SUCH_ENTRY, storage_errors.EntryNotFound.code),
    ("_ambiguous", Exit.REFUSED, storage_errors.AmbiguousId.code),
)


class Failed(Exception):
    """A command ends with an error that is fully explained."""

    def __init__(
        self,
        exit_code: Exit,
        code: str,
        message: str,
        *,
        problems: tuple[Problem, ...] = (),
        next_command: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code
        self.message = message
        self.problems = problems
        self.next_command = next_command
        self.retryable = retryable

    def to_json(self) -> dict[str, Any]:
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "problems": [
                    {"path": each.path, "code": each.code, "message": each.message} for each in self.problems
                ],
                "next_command": self.next_command,
                "retryable": self.retryable,
            }
        }


def explained(error: Exception) -> Failed | None:
    """The failure that a known exception means; None for a bug of ours."""
    from config.problems import ConfigError

    match error:
        case Failed():
            failed: Failed | None = error
        case InputRefused(problems=problems):
            failed = _refused_input(problems)
        case ConfigError(problems=problems):
            failed = Failed(
                Exit.UNUSABLE,
                error.code,
                "the configuration cannot be used",
                problems=problems,
                next_command="fieldsync config check",
            )
        case storage_errors.StorageProblem():
            failed = _storage_failure(error)
        case SyncProblem():
            failed = Failed(Exit.REFUSED, error.code, str(error), next_command="fieldsync capture --help")
        case _:
            failed = None
    return failed


def counted(problems: tuple[Problem, ...]) -> str:
    """How many, in words."""
    return "one problem" if len(problems) == 1 else f"{len(problems)} problems"


def _refused_input(problems: tuple[Problem, ...]) -> Failed:
    """An entry that is named and not there is told as by every other command, where nothing else is wrong."""
    message = f"nothing was stored: the input has {counted(problems)}"
    for end, exit_code, code in _NAMED_ENTRY:
        if all(problem.code.endswith(end) for problem in problems):
            said = "; ".join(f"{problem.path} {problem.message}" for problem in problems)
            message = f"nothing was stored: {said}"
            return Failed(exit_code, code, message, problems=problems, next_command="fieldsync list")
    return Failed(
        Exit.REFUSED,
        InputRefused.code,
        message,
        problems=problems,
        next_command="fieldsync capture --help",
    )


def _storage_failure(error: storage_errors.StorageProblem) -> Failed:
    exit_code, retryable = Exit.UNEXPECTED, False
    for kind, fitting, passes in _STORAGE_EXITS:
        if isinstance(error, kind):
            exit_code, retryable = fitting, passes
            break
    return Failed(exit_code, error.code, str(error), next_command=error.next_command, retryable=retryable)
