"""A device of its own: the installed command as a process, with a scratch outbox and the sandbox as its server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sync.sandbox.server import Sandbox
from tests.support.builders import signature_png, unplanned_body

COMMAND = (sys.executable, "-m", "sync")


class Device:
    """Runs `fieldsync` with an environment that names nothing but this scratch folder and this server."""

    def __init__(self, folder: Path, sandbox: Sandbox, **settings: object) -> None:
        self.folder = folder
        self.storage = folder / "outbox"
        ambient = {name: value for name, value in os.environ.items() if not name.startswith("FIELDSYNC_")}
        self.environment = {
            **ambient,
            "FIELDSYNC_STORAGE__DIR": str(self.storage),
            "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
            "FIELDSYNC_API__BASE_URL": sandbox.api_url,
            "FIELDSYNC_API__TOKEN": sandbox.state.tokens.bearer,
            "FIELDSYNC_API__SESSION_TOKEN": sandbox.state.tokens.session,
            "FIELDSYNC_UPLOAD__ALLOW_INSECURE_LOOPBACK": "true",
            "FIELDSYNC_SYNC__START_SPREAD_S": "0.2",
            "FIELDSYNC_SYNC__PROBE_CAP_S": "0.5",
            "FIELDSYNC_SYNC__SETTLE_S": "0.2",
            "FIELDSYNC_WEB__ENABLED": "false",
            **{f"FIELDSYNC_{name}": str(value) for name, value in settings.items()},
        }

    def run(
        self, *arguments: str, stdin: str | None = None, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def json(self, *arguments: str, expect: Sequence[int] = (0,), timeout_s: float = 60) -> Any:
        """The last document that a command printed with --json."""
        ended = self.run(*arguments, "--json", timeout_s=timeout_s)
        assert ended.returncode in expect, (arguments, ended.returncode, ended.stdout, ended.stderr)
        return json.loads(ended.stdout.splitlines()[-1])

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on; the caller ends it."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def capture(self, seed: int = 1, *, after: str | None = None) -> str:
        """One signed intervention through the command line; its local id."""
        image = self.folder / f"signature-{seed}.png"
        image.write_bytes(signature_png(seed))
        more = () if after is None else ("--after", after)
        body = json.dumps(distinct_body(seed))
        ended = self.run(
            "capture",
            "unplanned-preventive",
            "--data",
            "-",
            "--signature",
            str(image),
            "--json",
            *more,
            stdin=body,
        )
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return str(json.loads(ended.stdout)["id"])

    def capture_many(self, count: int, *, first: int = 1) -> list[str]:
        """Many captures through the same front door, in this process."""
        from sync import app
        from sync.capture import ImageLimits, Input, capture, check_input
        from sync.clock import Clock

        clock = Clock()
        database = app.open_outbox(self.storage, clock)
        ids = []
        try:
            for seed in range(first, first + count):
                given = Input(
                    "unplanned-preventive", json.dumps(distinct_body(seed)).encode(), signature_png(seed)
                )
                checked = check_input(given, ImageLimits(2**21, 4_000_000))
                ids.append(capture(database, checked, clock=clock, new_id=app.new_id(clock), owner=None).id)
        finally:
            database.close()
        return ids


def distinct_body(seed: int) -> dict[str, Any]:
    """A body that differs from every other seed's, so that a doubled record shows."""
    body = unplanned_body(companyId=seed)
    body.pop("actualStart", None)
    return body
