"""A sixth kind of call is one new file and one name: shown on a copy of the program that gets both.

The kind is invented: it joins two interventions, and names one in its path and the other in its body. Nothing else of
the program knows of it, and it is captured, listed, explained, sent, repaired and proven like the other five.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_samples import sample
from tests.support.raw_server import Peer, RawServer

ROOT = Path(__file__).parents[2]
NEW_FILE = '''
"""Join another intervention to this one: PATCH /interventions/v2/rs/{interventionId}/join. An invention of a test."""

from functools import cache

from sync.operations.operation import ANY_SUBJECT, Operation


@cache
def payload_model():
    from sync.operations import fields

    class Join(fields.Payload):
        other_id: fields.InterventionId
        reason: fields.ShortText

    return Join


OPERATION = Operation(
    kind="join",
    summary="join another intervention to this one",
    method="PATCH",
    path="/interventions/v2/rs/{id}/join",
    success_status=200,
    changes=ANY_SUBJECT,
    payload_model=payload_model,
)
'''


class Copy:
    """The program with one file and one name more, its outbox, and a server that knows the new call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in ("config", "storage", "sync"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        operations = folder / "sync" / "operations"
        (operations / "join.py").write_text(NEW_FILE.lstrip(), encoding="utf-8")
        registry = operations / "__init__.py"
        text = registry.read_text(encoding="utf-8")
        # One name: where it is imported, and where it is listed.
        named = text.replace("import curative,", "import curative, join,").replace(
            "(unplanned_preventive, curative,", "(unplanned_preventive, curative, join,"
        )
        assert named.count("join") == text.count("join") + 2
        registry.write_text(named, encoding="utf-8")
        self._lock = threading.Lock()
        self._next_id = 500
        self.refuses = 1

    def answer(self, peer: Peer) -> None:
        while (asked := peer.read_request()).line:
            method, path, _ = asked.line.split(" ")
            with self._lock:
                if method == "POST":
                    self._next_id += 1
                    status, told = "201 Created", {"data": {"id": self._next_id}}
                elif path.endswith("/join") and self.refuses:
                    self.refuses -= 1
                    status, told = "422 Unprocessable Entity", {"message": "reason is not accepted"}
                else:
                    status, told = "200 OK", {"data": {"id": int(path.split("/")[-2])}}
            peer.answer(status, json.dumps(told).encode(), "Content-Type: application/json")

    def help(self, url: str, command: str) -> str:
        return self._ended(url, command, "--help").stdout

    def run(self, url: str, *arguments: str, stdin: str = "", expect: int = 0) -> Any:
        ended = self._ended(url, *arguments, "--json", stdin=stdin)
        assert ended.returncode == expect, (arguments, ended.returncode, ended.stdout, ended.stderr)
        return json.loads(ended.stdout.splitlines()[-1])

    def _ended(self, url: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        ambient = {name: value for name, value in os.environ.items() if not name.startswith("FIELDSYNC_")}
        return subprocess.run(
            [sys.executable, "-m", "sync", *arguments],
            cwd=self.folder,
            env={
                **ambient,
                "PYTHONPATH": str(self.folder),
                "FIELDSYNC_STORAGE__DIR": str(self.folder / "outbox"),
                "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
                "FIELDSYNC_API__BASE_URL": url,
                "FIELDSYNC_API__TOKEN": "sixth-bearer-1234567890",
                "FIELDSYNC_API__SESSION_TOKEN": "sixth-session-1234567890",
                "FIELDSYNC_UPLOAD__ALLOW_INSECURE_LOOPBACK": "true",
                "FIELDSYNC_SYNC__START_SPREAD_S": "0",
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_sixth_kind_needs_one_file_and_one_name(copy: Copy) -> None:
    """Somebody adds a call of the API after us, and the queue, the repair desk and the reports know it at once."""
    with RawServer(copy.answer) as server:

        def run(*arguments: str, stdin: Any = None, expect: int = 0) -> Any:
            given = "" if stdin is None else json.dumps(stdin)
            return copy.run(server.url, *arguments, stdin=given, expect=expect)

        told = copy.help(server.url, "capture")
        assert "join                  join another intervention to this one" in told
        one, other = (
            run("capture", "curative", "--data", "-", stdin=sample("curative", description=words))["id"]
            for words in ("one", "other")
        )
        refused = run(
            *("capture", "join", "--data", "-", "--target", f"local:{one}"),
            stdin={"otherId": "501", "reason": "x" * 251, "because": 1},
            expect=2,
        )
        assert {(each["path"], each["code"]) for each in refused["error"]["problems"]} == {
            ("$.otherId", "not_an_intervention"),
            ("$.reason", "too_long"),
            ("$.because", "unknown_field"),
        }
        body = {"otherId": {"$entry": other[-8:]}, "reason": "same lift"}
        join = run("capture", "join", "--data", "-", "--target", f"local:{one}", stdin=body)["id"]
        assert [(each["kind"], each["state"]) for each in run("list")][-1] == ("join", "pending")

        run("sync", expect=3)
        entry = run("show", join)
        assert (entry["kind"], entry["state"]) == ("join", "dead")
        assert [each["id"] for each in run("list", "--needs-action")] == [join]

        named = ("--set", f"otherId.$entry={other[-8:]}")
        edited = run("edit", join, "--set", "reason=same stairs", *named)
        assert edited["entries"][0]["changed"] == ["reason"]
        run("resync", join)
        run("sync")
        assert {each["state"] for each in run("list")} == {"done"}

        ids = {
            each["id"]: each["receipts"][0]["server_id"] for each in (run("show", one), run("show", other))
        }
        joins = [asked for asked in server.asked if asked.line.startswith("PATCH")]
        assert [asked.line for asked in joins] == [
            f"PATCH /main/interventions/v2/rs/{ids[one]}/join HTTP/1.1"
        ] * 2
        assert [asked.body for asked in joins] == [
            json.dumps({"otherId": ids[other], "reason": reason}, separators=(",", ":")).encode()
            for reason in ("same lift", "same stairs")
        ]
