"""In which folder the outbox lives. Standard library only: every command asks this first.

FIELDSYNC_STORAGE__DIR, else `storage.dir` of the TOML file, else systemd's STATE_DIRECTORY, else the platform's
folder for state. The folder is not created here.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from config.problems import ConfigError, ConfigProblem, problem
from config.sources import TomlFile, anchored, read_toml, variable

STORAGE_KEY = "storage.dir"


def storage_dir(environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """The absolute storage folder, which may not exist yet.

    Raises:
        ConfigError: the TOML file cannot be used, or there is no folder to fall back to.
    """
    return chosen_dir(environ, read_toml(environ), platform=platform)


def chosen_dir(environ: Mapping[str, str], toml: TomlFile, *, platform: str = sys.platform) -> Path:
    """As `storage_dir`, for who has read the file already."""
    if written := environ.get(variable(STORAGE_KEY)):
        return anchored(written, Path.cwd())
    if toml.problem:
        # The file may name a folder. Guessing another one would show an empty queue as the truth.
        raise ConfigError([toml.problem])
    in_file = toml.get(STORAGE_KEY)
    if in_file is not None:
        if isinstance(in_file, str):
            return anchored(in_file, toml.folder)
        source, fix = f"file {toml.path}", "Write the folder in quotes there."
        raise ConfigError([problem(STORAGE_KEY, "wrong_type", "must be a path", source=source, fix=fix)])
    folder, _ = fallback_dir(environ, platform=platform)
    if folder is None:
        raise ConfigError([no_folder()])
    return folder


def fallback_dir(environ: Mapping[str, str], *, platform: str = sys.platform) -> tuple[Path | None, str]:
    """The folder when no setting names one, and who named it; None where this user has no home."""
    # systemd lists several folders with a colon between them; ours is the first.
    if state := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(state), "environment STATE_DIRECTORY"
    return _platform_dir(environ, platform), "default"


def no_folder() -> ConfigProblem:
    """What to say where `fallback_dir` knows no folder."""
    fix = f"Set {variable(STORAGE_KEY)} to a folder on a local disk."
    return problem(STORAGE_KEY, "storage_dir_unknown", "this user has no home folder", source="", fix=fix)


def _platform_dir(environ: Mapping[str, str], platform: str) -> Path | None:
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return Path(local) / "fieldsync" if local else _under_home(environ, "AppData", "Local", "fieldsync")
    if platform == "darwin":
        return _under_home(environ, "Library", "Application Support", "fieldsync")
    state_home = environ.get("XDG_STATE_HOME", "")
    # The XDG rule: what is not absolute is to be ignored.
    if state_home.startswith("/"):
        return Path(state_home) / "fieldsync"
    return _under_home(environ, ".local", "state", "fieldsync")


def _under_home(environ: Mapping[str, str], *parts: str) -> Path | None:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    try:
        return Path(home or Path.home()).joinpath(*parts)
    except RuntimeError:  # no HOME, and no entry in the user database either
        return None
