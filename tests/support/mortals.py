"""Outboxes that dead processes left behind: one for each point at which a process can die, ready for a healthy one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from sync.sandbox.server import Sandbox
from tests.support.rig import FakeTime, SandboxRig


class Mortals:
    """Makes processes that do what `program` does and die where they are told."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.support.{program}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def die(self, root: Path, at: str, number: int, **more: Any) -> bool:
        """Whether the process reached that point and died there; False when it finished before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"root": str(root), "at": at, "number": number, **more}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["died"] or answer["code"] == 0, answer
        return bool(answer["died"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Field:
    """A captured outbox to be copied, and the ids in it."""

    def __init__(self, place: Path, sandbox: Sandbox, capture: Callable[[SandboxRig], list[str]]) -> None:
        self.place, self.sandbox = place, sandbox
        rig = SandboxRig(place / "captured", sandbox, FakeTime())
        self.ids = capture(rig)
        rig.close()

    def after_death(self, mortals: Mortals, at: str, number: int, **sync: Any) -> SandboxRig | None:
        """A new process on the outbox that a dead one left behind; None when none died."""
        root = self.place / f"{at}-{number}"
        shutil.copytree(self.place / "captured", root)
        tokens = self.sandbox.state.tokens
        settings = {
            "storage.dir": str(root),
            "api.base_url": self.sandbox.api_url,
            "api.token": tokens.bearer,
            "api.session_token": tokens.session,
            "upload.allow_insecure_loopback": True,
            **{f"sync.{name}": value for name, value in sync.items()},
        }
        if not mortals.die(root, at, number, settings=settings):
            return None
        named = {f"sync__{name}": value for name, value in sync.items()}
        return SandboxRig(root, self.sandbox, FakeTime(), **named)

    def deaths(self, mortals: Mortals, at: str, *, honour_keys: bool, **sync: Any) -> Iterator[SandboxRig]:
        """The left-behind outbox of each death at this kind of point, the server fresh each time."""

        def fresh() -> None:
            self.sandbox.reset()
            self.sandbox.state.set_options({"honour_keys": honour_keys})

        return self.deaths_at(mortals, at, fresh, **sync)

    def deaths_at(
        self, mortals: Mortals, at: str, fresh: Callable[[], None], **sync: Any
    ) -> Iterator[SandboxRig]:
        """The same, with the server as `fresh` makes it."""
        for number in count(1):
            fresh()
            rig = self.after_death(mortals, at, number, **sync)
            if rig is None:
                return
            try:
                yield rig
            finally:
                rig.close()


def finish(rig: SandboxRig) -> None:
    """A healthy process works until nothing is left that time alone could deliver."""
    for _ in range(4):
        rig.sync()
        rig.time.passes(1000)
