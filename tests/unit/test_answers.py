"""Whatever becomes of standard output or of an argument, a command ends with a word and a code that fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.sources import read_toml
from sync.entrypoints.cli.output import reported
from sync.entrypoints.cli.torturing import _play
from sync.entrypoints.failures import Failed
from tests.support.command import Tablet


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device on this system")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("pause", "--json"), 74), (("show", "none", "--json"), 6)],
    ids=["done", "failed"],
)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_full_disk_under_the_answer_costs_no_traceback(
    tmp_path: Path, arguments: tuple[str, ...], code: int, unbuffered: str
) -> None:
    """The output goes to a file on a full disk; what was ordered was done."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sync", *arguments],
            env={**Tablet(tmp_path).environment, "PYTHONUNBUFFERED": unbuffered},
            cwd=Path(__file__).parents[2],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert done.stderr.startswith("fieldsync: ")


def test_interrupted_command_leaves_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, reported(as_json=True):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert '"code": "interrupted"' in capsys.readouterr().out


def test_terminal_takes_no_orders_from_an_argument(tmp_path: Path) -> None:
    ended = Tablet(tmp_path).run("capture", "unplanned-preventive", "--data", "/x\x1b[2J\x07\u202e")
    assert ended.code == 2
    assert "/x\\u001b[2J" in ended.err
    assert not any(each in ended.err for each in "\x1b\x07\u202e"), ended


@pytest.mark.parametrize("kind", ["pipe", "device", "long"])
def test_settings_that_never_end_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "fieldsync.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        path.write_bytes(b"#" * (1 << 20) + b"\n")
    found = read_toml({"FIELDSYNC_CONFIG": str(path)})
    assert found.problem is not None
    assert found.problem.code == "config_file_unreadable"


def test_torture_without_room_says_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    def no_room(**_: object) -> None:
        raise shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")])

    monkeypatch.setattr("sync.torture.rounds.torturing", no_room)
    with pytest.raises(Failed, match=r"No space left.*TMPDIR") as failed:
        _play(1, range(1, 2), ("x",), chosen=(), keep=False, as_json=False)
    assert failed.value.code == "torture_broken"
    assert "[(" not in failed.value.message
