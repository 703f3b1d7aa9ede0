"""The systemd unit is sound, speaks of settings that exist, and its check can fail."""

import shutil
from pathlib import Path

import pytest

from config.settings import known_settings
from config.sources import CONFIG_VARIABLE, variable
from tests.support.systemd_unit import complaints, main, with_program

UNIT = Path(__file__).parents[2] / "config" / "fieldsync.service"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


def test_only_the_program_is_replaced() -> None:
    unit = (
        "[Service]\nExecStart=/usr/bin/fieldsync run\nExecStartPre=-/usr/bin/fieldsync\n#/usr/bin/fieldsync\n"
    )
    assert with_program(unit, "/bin/true") == (
        "[Service]\nExecStart=/bin/true run\nExecStartPre=-/bin/true\n#/usr/bin/fieldsync\n"
    )


def test_unit_sets_only_variables_that_exist() -> None:
    known = {variable(key) for key, _ in known_settings()} | {CONFIG_VARIABLE}
    lines = [line for line in UNIT.read_text().splitlines() if line.startswith("Environment=")]
    assert lines
    assert {line.split("=")[1] for line in lines} <= known


def test_unit_hands_tokens_over_as_credentials() -> None:
    text = UNIT.read_text()
    for name in ("fieldsync.api_token", "fieldsync.api_session_token"):
        assert f"LoadCredential={name}\n" in text
        assert f"=%d/{name}\n" in text


@needs_systemd
def test_systemd_is_content(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(UNIT)]) == 0
    assert capsys.readouterr() == ("", "")


@needs_systemd
@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("ProtectSystem=strict", "ProtectSystm=strict"),
        ("Restart=always", "Restart=often"),
        ("ExecStart=/usr/bin/fieldsync run", "ExecStart=fieldsync run"),
        ("[Service]", "[Servce]"),
    ],
)
def test_fault_in_the_unit_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str, bad: str
) -> None:
    text = UNIT.read_text()
    assert good in text
    (tmp_path / "fieldsync.service").write_text(text.replace(good, bad))
    assert complaints(tmp_path / "fieldsync.service")
    assert main([str(tmp_path / "fieldsync.service")]) == 1
    assert str(tmp_path / "fieldsync.service") in capsys.readouterr().err
