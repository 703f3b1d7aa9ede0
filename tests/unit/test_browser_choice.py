"""Which browser the tests take, and that CI cannot leave them out without anybody noticing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.browser import VARIABLE, executable, without_one


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_browser_is_found_by_its_usual_names(tmp_path: Path) -> None:
    found = program(tmp_path, "google-chrome")

    assert executable({"PATH": str(tmp_path)}) == str(found)
    assert executable({"PATH": str(tmp_path / "nowhere")}) is None


def test_named_browser_comes_before_the_usual_ones(tmp_path: Path) -> None:
    program(tmp_path, "chromium")
    named = program(tmp_path, "mine")

    assert executable({"PATH": str(tmp_path), VARIABLE: str(named)}) == str(named)


def test_named_browser_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be run"):
        executable({"PATH": str(tmp_path), VARIABLE: str(tmp_path / "gone")})


@pytest.mark.parametrize("environ", [{}, {"CI": ""}, {"CI": "false"}])
def test_tests_are_skipped_without_a_browser(environ: dict[str, str]) -> None:
    with pytest.raises(pytest.skip.Exception, match="install the package chromium"):
        without_one(environ)


def test_tests_fail_without_a_browser_in_ci() -> None:
    with pytest.raises(pytest.fail.Exception, match="install the package chromium"):
        without_one({"CI": "true"})
