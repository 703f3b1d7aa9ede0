"""Where the outbox is, and the other few things every command must know before it imports anything heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.basics import read_basics
from config.folder import storage_dir
from config.problems import ConfigError
from sync.credentials import TokenSource
from sync.secret import Secret

HOME = {"HOME": "/home/anna"}


def toml_in(folder: Path, text: str) -> dict[str, str]:
    (folder / "fieldsync.toml").write_text(text)
    return {**HOME, "FIELDSYNC_CONFIG": str(folder / "fieldsync.toml")}


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", HOME, "/home/anna/.local/state/fieldsync"),
        ("linux", {**HOME, "XDG_STATE_HOME": "/s"}, "/s/fieldsync"),
        ("linux", {**HOME, "XDG_STATE_HOME": "relative"}, "/home/anna/.local/state/fieldsync"),
        ("darwin", HOME, "/home/anna/Library/Application Support/fieldsync"),
        ("win32", {**HOME, "LOCALAPPDATA": "/l"}, "/l/fieldsync"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Local/fieldsync"),
        ("linux", {**HOME, "STATE_DIRECTORY": "/var/lib/fieldsync"}, "/var/lib/fieldsync"),
        ("linux", {**HOME, "STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        ("linux", {**HOME, "STATE_DIRECTORY": "/v", "FIELDSYNC_STORAGE__DIR": "/chosen"}, "/chosen"),
        ("linux", {**HOME, "FIELDSYNC_STORAGE__DIR": ""}, "/home/anna/.local/state/fieldsync"),
    ],
)
def test_storage_folder_follows_environment_and_platform(
    platform: str, environ: dict[str, str], expected: str
) -> None:
    assert storage_dir(environ, platform=platform) == Path(expected)


def test_relative_folder_of_a_variable_starts_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert storage_dir({"FIELDSYNC_STORAGE__DIR": "here"}) == tmp_path / "here"


def test_relative_folder_in_the_file_starts_beside_the_file(tmp_path: Path) -> None:
    environ = toml_in(tmp_path, '[storage]\ndir = "queue"')
    assert storage_dir({**environ, "STATE_DIRECTORY": "/var/lib/fieldsync"}) == tmp_path / "queue"


def test_variable_wins_over_the_file(tmp_path: Path) -> None:
    environ = toml_in(tmp_path, '[storage]\ndir = "queue"')
    assert storage_dir({**environ, "FIELDSYNC_STORAGE__DIR": "/chosen"}) == Path("/chosen")


def test_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert storage_dir({"FIELDSYNC_STORAGE__DIR": "~/queue"}) == Path("/home/anna/queue")


@pytest.mark.parametrize("text", ["[storage", "[storage]\ndir = 7"], ids=["broken", "not a text"])
def test_unusable_file_is_told_instead_of_guessing_another_folder(tmp_path: Path, text: str) -> None:
    """An empty queue in the wrong folder would look as if everything had been delivered."""
    with pytest.raises(ConfigError):
        storage_dir(toml_in(tmp_path, text))


def test_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(ConfigError, match="FIELDSYNC_STORAGE__DIR") as refused:
        storage_dir({})
    assert [problem.code for problem in refused.value.problems] == ["storage_dir_unknown"]


@pytest.mark.parametrize(
    ("environ", "text", "expected"),
    [
        ({}, "", TokenSource()),
        ({}, 'token = "t"', TokenSource(value=Secret("t"))),
        ({}, 'token = "t"\ntoken_file = "/f"', TokenSource(file=Path("/f"))),
        ({"FIELDSYNC_API__TOKEN_FILE": "/e"}, 'token = "t"\ntoken_file = "/f"', TokenSource(file=Path("/e"))),
        (
            {"FIELDSYNC_API__TOKEN_FILE": "/e", "FIELDSYNC_API__TOKEN": " v\n"},
            "",
            TokenSource(value=Secret("v")),
        ),
        ({"FIELDSYNC_API__TOKEN": ""}, 'token = "t"', TokenSource(value=Secret("t"))),
    ],
    ids=[
        "none",
        "file text",
        "file over text",
        "environment over file",
        "value over all",
        "empty is nothing",
    ],
)
def test_token_comes_from_the_highest_place_that_gives_one(
    tmp_path: Path, environ: dict[str, str], text: str, expected: TokenSource
) -> None:
    basics = read_basics({**toml_in(tmp_path, f"[api]\n{text}"), **environ})
    assert basics.token == expected
    assert basics.session_token == TokenSource()


def test_basics_give_the_credentials_of_this_device(tmp_path: Path) -> None:
    environ = {
        "FIELDSYNC_STORAGE__DIR": str(tmp_path),
        "FIELDSYNC_API__TOKEN": "b",
        "FIELDSYNC_API__SESSION_TOKEN": "s",
        "FIELDSYNC_API__OWNER": "anna",
    }
    read_basics(environ).credentials().store("bert", Secret("b2"), Secret("s2"))
    credentials = read_basics(environ).credentials()
    anna, bert = credentials.for_owner("anna"), credentials.for_owner("bert")
    assert anna is not None
    assert bert is not None
    assert (anna.bearer.reveal(), bert.bearer.reveal()) == ("b", "b2")
    assert (tmp_path / "tokens").is_dir()


def test_light_modules_import_nothing_heavy() -> None:
    """`fieldsync status` answers in 0.1 s only while these stay on the standard library."""
    code = (
        "import sys; import sync.secret, sync.credentials, config.folder, config.basics;"
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "{'pydantic', 'pydantic_core', 'pydantic_settings', 'httpx', 'boto3', 'sqlmodel', 'sqlalchemy', 'rich',"
        " 'tempfile', 'tomllib', 'hashlib'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
