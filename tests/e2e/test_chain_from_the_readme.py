"""The README's chain, taken from its text: three calls that build on each other, captured without a network."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from sync.sandbox.server import Sandbox
from tests.support.device import Device

ROOT = Path(__file__).parents[2]
_DOOR = ["./dev", "run"]


def commands() -> list[list[str]]:
    """The arguments of each command in the block below `More than one call`; files by their place in the checkout."""
    found = re.search(
        r"### More than one call.*?```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    assert found, "the README tells how one entry builds on another"
    lines = [shlex.split(line, comments=True) for line in found[1].splitlines()]
    assert all(line[:2] == _DOOR for line in lines)
    return [[str(ROOT / word) if word.startswith("docs/") else word for word in line[2:]] for line in lines]


def test_chain_of_the_readme_arrives_in_order_with_the_servers_number(tmp_path: Path) -> None:
    """A visit, its new date and its acceptance, all from the basement."""
    with Sandbox() as sandbox:
        device = Device(tmp_path, sandbox)
        *captures, listed, synced = commands()
        sandbox.offline()
        for command in captures:
            assert device.run(*command).returncode == 0
        assert device.run(*listed).stdout.count("pending") == len(captures) == 3
        sandbox.online()
        assert "3 delivered" in device.run(*synced).stdout
        (record,) = sandbox.state.records()
        edits = [(edit["id"], edit["route"]) for edit in sandbox.state.edits()]
    assert edits == [(record["id"], "preventive"), (record["id"], "verify")]
