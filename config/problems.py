"""What can be wrong with the configuration, told all at once.

One `ConfigProblem` a mistake, one `ConfigError` a run. A message names the place and the remedy, never the value:
the value may be a token that went into the wrong variable. Light, because `fieldsync status` reports these too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sync.errors import Problem
from sync.secret import redact


@dataclass(frozen=True, slots=True)
class ConfigProblem(Problem):
    """`path` is `sync.interval_s`, `message` the whole sentence, `source` where it is written, `fix` what to do."""

    source: str = ""
    fix: str = ""


def problem(path: str, code: str, what: str, *, source: str, fix: str) -> ConfigProblem:
    """A problem whose message holds everything a person needs: what, where, and what to do."""
    path = redact(path) if path.isprintable() else ascii(redact(path))  # a key is whatever stood in the file
    where = f" ({source})" if source else ""
    return ConfigProblem(path, code, f"{what}{where}. {fix}", source, fix)


class ConfigError(Exception):
    """The configuration cannot be used as it is; `problems` (never empty) says all of why."""

    code = "config_invalid"

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        assert self.problems, "a configuration error names at least one problem"
        super().__init__("; ".join(map(str, self.problems)))
