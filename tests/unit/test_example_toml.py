"""config/example.toml is in step with the model, and says what the program does."""

import re
import tomllib
from pathlib import Path

from config.settings import known_settings, load
from config.sources import variable
from config.view import example_toml, public_view

EXAMPLE = Path(__file__).parents[2] / "config" / "example.toml"
HOME = {"HOME": "/home/anna"}


def test_example_is_what_the_model_generates() -> None:
    """Renew it with `python -m config.settings > config/example.toml`."""
    assert EXAMPLE.read_text(encoding="utf-8") == example_toml()


def test_example_as_it_is_changes_nothing() -> None:
    loaded = load(environ={**HOME, "FIELDSYNC_CONFIG": str(EXAMPLE)})
    assert loaded.model_dump() == load(environ=HOME).model_dump()


def test_example_with_every_line_uncommented_holds_every_default(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=\w+ = )", "", example_toml(), flags=re.MULTILINE)
    (tmp_path / "all.toml").write_text(text, encoding="utf-8")
    written = {f"{name}.{key}" for name, table in tomllib.loads(text).items() for key in table}
    assert written == {key for key, _ in known_settings()}
    loaded = load(environ={**HOME, "FIELDSYNC_CONFIG": str(tmp_path / "all.toml")})
    assert loaded.model_dump() == load(environ=HOME).model_dump()
    assert public_view(loaded)["sources"]["sync"]["interval_s"] == f"file {tmp_path / 'all.toml'}"


def test_every_setting_tells_meaning_unit_and_variable() -> None:
    for key, found in known_settings():
        assert found.description
        assert found.description in example_toml()
        assert f"# {variable(key)}\n" in example_toml()
        unit = {"_s": "econds", "_mib": "MiB", "_days": "ays", "_bytes": "bytes", "_pixels": "pixels"}
        for suffix, word in unit.items():
            assert not key.endswith(suffix) or word in found.description, key
