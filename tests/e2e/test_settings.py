"""`fieldsync config show` and `config check`: what holds, where it comes from, and every mistake at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ended, Tablet


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


def in_file(tablet: Tablet, text: str) -> Path:
    """A configuration file, named to the command."""
    path = tablet.file("fieldsync.toml", text.encode())
    path.chmod(0o600)
    tablet.environment["FIELDSYNC_CONFIG"] = str(path)
    return path


def shown(tablet: Tablet) -> dict[str, Any]:
    ended = tablet.run("config", "show", "--json")
    assert ended.code == 0, ended
    assert set(ended.document) == {"schema", "file", "settings", "sources"}
    document: dict[str, Any] = ended.document
    return document


def refused(tablet: Tablet, *command: str) -> dict[str, str]:
    """Problem messages by path; the configuration cannot be used."""
    ended = tablet.run(*(command or ("config", "check")), "--json")
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (8, "config_invalid", False)
    return {each["path"]: each["message"] for each in ended.error["problems"]}


def test_nothing_set_is_the_defaults(tablet: Tablet) -> None:
    found = shown(tablet)
    assert found["file"] is None
    assert found["settings"]["sync"]["interval_s"] == 15.0
    assert found["settings"]["sync"]["in_doubt"] == "lookup"
    assert found["settings"]["upload"]["allow_insecure_loopback"] is False
    assert found["sources"]["sync"]["interval_s"] == "default"
    assert found["settings"]["storage"]["dir"] == str(tablet.storage)
    assert found["sources"]["storage"]["dir"] == "environment FIELDSYNC_STORAGE__DIR"


def test_environment_wins_over_the_file_and_the_file_over_the_default(tablet: Tablet) -> None:
    path = in_file(tablet, "[sync]\ninterval_s = 30.0\nconcurrency = 2\n")
    tablet.environment["FIELDSYNC_SYNC__INTERVAL_S"] = "45"
    found = shown(tablet)
    sync, sources = found["settings"]["sync"], found["sources"]["sync"]
    assert found["file"] == str(path)
    assert (sync["interval_s"], sync["concurrency"], sync["max_attempts"]) == (45.0, 2, 12)
    assert sources["interval_s"] == "environment FIELDSYNC_SYNC__INTERVAL_S"
    assert sources["concurrency"] == f"file {path}"
    assert sources["max_attempts"] == "default"


def test_token_file_stands_between_environment_and_configuration_file(tablet: Tablet) -> None:
    secret = tablet.file("token", b"from-the-file-1234\n")
    in_file(tablet, '[api]\ntoken = "from-the-toml-1234"\n')
    tablet.environment["FIELDSYNC_API__TOKEN_FILE"] = str(secret)
    assert shown(tablet)["sources"]["api"]["token"] == f"file {secret}"
    tablet.environment["FIELDSYNC_API__TOKEN"] = "from-the-environment-1234"
    assert shown(tablet)["sources"]["api"]["token"] == "environment FIELDSYNC_API__TOKEN"


@pytest.mark.parametrize(
    ("given", "settings"),
    [("", "not set"), ("   ", "not set"), ("a-token-1234567890", "set")],
    ids=["empty", "blank", "given"],
)
def test_token_is_only_said_to_be_set_or_not(tablet: Tablet, given: str, settings: str) -> None:
    tablet.environment["FIELDSYNC_API__TOKEN"] = given
    assert shown(tablet)["settings"]["api"]["token"] == settings


def test_people_see_one_setting_a_line_with_its_source(tablet: Tablet) -> None:
    tablet.environment["FIELDSYNC_WEB__PORT"] = "9000"
    lines = tablet.run("config", "show").out.splitlines()
    assert "web.port = 9000  (environment FIELDSYNC_WEB__PORT)" in lines
    assert 'log.level = "INFO"  (default)' in lines


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("FIELDSYNC_SYNC__INTERVALS", "FIELDSYNC_SYNC__INTERVAL_S"),
        ("FIELDSYNC_API__TOKN", "FIELDSYNC_API__TOKEN"),
        ("FIELDSYNC_API_BASE_URL", "FIELDSYNC_API__BASE_URL"),
        ("FIELDSYNC_CONFG", "FIELDSYNC_CONFIG"),
        ("fieldsync_web__port", "FIELDSYNC_WEB__PORT"),
    ],
)
def test_unknown_variable_names_the_nearest(tablet: Tablet, variable: str, nearest: str) -> None:
    tablet.environment[variable] = "1"
    problems = refused(tablet)
    assert list(problems) == [variable]
    assert f"Did you mean {nearest}?" in problems[variable]


@pytest.mark.parametrize(
    ("text", "path", "nearest"),
    [
        ("[sync]\nintervall_s = 1.0\n", "sync.intervall_s", "sync.interval_s"),
        ("[upload]\nallowed_host = []\n", "upload.allowed_host", "upload.allowed_hosts"),
        ("[uplod]\nfallback = 'off'\n", "uplod", "upload"),
        ("interval_s = 1.0\n", "interval_s", "sync.interval_s"),
    ],
)
def test_unknown_key_of_the_file_names_the_nearest(
    tablet: Tablet, text: str, path: str, nearest: str
) -> None:
    in_file(tablet, text)
    problems = refused(tablet)
    assert list(problems) == [path]
    assert f"Did you mean {nearest}?" in problems[path]


def test_every_mistake_of_every_place_is_told_at_once(tablet: Tablet) -> None:
    in_file(tablet, '[sync]\nlease_s = "120"\nconcurency = 2\n[log]\nformat = "xml"\n')
    tablet.environment |= {
        "FIELDSYNC_SYNC__CONCURRENCY": "many",
        "FIELDSYNC_SYNC__IN_DOUBT": "guess",
        "FIELDSYNC_UPLOAD__FALLBACK": "machine",
        "FIELDSYNC_API__BASE_URL": "http://api.example.com/main",
        "FIELDSYNC_STORAGE__RESERVE_MIB": "-1",
        "FIELDSYNC_COLOUR": "red",
    }
    problems = refused(tablet)
    assert set(problems) == {
        "sync.lease_s", "sync.concurency", "log.format", "sync.concurrency", "sync.in_doubt", "upload.fallback",
        "api.base_url", "storage.reserve_mib", "FIELDSYNC_COLOUR",
    }  # fmt: skip
    assert "lookup, key, resend, hold" in problems["sync.in_doubt"]
    assert "ambient-credentials" in problems["upload.fallback"]
    assert "https" in problems["api.base_url"]
    for_people = tablet.run("config", "check")
    assert for_people.code == 8
    assert all(f"  {path}: {message}" in for_people.err for path, message in problems.items())


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ftp://api.example.com/main", "https://"),
        ("api.example.com/main", "https://"),
        ("https://me@api.example.com/main", "user name"),
        ("https://api.example.com/main?stage=1", "query"),
        ("https://api.example.com/main#a", "fragment"),
        ("http://10.0.0.1/main", "https"),
        ("http://127.0.0.1:1/main", "allow_insecure_loopback"),
        ("https://api.example.com:99999/main", "not an address"),
        ("https://exämple.com/main", "ASCII"),
    ],
)
def test_address_of_the_api_is_judged(tablet: Tablet, address: str, says: str) -> None:
    tablet.environment["FIELDSYNC_API__BASE_URL"] = address
    problems = refused(tablet)
    assert list(problems) == ["api.base_url"]
    assert says in problems["api.base_url"]


def test_final_slash_of_the_address_is_no_part_of_it(tablet: Tablet) -> None:
    tablet.environment["FIELDSYNC_API__BASE_URL"] = "https://api.example.com/main/"
    assert shown(tablet)["settings"]["api"]["base_url"] == "https://api.example.com/main"


@pytest.mark.parametrize("write", ["missing", "folder", "broken", "latin-1"])
@pytest.mark.parametrize(
    "command", [("config", "check"), ("sync",), ("capture", "unplanned-preventive", "--data", "-")]
)
def test_file_that_cannot_be_used_stops_every_command_before_it_does_anything(
    tablet: Tablet, command: tuple[str, ...], write: str
) -> None:
    """The file may name a folder: guessing another one would show an empty queue as the truth."""
    path = tablet.folder / "fieldsync.toml"
    if write == "folder":
        path.mkdir()
    elif write == "broken":
        path.write_text("[sync\n")
    elif write == "latin-1":
        path.write_bytes(b"# caf\xe9\n")
    tablet.environment["FIELDSYNC_CONFIG"] = str(path)
    del tablet.environment["FIELDSYNC_STORAGE__DIR"]
    problems = refused(tablet, *command)
    assert list(problems) == ["FIELDSYNC_CONFIG"]
    assert str(path) in problems["FIELDSYNC_CONFIG"]
    assert [each.name for each in tablet.folder.iterdir()] in ([], ["fieldsync.toml"])


def test_check_of_a_bare_device_advises_and_is_content(tablet: Tablet) -> None:
    """Captures work without an address and tokens: that is advice, no error."""
    ended = tablet.run("config", "check", "--json")
    assert ended.code == 0
    assert (ended.document["schema"], ended.document["ok"]) == (1, True)
    assert [(each["path"], each["code"]) for each in ended.document["advice"]] == [
        ("api.base_url", "base_url_missing")
    ]
    for_people: Ended = tablet.run("config", "check")
    assert (for_people.code, for_people.out) == (0, "the configuration can be used\n")
    assert "FIELDSYNC_API__BASE_URL" in for_people.err


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("API__READ_TIMEOUT_S", "10", "read_timeout_short"),
        ("API__CA_FILE", "/nowhere/ca.pem", "ca_file_missing"),
        ("API__TOKEN_FILE", "/nowhere/token", "token_file_unusable"),
        ("API__TOKEN", "two words", "token_unusable"),
        ("WEB__HOST", "0.0.0.0", "web_not_loopback"),
        ("SYNC__SETTLE_S", "59", "settle_short"),
        ("SYNC__LOOKUP_GAP_S", "1", "settle_short"),
    ],
)
def test_advice_names_what_works_but_is_not_meant(tablet: Tablet, name: str, value: str, code: str) -> None:
    tablet.environment[f"FIELDSYNC_{name}"] = value
    tablet.environment["FIELDSYNC_API__BASE_URL"] = "https://api.example.com/main"
    ended = tablet.run("config", "check", "--json")
    assert ended.code == 0
    assert [each["code"] for each in ended.document["advice"]] == [code]


def test_settings_of_the_file_reach_the_capture(tablet: Tablet) -> None:
    """The folder beside the file, as it says."""
    in_file(tablet, '[storage]\ndir = "kept"\nreserve_mib = 0\n[api]\nowner = "team-7"\n')
    for name in ("DIR", "RESERVE_MIB"):
        del tablet.environment[f"FIELDSYNC_STORAGE__{name}"]
    tablet.run("pause")
    assert (tablet.folder / "kept" / "fieldsync.db").is_file()
    assert shown(tablet)["settings"]["api"]["owner"] == "team-7"
