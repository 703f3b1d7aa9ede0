"""A tablet breaks, and another takes its work: two devices, one server, each record once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from sync.sandbox import faults
from sync.sandbox.server import Sandbox
from tests.support.command import Ended, run_here
from tests.support.device import Device
from tests.support.polling import eventually

PASSPHRASE = "seven wet tablets in a row"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def here(tmp_path: Path, sandbox: Sandbox) -> Device:
    return device(tmp_path / "here", sandbox)


@pytest.fixture
def there(tmp_path: Path, sandbox: Sandbox) -> Device:
    return device(tmp_path / "there", sandbox)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return str(path)


def device(folder: Path, sandbox: Sandbox) -> Device:
    folder.mkdir()
    return Device(folder, sandbox, SYNC__CONCURRENCY=16)


def run(device: Device, *arguments: str, stdin: str = "") -> Ended:
    return run_here(device.environment, *arguments, stdin=stdin)


def done(device: Device, *arguments: str, stdin: str = "") -> Any:
    ended = run(device, *arguments, "--json", stdin=stdin)
    assert ended.code == 0, ended
    return ended.document


def companies(sandbox: Sandbox) -> Counter[int]:
    return Counter(record["body"]["companyId"] for record in sandbox.state.records())


def states(device: Device) -> Counter[str]:
    return Counter(entry["state"] for entry in done(device, "list"))


def test_each_record_comes_once_from_two_devices_that_are_both_online(
    here: Device, there: Device, sandbox: Sandbox, secret: str, tmp_path: Path
) -> None:
    """Anna's tablet has a broken screen; her day is handed to Bert's, and both go online."""
    here.capture_many(6)
    there.capture_many(2, first=50)
    file = str(tmp_path / "anna.bundle")
    handed = done(here, "export", "-o", file, "--passphrase-file", secret)
    assert (len(handed["handed_over"]), handed["staying"]) == (6, [])
    taken = done(there, "import", file, "--passphrase-file", secret)
    assert (taken["imported"], taken["duplicates"]) == (6, 0)
    assert run(here, "sync", "--json").document["delivered"] == 0
    assert done(there, "sync")["delivered"] == 8
    assert done(there, "import", file, "--passphrase-file", secret)["duplicates"] == 6
    done(there, "sync")
    assert companies(sandbox) == dict.fromkeys([*range(1, 7), 50, 51], 1)
    assert states(there) == {"done": 8}
    assert states(here) == {"parked": 6}
    assert len(sandbox.state.objects.facts()) == 8, "with their signatures"


def test_chain_arrives_in_order_from_the_other_device(
    here: Device, there: Device, sandbox: Sandbox, secret: str, tmp_path: Path
) -> None:
    (visit,) = here.capture_many(1)
    update = json.dumps({"description": "Two seals replaced"})
    done(here, "capture", "preventive-update", "--data", "-", "--target", f"local:{visit}", stdin=update)
    verdict = json.dumps({"decision": 1, "decisionComment": "Seen"})
    done(here, "capture", "verification", "--data", "-", "--target", f"local:{visit}", stdin=verdict)
    file = str(tmp_path / "chain.bundle")
    handed = done(here, "export", visit[-8:], "-o", file, "--passphrase-file", secret)
    assert len(handed["brought"]) == 2
    done(there, "import", file, "--passphrase-file", secret)
    assert done(there, "sync")["delivered"] == 3
    (record,) = sandbox.state.records()
    assert [edit["id"] for edit in sandbox.state.edits()] == [record["id"]] * 2


def test_export_beside_a_running_worker_takes_only_what_is_not_on_the_wire(
    here: Device, there: Device, sandbox: Sandbox, secret: str, tmp_path: Path
) -> None:
    """Sixteen on the wire, and somebody exports: what is out is finished here, the rest goes."""
    here.capture_many(60)
    sandbox.faults.add(faults.delay("unplanned", 0.5))
    worker = here.start("run")
    try:
        assert eventually(lambda: len(sandbox.state.records()) >= 8, within_s=30)
        file = str(tmp_path / "rest.bundle")
        ended = run(here, "export", "-o", file, "--passphrase-file", secret, "--json")
        assert ended.code == 3, ended
        codes = Counter(each["code"] for each in ended.document["staying"])
        assert codes["being_delivered"] >= 1
        assert ended.document["handed_over"]
        assert run(there, "import", file, "--passphrase-file", secret).code == 0
        done(there, "sync")
        assert eventually(lambda: set(states(here)) <= {"done", "parked"}, within_s=30)
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
    assert companies(sandbox) == dict.fromkeys(range(1, 61), 1)


def test_nothing_personal_and_no_passphrase_is_left_in_the_open(
    here: Device, there: Device, secret: str, tmp_path: Path
) -> None:
    here.capture_many(1)
    file = tmp_path / "anna.bundle"
    told = [
        run(here, "export", "-o", str(file), "--passphrase-file", secret),
        run(there, "import", str(file), "--passphrase-stdin", "--json", stdin=PASSPHRASE),
        run(here, "import", str(file), "--passphrase-file", secret),
    ]
    assert [each.code for each in told] == [0, 0, 0], told
    for text in (*(each.out + each.err for each in told), file.read_bytes().decode("latin-1")):
        assert PASSPHRASE not in text
        for personal in ("example.org", "Extinguishers", "unplanned-preventive"):
            assert personal not in text
    assert not list(tmp_path.rglob("*.part"))
    assert file.stat().st_mode & 0o777 == 0o600


def test_passphrase_never_comes_as_an_argument(here: Device) -> None:
    for command in ("export", "import"):
        text = run(here, command, "--help").out
        assert "--passphrase-file" in text
        assert "--passphrase " not in text


def test_wrong_passphrase_is_told_and_changes_nothing(
    here: Device, there: Device, secret: str, tmp_path: Path
) -> None:
    here.capture_many(1)
    file = str(tmp_path / "anna.bundle")
    done(here, "export", "-o", file, "--passphrase-file", secret)
    ended = run(there, "import", file, "--passphrase-stdin", "--json", stdin="not that one at all")
    assert (ended.code, ended.error["code"]) == (2, "wrong_secret")
    assert "not that one" not in ended.out
    for more in ((), ("--kind", "curative", "--passphrase-file", secret)):
        ended = run(there, "import", file, *more, "--json")
        assert (ended.code, ended.error["code"]) == (2, "usage"), more
    assert states(there) == {}


def test_easy_passphrase_seals_nothing(here: Device, tmp_path: Path) -> None:
    here.capture_many(1)
    file = tmp_path / "anna.bundle"
    ended = run(here, "export", "-o", str(file), "--passphrase-stdin", "--json", stdin="1234")
    assert (ended.code, ended.error["code"]) == (2, "secret_unusable")
    assert states(here) == {"pending": 1}
    assert not file.exists()


def test_key_file_opens_what_was_sealed_with_it(here: Device, there: Device, tmp_path: Path) -> None:
    """The office made a key once; no passphrase is told on the telephone."""
    here.capture_many(2)
    key, file = tmp_path / "office.key", tmp_path / "anna.bundle"
    done(there, "export", "--new-key", str(key))
    assert key.stat().st_mode & 0o777 == 0o600
    told = run(here, "export", "-o", str(file), "--key-file", str(key), "--json")
    assert told.code == 0
    assert key.read_text().strip() not in told.out + told.err
    assert done(there, "import", str(file), "--key-file", str(key))["imported"] == 2
    assert run(there, "export", "--new-key", str(key), "--json").error["code"] == "file_exists"
    key.chmod(0o644)
    assert "others" in run(there, "import", str(file), "--key-file", str(key)).err


def test_imported_work_is_given_to_whom_it_is_said(
    here: Device, there: Device, secret: str, tmp_path: Path
) -> None:
    here.capture_many(1)
    file = str(tmp_path / "anna.bundle")
    done(here, "export", "-o", file, "--passphrase-file", secret)
    would = done(there, "import", file, "--passphrase-file", secret, "--owner", "bert", "--dry-run")
    assert (would["imported"], states(there)) == (1, {})
    taken = done(there, "import", file, "--passphrase-file", secret, "--owner", "bert")
    assert taken["owners"] == ["bert"]
    (entry,) = done(there, "list")
    assert entry["owner"] == "bert"


def test_taken_back_at_the_origin_with_a_warning_and_delivered_once(
    here: Device, sandbox: Sandbox, secret: str, tmp_path: Path
) -> None:
    """The other tablet never came: the bundle goes back to where it was made."""
    here.capture_many(3)
    file = str(tmp_path / "anna.bundle")
    done(here, "export", "-o", file, "--passphrase-file", secret)
    skipped = done(here, "resync", "--all")
    assert len(skipped["skipped"]) == 3
    back = run(here, "import", file, "--passphrase-file", secret)
    assert (back.code, "both send them" in back.err) == (0, True)
    assert done(here, "sync")["delivered"] == 3
    assert companies(sandbox) == dict.fromkeys(range(1, 4), 1)


def test_dry_run_of_an_export_hands_nothing_over(here: Device, tmp_path: Path) -> None:
    here.capture_many(2)
    would = done(here, "export", "-o", str(tmp_path / "x"), "--dry-run")
    assert (len(would["handed_over"]), would["bundle"]) == (2, None)
    assert states(here) == {"pending": 2}
    assert os.listdir(tmp_path) == ["here"] or not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", [".", "/", ""])
def test_folder_is_no_file_to_export_to(here: Device, secret: str, name: str) -> None:
    here.capture_many(1)
    for order in (("--csv",), ("--passphrase-file", secret)):
        ended = run(here, "export", "-o", name, *order, "--json")
        assert (ended.code, ended.error["code"]) == (2, "usage"), order
    assert states(here) == {"pending": 1}


@pytest.mark.parametrize(
    "order",
    [("export", "--csv", "-o"), ("export", "--passphrase-file", "SECRET", "-o"), ("export", "--new-key"),
     ("db", "backup", "-o")],
)  # fmt: skip
def test_folder_that_is_not_there_is_named(
    here: Device, secret: str, tmp_path: Path, order: tuple[str, ...]
) -> None:
    """A typing error is no full disk, and trying again helps nobody."""
    here.capture_many(1)
    given = [secret if each == "SECRET" else each for each in order]
    ended = run(here, *given, str(tmp_path / "usb" / "file"), "--json")
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (2, "usage", False)
    assert str(tmp_path / "usb") in ended.error["message"]
    assert states(here) == {"pending": 1}


def test_selection_of_an_export_is_by_name_kind_or_owner(here: Device, secret: str, tmp_path: Path) -> None:
    first, second, third = here.capture_many(3)
    run(here, "edit", third, "--owner", "bert")
    wanted = [
        (("--owner", "bert"), {third}),
        ((second[-8:],), {second}),
        (("--kind", "unplanned-preventive"), {first}),
    ]
    for number, (selection, expected) in enumerate(wanted):
        ended = run(
            here,
            "export",
            *selection,
            "-o",
            str(tmp_path / f"{number}"),
            "--passphrase-file",
            secret,
            "--json",
        )
        assert set(ended.document["handed_over"]) == expected
    ended = run(here, "export", "--kind", "unplaned", "-o", str(tmp_path / "x"), "--json")
    assert (ended.code, ended.error["code"]) == (2, "unknown_kind")
    assert run(here, "export", "ffffffff", "-o", str(tmp_path / "x"), "--passphrase-file", secret).code == 6


def test_recovery_of_the_origin_sends_nothing_that_was_handed_over(
    here: Device, there: Device, sandbox: Sandbox, secret: str, tmp_path: Path
) -> None:
    """The tablet that was handed over breaks in earnest, and is recovered: with what it has, and from an old backup."""
    here.capture_many(3)
    old = str(tmp_path / "before.db")
    done(here, "db", "backup", "-o", old)
    file = str(tmp_path / "anna.bundle")
    done(here, "export", "-o", file, "--passphrase-file", secret)
    done(there, "import", file, "--passphrase-file", secret)
    done(there, "sync")
    run(here, "db", "recover", "--force", "--json")
    assert {(entry["state"], entry["reason"]) for entry in done(here, "list")} == {("parked", "handed_over")}
    for name in ("fieldsync.db", "fieldsync.db-wal", "fieldsync.db-shm"):
        (here.storage / name).unlink(missing_ok=True)
    run(here, "db", "recover", "--from", old, "--json")
    held = {(entry["state"], entry["reason"]) for entry in done(here, "list")}
    assert held == {("parked", "perhaps_handed_over")}, "what an old copy knows may have left since"
    run(here, "sync", "--json")
    assert companies(sandbox) == dict.fromkeys(range(1, 4), 1)


def test_prompt_that_is_interrupted_is_told_as_a_document_too(
    here: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the hidden passphrase: a program that drives the command still reads one document."""

    def interrupted(*_: object, **__: object) -> None:
        raise click.Abort

    here.capture_many(1)
    monkeypatch.setattr("sync.entrypoints.cli.bundling._read", interrupted)
    ended = run(here, "export", "-o", str(tmp_path / "x"), "--json")
    assert (ended.code, ended.error["code"]) == (130, "interrupted")
    assert not (tmp_path / "x").exists()


def test_export_that_finds_nothing_says_why(here: Device, secret: str, tmp_path: Path) -> None:
    ended = run(here, "export", "-o", str(tmp_path / "x.bundle"), "--passphrase-file", secret)
    assert ended.code == 0
    assert "no file was made" in ended.out
    assert "nothing here that was never sent" in ended.out
