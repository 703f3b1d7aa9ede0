"""The few settings that must be known before anything heavy is imported: where the outbox is and whose tokens serve.

Read from environment and TOML by the standard library, by the rules of `settings.py` (a test holds the two
together). Unknown keys and wrong types elsewhere are left to `settings.load`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from config.folder import chosen_dir
from config.sources import TomlFile, anchored, read_toml, variable
from sync.credentials import FOLDER_NAME, Credentials, TokenSource
from sync.secret import Secret


class Basics(NamedTuple):
    """What `fieldsync status` needs of the settings."""

    storage_dir: Path
    token: TokenSource
    session_token: TokenSource
    owner: str | None

    def credentials(self) -> Credentials:
        """The tokens of this device; reads nothing yet."""
        folder = self.storage_dir / FOLDER_NAME
        return Credentials(
            bearer=self.token, session=self.session_token, folder=folder, default_owner=self.owner
        )


def read_basics(environ: Mapping[str, str]) -> Basics:
    """The basics, from `environ` and the file it names.

    Raises:
        ConfigError: the TOML file cannot be used, or no storage folder is known.
    """
    toml = read_toml(environ)
    return Basics(
        storage_dir=chosen_dir(environ, toml),
        token=token_source("api.token", environ, toml),
        session_token=token_source("api.session_token", environ, toml),
        owner=environ.get(variable("api.owner")) or _text(toml.get("api.owner")),
    )


def token_source(key: str, environ: Mapping[str, str], toml: TomlFile) -> TokenSource:
    """Which of the four ways to give a token holds: environment, then a file, then the TOML text itself.

    Nothing lower is used when a file is named and missing: another token than the one asked for is no help.
    """
    file_key = f"{key}_file"
    if value := environ.get(variable(key), "").strip():
        return TokenSource(value=Secret(value))
    if file := environ.get(variable(file_key)):
        return TokenSource(file=anchored(file, Path.cwd()))
    if file := _text(toml.get(file_key)):
        return TokenSource(file=anchored(file, toml.folder))
    if value := (_text(toml.get(key)) or "").strip():
        return TokenSource(value=Secret(value))
    return TokenSource()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
