"""Where settings are written: FIELDSYNC_* variables and one TOML file. What they mean is for others.

Standard library only, so that `fieldsync status` reads the few values it needs by the same rules as `settings.py`.
An empty value counts as not written: service managers and compose files cannot leave a variable out.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from config.problems import ConfigProblem, problem
from sync.secret import redact

_FILE_AT_MOST_BYTES: Final = 1 << 20
PREFIX = "FIELDSYNC_"
CONFIG_VARIABLE = "FIELDSYNC_CONFIG"
PATH_KEYS = frozenset({"storage.dir", "api.token_file", "api.session_token_file", "api.ca_file"})
COMMAND_KEYS = frozenset({"auth.command"})  # their arguments are nobody's business


class TomlFile(NamedTuple):
    """What FIELDSYNC_CONFIG points to: `values` nested as written, empty where there is no file or it is broken."""

    path: Path | None = None
    values: Mapping[str, Any] = MappingProxyType({})
    problem: ConfigProblem | None = None

    def get(self, key: str) -> Any:
        """The value at `api.owner`, or None where it is missing or empty."""
        node: Any = self.values
        for part in key.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return None if node == "" else node

    @property
    def folder(self) -> Path:
        return self.path.parent if self.path else Path()


def variable(key: str) -> str:
    """The environment variable of a setting: `api.base_url` is FIELDSYNC_API__BASE_URL."""
    return PREFIX + key.upper().replace(".", "__")


def variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every FIELDSYNC_* variable that says something, whatever its case, except the one naming the file."""
    for name, value in environ.items():
        if name.upper().startswith(PREFIX) and name != CONFIG_VARIABLE and value != "":
            yield name, value


def read_toml(environ: Mapping[str, str]) -> TomlFile:
    """The file that FIELDSYNC_CONFIG names. A file that cannot be used is told in `problem`, not raised."""
    named = environ.get(CONFIG_VARIABLE, "")
    if not named:
        return TomlFile()
    import tomllib  # only here: most devices have no file, and `status` has 0.1 s

    path = anchored(named, Path.cwd())
    source = f"environment {CONFIG_VARIABLE}"
    try:
        # An editor on Windows puts a byte order mark in front, which TOML does not know.
        return TomlFile(path, tomllib.loads(_content(path).decode("utf-8-sig")))
    except FileNotFoundError:
        code, what = "config_file_missing", f"there is no file {path}"
        fix = "Create it (config/example.toml shows every setting) or unset the variable."
    except OSError as error:
        code, what = (
            "config_file_unreadable",
            f"{path} cannot be read: {error.strerror or type(error).__name__}",
        )
        fix = "Give this user the right to read it, or name another file."
    except UnicodeDecodeError as error:
        code, what = "config_file_invalid", f"{path} is not UTF-8 (at byte {error.start})"
        fix = "Save it as UTF-8."
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser quotes characters and keys, never values; redacted all the same.
        code, what = (
            "config_file_invalid",
            f"{path} is not valid TOML: {redact(str(error)) or 'nested too deep'}",
        )
        fix = "Correct the file there."
    return TomlFile(path, problem=problem(CONFIG_VARIABLE, code, what, source=source, fix=fix))


def _content(path: Path) -> bytes:
    """The bytes of a file of settings; a pipe or a device would make every command wait for ever."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        content = stream.read(_FILE_AT_MOST_BYTES + 1)
    if len(content) > _FILE_AT_MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {_FILE_AT_MOST_BYTES // 1024} KiB")
    return content


def anchored(written: str, base: Path) -> Path:
    """The absolute path meant by `written`: `~` is the home folder, what is relative starts at `base`."""
    return (base / os.path.expanduser(written)).absolute()
