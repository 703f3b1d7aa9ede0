"""What is written for the settings, place by place, and where each value stands. What is wrong with a value is
for the model; here only names are judged.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from pydantic.fields import FieldInfo

from config.basics import token_source
from config.folder import STORAGE_KEY, fallback_dir, no_folder
from config.problems import ConfigProblem, problem
from config.sources import (
    COMMAND_KEYS,
    CONFIG_VARIABLE,
    PATH_KEYS,
    TomlFile,
    anchored,
    read_toml,
    variable,
    variables,
)
from sync.secret import Secret

Tree = dict[str, Any]
Fields = Mapping[str, FieldInfo]
SECRET_KEYS = frozenset({"api.token", "api.session_token"})
_FLAGS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True, slots=True)
class Layers:
    """All that is written anywhere, by place, highest first; what could not be read is in `problems`."""

    trees: tuple[Tree, ...]
    origins: dict[str, str]
    problems: list[ConfigProblem] = field(default_factory=list)
    file: Path | None = None


def read_layers(fields: Fields, overrides: Mapping[str, Any], environ: Mapping[str, str]) -> Layers:
    """Everything written for `fields` (by dotted name); what is unknown or misplaced is told in `problems`."""
    toml = read_toml(environ)
    problems = [toml.problem] if toml.problem else []
    origins: dict[str, str] = {}
    given = _flat_overrides(overrides)
    from_environ, unknown = _from_environ(environ, fields)
    from_file, misplaced = _from_toml(toml, fields)
    problems += unknown + misplaced
    for key in given:
        if key not in fields:
            problems.append(_unknown(key, fields, "command line", "Leave it out."))
    flats: list[tuple[dict[str, Any], str]] = [
        ({key: _given(key, fields[key], given[key]) for key in given if key in fields}, "command line"),
        (from_environ, "environment {variable}"),
        (from_file, f"file {toml.path}"),
    ]
    _settle_tokens(from_environ, from_file, environ, toml, origins)
    if not any(STORAGE_KEY in flat for flat, _ in flats):
        folder, named_by = fallback_dir(environ)
        if folder is not None:
            flats.append(({STORAGE_KEY: folder}, named_by))
        else:
            problems.append(no_folder())
            flats.append(({STORAGE_KEY: Path()}, "default"))
    for flat, origin in flats:
        for key in flat:
            origins.setdefault(key, origin.replace("{variable}", variable(key)))
    return Layers(tuple(_nested(flat) for flat, _ in flats), origins, problems, toml.path)


def _flat_overrides(overrides: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            flat |= _flat_overrides(value, f"{above}{key}.")
        elif value is not None:
            flat[f"{above}{key}"] = value
    return flat


def _from_environ(environ: Mapping[str, str], fields: Fields) -> tuple[dict[str, Any], list[ConfigProblem]]:
    by_variable = {variable(key): key for key in fields}
    flat: dict[str, Any] = {}
    problems: list[ConfigProblem] = []
    for name, written in variables(environ):
        if key := by_variable.get(name):
            flat[key] = _value(key, fields[key], written, Path.cwd())
            continue
        near = _nearest(name.upper(), [*by_variable, CONFIG_VARIABLE])
        fix = f"Did you mean {near}?" if near else "Unset it; config/example.toml lists the known ones."
        problems.append(
            problem(name, "unknown_key", "is not a known variable", source="environment", fix=fix)
        )
    return flat, problems


def _from_toml(toml: TomlFile, fields: Fields) -> tuple[dict[str, Any], list[ConfigProblem]]:
    source, known_sections = f"file {toml.path}", {key.partition(".")[0] for key in fields}
    flat: dict[str, Any] = {}
    problems: list[ConfigProblem] = []
    for name, table in toml.values.items():
        if name not in known_sections:
            problems.append(_unknown(name, [*known_sections, *fields], source, "Remove it there."))
        elif not isinstance(table, dict):
            what, fix = "must be a table", f"Write [{name}] on a line of its own there."
            problems.append(problem(name, "wrong_type", what, source=source, fix=fix))
        else:
            for inner, value in table.items():
                key = f"{name}.{inner}"
                if key not in fields:
                    problems.append(_unknown(key, fields, source, "Remove it there."))
                elif value != "":
                    anchor = key in PATH_KEYS and isinstance(value, str)
                    flat[key] = anchored(value, toml.folder) if anchor else _hidden(key, value)
    return flat, problems


def _settle_tokens(
    from_environ: dict[str, Any],
    from_file: dict[str, Any],
    environ: Mapping[str, str],
    toml: TomlFile,
    origins: dict[str, str],
) -> None:
    """Leave, of the four places of each token, only the one that `basics.token_source` chooses."""
    for key in sorted(SECRET_KEYS):
        file_key = f"{key}_file"
        chosen = token_source(key, environ, toml)
        loser = key if chosen.file else file_key if chosen.value else None
        for flat in (from_environ, from_file):
            if loser in flat and (flat is from_file or loser == file_key):
                del flat[loser]
                origins[loser] = f"overruled by {key if loser == file_key else file_key}"


def _value(key: str, found: FieldInfo, written: str, base: Path) -> Any:
    """What a text means for this setting; the text itself where it means nothing, to be refused by the model."""
    if key in PATH_KEYS:
        return anchored(written, base)
    if key in COMMAND_KEYS:
        return written
    wanted: Any = found.annotation
    try:
        if wanted is int or wanted is float:
            return wanted(written)
        if wanted is bool:
            return _FLAGS[written.strip().lower()]
        if get_origin(wanted) is tuple:
            return json.loads(written) if written.lstrip().startswith("[") else _split(written)
    except (ValueError, KeyError, RecursionError):
        pass
    return _hidden(key, written)


def _given(key: str, found: FieldInfo, value: Any) -> Any:
    return _value(key, found, value, Path.cwd()) if isinstance(value, str) else value


def _split(written: str) -> list[str]:
    return [part.strip() for part in written.split(",") if part.strip()]


def _hidden(key: str, value: Any) -> Any:
    # Wrapped before pydantic-settings sees it, whose own debug log shows what the sources gave.
    return Secret(value.strip()) if key in SECRET_KEYS and isinstance(value, str) else value


def _nested(flat: Mapping[str, Any]) -> Tree:
    tree: Tree = {}
    for key, value in flat.items():
        section, _, name = key.partition(".")
        tree.setdefault(section, {})[name] = value
    return tree


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1)), None)


def _unknown(key: str, known: Iterable[str], source: str, otherwise: str) -> ConfigProblem:
    near = _nearest(key, known)
    fix = f"Did you mean {near}?" if near else otherwise
    return problem(key, "unknown_key", "is not a known setting", source=source, fix=fix)
