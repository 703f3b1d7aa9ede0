"""Exit codes: stable, so that scripts and monitors can rely on them. Where several fit: 8, 9, 4, 3, 5, 0."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    UNEXPECTED = 1
    REFUSED = 2  # usage, or input refused
    NEEDS_PERSON = 3  # finished, but entries need a person
    SIGN_IN = 4
    TEMPORARY = 5  # offline, server down: try later
    NO_SUCH_ENTRY = 6
    BUSY = 7  # another foreground drain holds the lock
    UNUSABLE = 8  # configuration or database cannot be used as it is
    NOT_STORED = 9  # disk full or read-only; the input is fine
    HUNG = 70  # a sending thread could not be ended any other way; whoever supervises starts the worker again
    UNTOLD = 74  # done, but standard output did not take the answer: to repeat it may double a capture
    INTERRUPTED = 130
