"""The image: what runs in it, as whom, and that nothing but the product goes in. Built by hand where Docker is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from config.settings import load
from sync.entrypoints.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
# One instruction a line, as Docker reads it.
LINES = [
    line
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]
FINAL = LINES[max(i for i, line in enumerate(LINES) if line.startswith("FROM ")) :]


def argument(instruction: str) -> str:
    (found,) = [line.partition(" ")[2] for line in FINAL if line.startswith(instruction + " ")]
    return found


def test_hadolint_is_content() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "it is a development dependency"
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_both_stages_stand_on_the_base_that_can_be_chosen() -> None:
    """Another Python in the second would not find the packages of the first."""
    assert LINES[0].startswith("ARG PYTHON_IMAGE=python:")
    froms = [line for line in LINES if line.startswith("FROM ")]
    assert froms == ["FROM ${PYTHON_IMAGE} AS build", "FROM ${PYTHON_IMAGE}"]


def test_it_runs_as_a_user_by_number_that_is_not_root() -> None:
    assert re.fullmatch(r"([1-9]\d{3,}):\1", argument("USER"))


def test_outbox_is_the_one_volume_and_belongs_to_the_user() -> None:
    volume = argument("VOLUME")
    assert volume == '["/var/lib/fieldsync"]'
    assert "FIELDSYNC_STORAGE__DIR=/var/lib/fieldsync" in argument("ENV").split()
    user = argument("USER").partition(":")[0]
    made = f"install -d -m 0700 -o {user} -g {user} /var/lib/fieldsync"
    places = [i for i, line in enumerate(FINAL) if made in line or line.startswith("VOLUME ")]
    assert len(places) == 2, "made first: what is done to a volume afterwards is lost"
    settings = load(environ={"FIELDSYNC_STORAGE__DIR": "/var/lib/fieldsync"})
    assert settings.storage.dir == Path("/var/lib/fieldsync")


def test_what_it_starts_and_how_it_is_asked_are_commands_that_exist() -> None:
    assert argument("ENTRYPOINT") == '["fieldsync"]'
    assert argument("CMD") == '["run"]'
    health = argument("HEALTHCHECK")
    assert health.endswith('CMD ["fieldsync", "status", "--alive"]')
    assert {"run", "status"} <= set(COMMANDS)
    assert "--alive" in CliRunner().invoke(cli, ["status", "--help"]).output


def test_everything_installed_is_checked_by_hash() -> None:
    installs = [line for line in LINES if re.search(r"\bpip\b.*\binstall\b", line)]
    assert installs
    for line in installs:
        for each in re.findall(r"install\b.*?(?=&&|$)", line):
            assert "--require-hashes" in each or "--no-index --no-deps" in each, each


def test_bytecode_is_made_in_the_build_and_not_forbidden() -> None:
    """The user cannot write it later, and start-up counts."""
    text = "\n".join(LINES)
    assert "PYTHONDONTWRITEBYTECODE" not in text
    assert text.count("--compile") == 2


def test_only_the_product_is_sent_to_the_build() -> None:
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert patterns[0] == "*", "what is not named stays out: history, tokens, outboxes"
    allowed = {line[1:] for line in patterns if line.startswith("!")}
    assert all((ROOT / each).exists() for each in allowed)
    copied = {
        source
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == allowed
