"""`fieldsync auth`: tokens come in by standard input or files, serve at once, and are told by state alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox.server import Sandbox
from tests.support.command import Ended, Tablet, run_here
from tests.support.device import Device

LATE, PAST = 4_000_000_000, 1_600_000_000
BEARER = "opaque-bearer-1234567890"


def token(user: str | int = "77", ends: int = LATE) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, {"userId": user, "exp": ends})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2ln"])


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


def answered(ended: Ended) -> list[dict[str, Any]]:
    """The lines of `auth status`."""
    assert ended.code == 0, ended
    assert set(ended.document) == {"schema", "auth"}
    lines: list[dict[str, Any]] = ended.document["auth"]
    assert all(set(line) == {"owner", "state", "expires_at"} for line in lines)
    return lines


FORMS = {
    "two lines": f"{BEARER}\n{token()}\n",
    "windows lines": f"\r\n  {BEARER}  \r\n\r\n{token()}\r\n",
    "sign-in answer": json.dumps(
        {"data": {"accessToken": BEARER, "sessionToken": token(), "refreshToken": "r"}}
    ),
    "refresh answer": json.dumps({"accessToken": BEARER, "sessionToken": token()}, indent=2),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_tokens_from_standard_input_are_stored_in_every_form(tablet: Tablet, form: str) -> None:
    (line,) = answered(tablet.run("auth", "set", "--json", stdin=form))
    expires_at = datetime.fromtimestamp(LATE, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert line == {"owner": "77", "state": "ok", "expires_at": expires_at}
    assert answered(tablet.run("auth", "status", "--json")) == [line]


def test_tokens_from_files_are_stored(tablet: Tablet) -> None:
    files = (tablet.file("bearer", f"{BEARER}\n".encode()), tablet.file("session", token().encode()))
    arguments = ("--token-file", str(files[0]), "--session-token-file", str(files[1]))
    assert answered(tablet.run("auth", "set", "--json", *arguments))[0]["state"] == "ok"


def test_stored_tokens_are_for_this_user_alone(tablet: Tablet) -> None:
    tablet.run("auth", "set", stdin=FORMS["two lines"])
    tablet.run("auth", "set", "--owner", "Zoé", stdin=FORMS["two lines"])
    files = [path for path in (tablet.storage / "tokens").iterdir() if path.is_file()]
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tablet.storage / "tokens").stat().st_mode & 0o777 == 0o700


BAD_FORMS = {
    "nothing": "",
    "one line": f"{BEARER}\n",
    "three lines": f"{BEARER}\n{token()}\nmore\n",
    "half an answer": json.dumps({"accessToken": BEARER}),
    "blank inside": f"opaque bearer\n{token()}\n",
    "control character": f"opaque\x07bearer1\n{token()}\n",
    "two users": f"{token('77')}\n{token('78')}\n",
    "empty token": json.dumps({"accessToken": "", "sessionToken": token()}),
    "list": "[1, 2]",
}


@pytest.mark.parametrize("form", BAD_FORMS.values(), ids=list(BAD_FORMS))
def test_unusable_tokens_are_refused_and_what_was_there_stays(tablet: Tablet, form: str) -> None:
    tablet.run("auth", "set", stdin=FORMS["two lines"])
    before = (tablet.storage / "tokens" / "default.json").read_bytes()
    ended = tablet.run("auth", "set", "--json", stdin=form)
    assert (ended.code, ended.error["code"]) == (2, "tokens_refused")
    assert ended.error["next_command"]
    assert (tablet.storage / "tokens" / "default.json").read_bytes() == before


@pytest.mark.parametrize("value", ["null", "5", "[]", "{}"])
def test_token_that_is_no_text_is_refused(tablet: Tablet, value: str) -> None:
    answer = f'{{"accessToken": {value}, "sessionToken": "{token()}"}}'
    assert tablet.run("auth", "set", "--json", stdin=answer).code == 2


def test_one_file_without_the_other_is_refused(tablet: Tablet) -> None:
    ended = tablet.run("auth", "set", "--token-file", str(tablet.file("bearer", b"x")), "--json")
    assert (ended.code, ended.error["code"]) == (2, "tokens_refused")


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_token_file_that_cannot_be_read_is_named(tablet: Tablet, name: str) -> None:
    (tablet.folder / "folder").mkdir()
    path = str(tablet.folder / name)
    ended = tablet.run("auth", "set", "--token-file", path, "--session-token-file", path, "--json")
    assert (ended.code, ended.error["code"]) == (2, "tokens_refused")
    assert path in ended.error["message"]


def test_tokens_are_never_taken_as_arguments(tablet: Tablet) -> None:
    """They would stand in the shell's history and in the list of processes."""
    for arguments in ((BEARER, token()), ("--token", BEARER)):
        ended = tablet.run("auth", "set", *arguments, "--json")
        assert (ended.code, ended.error["code"]) == (2, "usage")
    assert not (tablet.storage / "tokens").exists()


def test_missing_and_expired_are_told_with_what_to_do(tablet: Tablet) -> None:
    assert answered(tablet.run("auth", "status", "--json")) == [
        {"owner": None, "state": "missing", "expires_at": None}
    ]
    ended = tablet.run("auth", "set", stdin=f"{BEARER}\n{token(ends=PAST)}\n")
    assert ended.out.startswith("77: expired until 2020-")
    assert "fieldsync auth set" in ended.err


def test_owners_stand_one_below_the_other_after_the_device_itself(tablet: Tablet) -> None:
    tablet.run("auth", "set", stdin=f"{BEARER}\n{token('77')}\n")
    for owner in ("Zoé", "Ada"):
        tablet.run("auth", "set", "--owner", owner, stdin=f"{BEARER}\n{token('5')}\n")
    lines = answered(tablet.run("auth", "status", "--json"))
    assert [line["owner"] for line in lines] == ["77", "Ada", "Zoé"]


@pytest.mark.parametrize("owner", ["", " ", "a\x1bb", "x" * 101])
def test_unusable_owner_is_refused(tablet: Tablet, owner: str) -> None:
    ended = tablet.run("auth", "set", "--owner", owner, "--json", stdin=FORMS["two lines"])
    assert (ended.code, ended.error["code"]) == (2, "tokens_refused")


def test_clear_forgets_what_was_stored_and_leaves_what_is_configured(tablet: Tablet) -> None:
    tablet.run("auth", "set", stdin=FORMS["two lines"])
    tablet.environment |= {"FIELDSYNC_API__TOKEN": BEARER, "FIELDSYNC_API__SESSION_TOKEN": token("9")}
    assert tablet.run("auth", "clear", "--json").document["cleared"] is True
    assert tablet.run("auth", "clear", "--json").document["cleared"] is False
    assert [line["owner"] for line in answered(tablet.run("auth", "status", "--json"))] == ["9"]


def test_storage_that_cannot_be_written_ends_with_9(tablet: Tablet) -> None:
    tablet.storage.write_bytes(b"")
    ended = tablet.run("auth", "set", "--json", stdin=FORMS["two lines"])
    assert (ended.code, ended.error["code"]) == (9, "storage_read_only")


# What they are for.


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    """A device without tokens; the server lets in only the right pair."""
    sandbox.state.set_options({"strict_tokens": True})
    device = Device(tmp_path, sandbox)
    for name in ("TOKEN", "SESSION_TOKEN"):
        del device.environment[f"FIELDSYNC_API__{name}"]
    return device


def right_pair(sandbox: Sandbox) -> str:
    return f"{sandbox.state.tokens.bearer}\n{sandbox.state.tokens.session}\n"


def test_new_tokens_let_what_waited_go_at_once(device: Device, sandbox: Sandbox) -> None:
    """P6: the hold ends with the sign-in, not with the next probe, and no attempt was spent."""
    device.capture_many(2)
    run_here(device.environment, "auth", "set", stdin=f"wrong-bearer-1234\n{token()}\n")
    refused = run_here(device.environment, "sync", "--json")
    assert (refused.code, refused.document["stopped_by"]) == (4, "auth_required")
    run_here(device.environment, "auth", "set", stdin=right_pair(sandbox))
    ended = run_here(device.environment, "sync", "--json")
    assert (ended.code, ended.document["delivered"]) == (0, 2)
    assert sandbox.state.journal.counters()["records"] == 2


def test_tokens_of_one_owner_never_send_the_entries_of_another(device: Device, sandbox: Sandbox) -> None:
    """The device's own pair is that of user 9; what Zoé captured is hers to send."""
    run_here(device.environment, "auth", "set", stdin=right_pair(sandbox))
    ids = [capture_for(device, "9"), *device.capture_many(1), capture_for(device, "Zoé")]
    for _ in range(3):
        assert run_here(device.environment, "sync").code == 4
    tablet = Tablet(device.folder)
    assert [(entry["id"], entry["state"]) for entry in tablet.entries()] == list(
        zip(ids, ("done", "done", "pending"), strict=True)
    )
    assert sandbox.state.journal.counters()["posts"] == 2


def test_entries_of_an_owner_without_tokens_do_not_hold_up_the_others(
    device: Device, sandbox: Sandbox
) -> None:
    """A shared tablet: whoever has signed in is served, though somebody else captured first."""
    run_here(device.environment, "auth", "set", "--owner", "Ada", stdin=right_pair(sandbox))
    device.capture_many(3)
    capture_for(device, "Ada")
    ended = run_here(device.environment, "sync", "--wait", "--json")
    assert (ended.code, ended.document["delivered"]) == (4, 1)


def capture_for(device: Device, owner: str) -> str:
    from tests.support.builders import signature_png
    from tests.support.device import distinct_body

    image = device.folder / "signature.png"
    image.write_bytes(signature_png(len(owner)))
    ended = run_here(
        device.environment,
        *(
            "capture",
            "unplanned-preventive",
            "--data",
            "-",
            "--signature",
            str(image),
            "--owner",
            owner,
            "--json",
        ),
        stdin=json.dumps(distinct_body(len(owner))),
    )
    assert ended.code == 0, ended
    return str(ended.document["id"])
