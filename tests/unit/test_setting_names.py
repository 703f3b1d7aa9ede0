"""The names of the settings are known without pydantic, and `status --check` notices one that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.names import NAMES, any_unknown
from config.settings import known_settings
from config.sources import read_toml
from tests.support.command import Tablet


def test_names_are_those_of_the_model() -> None:
    assert {f"{section}.{name}" for section, names in NAMES.items() for name in names} == {
        key for key, _ in known_settings()
    }, "a new setting has its name in config/names.py too"


@pytest.mark.parametrize(
    ("variables", "toml", "unknown"),
    [
        ({"FIELDSYNC_API__BASE_URL": "x", "PATH": "y"}, "", False),
        ({"fieldsync_api__base_url": "x"}, "", False),
        ({"FIELDSYNC_API__BASE_URI": "x"}, "", True),
        ({"FIELDSYNC_API__BASE_URI": ""}, "", False),
        ({}, "[api]\nbase_url = 'x'\n", False),
        ({}, "[api]\nbase_uri = 'x'\n", True),
        ({}, "[apis]\n", True),
        ({}, "api = 1\n", True),
        ({}, "api =\n", True),
    ],
)
def test_name_that_is_none_is_noticed(
    tmp_path: Path, variables: dict[str, str], toml: str, unknown: bool
) -> None:
    file = tmp_path / "fieldsync.toml"
    file.write_text(toml)
    environ = {**variables, "FIELDSYNC_CONFIG": str(file)}
    assert any_unknown(environ, read_toml(environ)) is unknown


def test_monitor_sees_a_misspelt_setting(tmp_path: Path) -> None:
    tablet = Tablet(tmp_path)
    assert tablet.run("status", "--check").code in (0, 4)
    tablet.environment["FIELDSYNC_SYNC__INTERVALL_S"] = "60"
    ended = tablet.run("status", "--check", "--json")
    assert ended.code == 8
    assert "INTERVAL_S" in str(ended.error["problems"])
    assert tablet.run("status", "--json").code == 0, "a look is still possible"
