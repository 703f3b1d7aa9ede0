"""The settings as people see them: what holds and where it came from, what deserves a warning, and the example file.

No secret is in any of it: of a token it says "set" or "not set".
"""

import os
import stat
from pathlib import Path
from shutil import which
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.checks import LOOPBACK
from config.layers import SECRET_KEYS
from config.problems import ConfigProblem, problem
from config.settings import Settings, known_settings, sections
from config.sources import COMMAND_KEYS, variable
from sync.credentials import TokenSource
from sync.secret import MASK, redact
from sync.token_files import read_token, token_fault

_GATEWAY_GIVES_UP_S = 29
# Below these an absence in the list proves less than the promise needs (docs/adr/0003).
_LEAST_WAIT_S = 60


def public_view(settings: Settings) -> dict[str, Any]:
    """`{"file": path or None, "settings": {section: {key: value}}, "sources": {section: {key: where}}}`.

    Values are plain JSON values, tokens "set" or "not set". Where is "default", "command line",
    "environment NAME", "file PATH" or "overruled by KEY".
    """
    view: dict[str, Any] = {
        "file": str(settings._file) if settings._file else None,
        "settings": {},
        "sources": {},
    }
    for key, _ in known_settings():
        section, _, name = key.partition(".")
        value: Any = getattr(getattr(settings, section), name)
        source = settings._origins.get(key, "default")
        if key in SECRET_KEYS:
            chosen = _token_source(settings, key)
            if chosen.file:
                source = f"file {chosen.file}"
            usable = chosen.value or (read_token(chosen.file) if chosen.file else None)
            value = "set" if usable else "not set"
        if key in COMMAND_KEYS:
            value = (*value[:1], *(MASK for _ in value[1:]))
        view["settings"].setdefault(section, {})[name] = _plain(value)
        view["sources"].setdefault(section, {})[name] = source
    return view


def advice(settings: Settings) -> tuple[ConfigProblem, ...]:
    """What works, or will work for captures, but not as somebody meant it. For `fieldsync config check`.

    None of it stops a capture: a technician must never lose one over a missing token.
    """
    found: list[ConfigProblem] = []

    def add(key: str, code: str, what: str, fix: str) -> None:
        found.append(problem(key, code, what, source=settings._origins.get(key, "default"), fix=fix))

    if settings.api.base_url is None:
        add(
            "api.base_url",
            "base_url_missing",
            "is not set: nothing can be sent",
            f"Set {variable('api.base_url')}.",
        )
    for key in sorted(SECRET_KEYS):
        source = _token_source(settings, key)
        if source.file and read_token(source.file) is None:
            fix = "Write the token there, or sign in with `fieldsync auth set`."
            add(f"{key}_file", "token_file_unusable", "holds no usable token", fix)
        if source.value and (fault := token_fault(source.value.reveal())):
            add(key, "token_unusable", fault, "Give the token as the API sent it.")
        if (
            source.value
            and settings._origins.get(key, "").startswith("file")
            and _others_may_read(settings._file)
        ):
            fix = "Take that right away (chmod 600), or give the token in a file of its own."
            add(key, "token_readable_by_others", "is in a file that other users may read", fix)
    if settings.auth.command and which(settings.auth.command[0]) is None:
        what, fix = (
            "names a program that is not there or may not be run",
            "Correct it, or install the program.",
        )
        add("auth.command", "auth_command_missing", what, fix)
    if settings.api.ca_file and not settings.api.ca_file.is_file():
        add("api.ca_file", "ca_file_missing", "is not there", "Put it there or name another.")
    if settings.api.read_timeout_s <= _GATEWAY_GIVES_UP_S:
        what = f"gives up before the API's gateway does ({_GATEWAY_GIVES_UP_S} s): more entries end in doubt"
        add("api.read_timeout_s", "read_timeout_short", what, "Make it longer.")
    if (
        settings.sync.in_doubt == "lookup"
        and min(settings.sync.settle_s, settings.sync.lookup_gap_s) < _LEAST_WAIT_S
    ):
        what = f"with sync.lookup_gap_s leaves a slow server less than {2 * _LEAST_WAIT_S} s: it may create twice"
        add(
            "sync.settle_s",
            "settle_short",
            what,
            f"Make both at least {_LEAST_WAIT_S}; shorter is for trials.",
        )
    if settings.web.host not in LOOPBACK:
        what = "is not this machine alone: others reach the page, and names travel unencrypted"
        add("web.host", "web_not_loopback", what, "Use 127.0.0.1, and a tunnel to look from elsewhere.")
    return tuple(found)


def example_toml() -> str:
    """config/example.toml: every setting with its meaning, its variable and its default, as a comment to uncomment."""
    lines = [
        "# Every setting of fieldsync, each with its default. Remove a # to set it; FIELDSYNC_CONFIG names the file.",
        "# An environment variable wins over this file. Relative paths start beside it.",
        "# Made by `python -m config.settings`.",
    ]
    for name, section in sections():
        lines += ["", f"# {' '.join((section.__doc__ or '').split())}", f"[{name}]"]
        for key, found in section.model_fields.items():
            lines += [
                f"# {found.description}.",
                f"# {variable(f'{name}.{key}')}",
                f"#{key} = {_toml(found)}",
            ]
    return "\n".join(lines) + "\n"


def _toml(found: FieldInfo) -> str:
    default = found.default
    if default is None or default is PydanticUndefined:
        return '""'  # an empty value is as if it were not there
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, tuple):
        return f"[{', '.join(_quoted(item) for item in default)}]"
    return _quoted(default) if isinstance(default, str) else repr(default)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str):
        return redact(value)  # a token may have been pasted into the wrong setting
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _token_source(settings: Settings, key: str) -> TokenSource:
    return settings.api.token_source() if key == "api.token" else settings.api.session_token_source()


def _others_may_read(path: Path | None) -> bool:
    try:
        return (
            os.name == "posix"
            and path is not None
            and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        )
    except OSError:
        return False
