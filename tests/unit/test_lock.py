"""The lock pins everything that is installed, by content, and names no place to get it from."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("build", "dev", "runtime")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock: its name, exact version, and how many files may be it."""

    name: str
    version: str
    hashes: int


def text(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")


@cache
def pins(lock: str) -> tuple[Pin, ...]:
    found = []
    for statement in text(lock).replace("\\\n", " ").splitlines():
        if not statement.strip() or statement.startswith("#"):
            continue
        requirement = Requirement(_HASH.sub("", statement).strip())
        (pinned,) = requirement.specifier
        assert pinned.operator == "==", statement
        found.append(Pin(canonicalize_name(requirement.name), pinned.version, len(_HASH.findall(statement))))
    return tuple(found)


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def direct(lock: str) -> list[str]:
    """What pyproject asks for by name, that this lock has to hold."""
    project, groups = pyproject()["project"], pyproject()["dependency-groups"]
    wanted: dict[str, list[str]] = {
        "build": [*groups["build"], *pyproject()["build-system"]["requires"]],
        "dev": [*groups["dev"], *project["dependencies"]],
        "runtime": project["dependencies"],
    }
    return wanted[lock]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_address_and_no_index(lock: str) -> None:
    """The same lock serves mirrors, boxes without a network, and plain pip."""
    assert "://" not in text(lock)
    options = [line for line in text(lock).splitlines() if line.startswith("-")]
    assert not options
    assert "@" not in text(lock)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_a_hash(lock: str) -> None:
    assert pins(lock)
    assert not [pin.name for pin in pins(lock) if pin.hashes == 0]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_direct_dependency_is_locked_as_it_is_asked_for(lock: str) -> None:
    """Renew the locks with `./dev lock`."""
    locked = {(pin.name, pin.version) for pin in pins(lock)}
    missing = [
        asked
        for asked in direct(lock)
        if not any(
            name == canonicalize_name(Requirement(asked).name)
            and Requirement(asked).specifier.contains(version)
            for name, version in locked
        )
    ]
    assert not missing


def test_development_runs_on_the_versions_that_are_shipped() -> None:
    assert {(pin.name, pin.version) for pin in pins("runtime")} <= {
        (pin.name, pin.version) for pin in pins("dev")
    }


def test_no_other_lock_is_tracked() -> None:
    """uv's own lock would record where each file was downloaded from."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    names = {Path(path).name for path in tracked}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "pylock.toml", "pip.conf", "uv.toml"}
