"""The settings as one frozen object, or everything that is wrong with them at once.

Precedence: given by the command, environment (FIELDSYNC_SECTION__KEY), secret files, TOML (FIELDSYNC_CONFIG),
default. What each setting means is `model.py`. `python -m config.settings` prints config/example.toml.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.checks import INSECURE, is_insecure, refused
from config.layers import Layers, Tree, read_layers
from config.model import (
    ApiSettings,
    AuthSettings,
    CaptureSettings,
    LogSettings,
    LookupSettings,
    Section,
    StorageSettings,
    SyncSettings,
    UploadSettings,
    WebSettings,
)
from config.problems import ConfigError
from config.refusal import told
from config.sources import PREFIX

_NOTHING: Tree = {}  # all values come from the sources
_layers: ContextVar[Layers | None] = ContextVar("layers", default=None)


class _Written(PydanticBaseSettingsSource):
    """One place as a source of pydantic-settings, which merges them in order."""

    def __init__(self, settings_cls: type[BaseSettings], tree: Tree) -> None:
        super().__init__(settings_cls)
        self._tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self._tree.get(field_name), field_name, False

    def __call__(self) -> Tree:
        return self._tree


class Settings(BaseSettings):
    """Everything that can be set. Made by `load()`; `Settings(...)` alone reads the environment as well, but
    tells its problems in pydantic's words."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, env_prefix=PREFIX
    )

    api: ApiSettings = ApiSettings()
    auth: AuthSettings = AuthSettings()
    storage: StorageSettings
    upload: UploadSettings = UploadSettings()
    capture: CaptureSettings = CaptureSettings()
    sync: SyncSettings = SyncSettings()
    lookup: LookupSettings = LookupSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _file: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _insecure_only_where_allowed(self) -> "Settings":
        if is_insecure(self.api.base_url) and not self.upload.allow_insecure_loopback:
            raise refused("insecure_base_url", INSECURE)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library names them)
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library names them)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library names them)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # pydantic-settings stops at the first variable it cannot read; ours tells all of them, and by name.
        layers = _layers.get() or read_layers(dict(known_settings()), {}, os.environ)
        return (init_settings, *(_Written(settings_cls, tree) for tree in layers.trees))


def load(overrides: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that hold now.

    `overrides` is what the command line gave, by dotted name (`{"web.port": 8080}`) or nested; None values do not
    count. `environ` is the process environment unless given.

    Raises:
        ConfigError: with every problem found; none quotes a value.
    """
    fields = dict(known_settings())
    layers = read_layers(fields, overrides or {}, os.environ if environ is None else environ)
    token = _layers.set(layers)
    details: list[ErrorDetails] = []
    settings: Settings | None = None
    try:
        settings = Settings(**_NOTHING)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    finally:
        _layers.reset(token)
    # Raised out here, so that no traceback shows what pydantic was given.
    problems = [*layers.problems, *told(details, layers, fields)]
    if problems or settings is None:
        raise ConfigError(problems)
    settings._origins.update(layers.origins)
    settings._file = layers.file
    return settings


def known_settings() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting as `sync.interval_s` with its field, in the order of the model."""
    for name, section in sections():
        for key, found in section.model_fields.items():
            yield f"{name}.{key}", found


def sections() -> Iterator[tuple[str, type[Section]]]:
    """Every section with its model, in the order of the model."""
    for name, found in Settings.model_fields.items():
        assert isinstance(found.annotation, type)
        assert issubclass(found.annotation, Section)
        yield name, found.annotation


if __name__ == "__main__":
    from config.view import example_toml

    sys.stdout.write(example_toml())
