"""All that is wrong with the configuration is told at once, by name, with the remedy and without any value."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.basics import read_basics
from config.problems import ConfigError, ConfigProblem
from config.settings import Settings, known_settings, load
from config.sources import variable
from config.view import advice, public_view
from sync.credentials import FOLDER_NAME, Credentials

CANARY = "c4n4ry-0f-s3ttings"
HOME = {"HOME": "/home/anna"}


def env(**values: str) -> dict[str, str]:
    """`sync__interval_s="1"` is FIELDSYNC_SYNC__INTERVAL_S=1."""
    return {**HOME, **{f"FIELDSYNC_{name.upper()}": value for name, value in values.items()}}


def file(folder: Path, text: str) -> dict[str, str]:
    (folder / "fieldsync.toml").write_text(text, encoding="utf-8")
    return env(config=str(folder / "fieldsync.toml"))


def problems(environ: dict[str, str], overrides: dict[str, Any] | None = None) -> dict[str, ConfigProblem]:
    with pytest.raises(ConfigError) as refused:
        load(overrides, environ=environ)
    shown = str(refused.value) + repr(refused.value) + "".join(traceback.format_exception(refused.value))
    assert CANARY not in shown
    assert refused.value.code == "config_invalid"
    for each in refused.value.problems:
        assert each.message.count(".") >= 1, "a problem says what to do"
        assert each.fix
        assert each.fix in each.message
        assert each.source in each.message
    return {each.path: each for each in refused.value.problems}


def codes(environ: dict[str, str], overrides: dict[str, Any] | None = None) -> dict[str, str]:
    return {path: each.code for path, each in problems(environ, overrides).items()}


def test_defaults_need_nothing_but_a_home() -> None:
    settings = load(environ=HOME)
    assert settings.storage.dir == Path("/home/anna/.local/state/fieldsync")
    assert settings.api.base_url is None
    assert (settings.sync.interval_s, settings.sync.in_doubt, settings.upload.fallback) == (
        15,
        "lookup",
        "off",
    )
    assert (settings.capture.max_image_bytes, settings.web.port, settings.log.format) == (
        2_097_152,
        8642,
        "text",
    )


def test_settings_are_frozen() -> None:
    settings: Any = load(environ=HOME)
    with pytest.raises(ValueError, match="frozen"):
        settings.sync.interval_s = 3
    with pytest.raises(ValueError, match="frozen"):
        settings.web = None


def test_command_line_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    text = "[web]\nport = 1\nhost = '127.0.0.2'\n[sync]\ninterval_s = 2\n[log]\nlevel = 'debug'"
    environ = {**file(tmp_path, text), **env(web__port="3", sync__interval_s="4")}
    settings = load({"web.port": 5, "log": {"format": "json"}, "web.host": None}, environ=environ)
    assert (settings.web.port, settings.sync.interval_s, settings.web.host) == (5, 4, "127.0.0.2")
    assert (settings.log.level, settings.log.format) == ("DEBUG", "json")
    assert public_view(settings)["sources"]["web"] == {
        "enabled": "default",
        "host": f"file {tmp_path / 'fieldsync.toml'}",
        "port": "command line",
        "allowed_hosts": "default",
    }
    assert public_view(settings)["sources"]["sync"]["interval_s"] == "environment FIELDSYNC_SYNC__INTERVAL_S"
    assert public_view(settings)["sources"]["sync"]["lease_s"] == "default"


@pytest.mark.parametrize(
    "written", ["a.example, B.example", '["a.example", "b.example"]', "a.example,b.example,"]
)
def test_list_in_a_variable_is_written_with_commas_or_as_json(written: str) -> None:
    assert load(environ=env(upload__allowed_hosts=written)).upload.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("written", "meant"), [("true", True), ("1", True), ("YES", True), ("off", False), ("0", False)]
)
def test_flag_in_a_variable_is_a_word(written: str, meant: bool) -> None:
    assert load(environ=env(upload__allow_insecure_loopback=written)).upload.allow_insecure_loopback is meant


def test_empty_value_is_as_if_not_written(tmp_path: Path) -> None:
    """Compose files and service managers cannot leave a variable out."""
    environ = {
        **file(tmp_path, "[api]\nowner = ''\n[log]\nlevel = ''"),
        **env(web__port="", api__base_url=""),
    }
    assert load(environ=environ).model_dump() == load(environ=HOME).model_dump()
    assert load(environ=env(config="")).model_dump() == load(environ=HOME).model_dump()


def test_paths_in_the_file_start_beside_the_file(tmp_path: Path) -> None:
    settings = load(environ=file(tmp_path, "[storage]\ndir='q'\n[api]\ntoken_file='t'\nca_file='/ca.pem'"))
    assert (settings.storage.dir, settings.api.token_file) == (tmp_path / "q", tmp_path / "t")
    assert settings.api.ca_file == Path("/ca.pem")


WRONG: dict[str, tuple[str, str, str]] = {
    "word for a number": ("sync.interval_s", '"soon"', "wrong_type"),
    "text for a number": ("sync.interval_s", '"15"', "wrong_type"),
    "flag for a number": ("sync.interval_s", "true", "wrong_type"),
    "fraction for a count": ("sync.concurrency", "1.5", "wrong_type"),
    "number for a flag": ("upload.allow_insecure_loopback", "1", "wrong_type"),
    "text for a list": ("upload.allowed_hosts", '"a.example"', "wrong_type"),
    "list of numbers": ("upload.allowed_hosts", "[1]", "wrong_type"),
    "number for a text": ("api.owner", "7", "wrong_type"),
    "number for a token": ("api.token", "7", "wrong_type"),
    "number for a path": ("storage.dir", "7", "wrong_type"),
    "table for a number": ("web.port", "{a = 1}", "wrong_type"),
    "not a number": ("sync.interval_s", "nan", "wrong_type"),
    "endless": ("sync.lease_s", "inf", "wrong_type"),
    "too small": ("sync.interval_s", "0", "out_of_range"),
    "too large": ("web.port", "65536", "out_of_range"),
    "not a choice": ("log.format", '"xml"', "not_allowed"),
    "exchange longer than the lease": ("sync.exchange_limit_s", "120", "contradiction"),
    "cap below the base": ("sync.backoff_cap_s", "1", "contradiction"),
    "unknown strategy": ("sync.in_doubt", '"guess"', "not_allowed"),
    "list path": ("lookup.path", '"rs?page=1"', "not_a_path"),
    "list parameter": ("lookup.parameters", '["where"]', "not_a_parameter"),
    "two in one": ("lookup.parameters", '["a=1&b=2", "c d=1"]', "not_a_parameter"),
    "page parameter": ("lookup.page_parameter", '"page=1"', "not_a_parameter"),
    "other fallback": ("upload.fallback", '"machine"', "not_allowed"),
    "reissue without the id": ("upload.reissue_path", '"/mb/url"', "not_a_path"),
    "reissue with another name": ("upload.reissue_path", '"/mb/{id}/{name}"', "not_a_path"),
    "reissue with a query": ("upload.reissue_path", '"/mb/{id}?x"', "not_a_path"),
    "reissue by DELETE": ("upload.reissue_method", '"DELETE"', "not_allowed"),
    "pointer without a slash": ("upload.reissue_pointer", '"presignedUrl"', "not_a_pointer"),
    "pointer with a bare tilde": ("upload.reissue_pointer", '"/a~b"', "not_a_pointer"),
    "bucket with a slash": ("upload.bucket", '"a/bc"', "not_a_bucket"),
    "region with a dot": ("upload.region", '"eu.west"', "not_a_region"),
    "pattern without a bucket": ("upload.key_pattern", '"{server_id}.png"', "contradiction"),
    "pattern with another name": ("upload.key_pattern", '"{owner}/{server_id}"', "not_a_pattern"),
    "pattern that is one key for all": ("upload.key_pattern", '"all.png"', "not_a_pattern"),
    "pattern with a lone brace": ("upload.key_pattern", '"{server_id"', "not_a_pattern"),
    "endpoint over http": ("upload.s3_endpoint", '"http://s3.example"', "not_an_address"),
    "endpoint over http to this machine": (
        "upload.s3_endpoint",
        '"http://127.0.0.1:8333"',
        "insecure_endpoint",
    ),
    "host with a scheme": ("upload.allowed_hosts", '["https://a.example"]', "not_a_host"),
    "wildcard host": ("upload.allowed_hosts", '["*.example"]', "not_a_host"),
    "path without a slash": ("api.unplanned_path", '"interventions"', "not_a_path"),
    "path with a query": ("api.unplanned_path", '"/a?b"', "not_a_path"),
    "owner on two lines": ("api.owner", '"a\\nb"', "owner_invalid"),
    "path with a zero byte": ("api.ca_file", '"a\\u0000b"', "not_a_path"),
    "http": ("api.base_url", '"http://api.example"', "base_url_invalid"),
    "http to this machine": ("api.base_url", '"http://127.0.0.1:8000/main"', "insecure_base_url"),
    "no scheme": ("api.base_url", '"api.example/main"', "base_url_invalid"),
    "other scheme": ("api.base_url", '"ftp://api.example"', "base_url_invalid"),
    "no host": ("api.base_url", '"https:///main"', "base_url_invalid"),
    "host with an empty part": ("api.base_url", '"https://api..example/main"', "base_url_invalid"),
    "host with a part too long": ("api.base_url", f'"https://{"a" * 64}.example/main"', "base_url_invalid"),
    "host too long": ("api.base_url", f'"https://{"a." * 127}example/main"', "base_url_invalid"),
    "host with a star": ("api.base_url", '"https://*.example/main"', "base_url_invalid"),
    "host with a hyphen at the end": ("api.base_url", '"https://api-.example/main"', "base_url_invalid"),
    "host that is nearly an address": ("api.base_url", '"https://10.0.0.256/main"', "base_url_invalid"),
    "password": ("api.base_url", f'"https://user:{CANARY}@api.example"', "base_url_invalid"),
    "query": ("api.base_url", f'"https://api.example/?token={CANARY}"', "base_url_invalid"),
    "fragment": ("api.base_url", '"https://api.example/#a"', "base_url_invalid"),
    "space": ("api.base_url", '"https://api.example/ main"', "base_url_invalid"),
    "line break": ("api.base_url", '"https://api.example/\\nmain"', "base_url_invalid"),
    "bad port": ("api.base_url", '"https://api.example:port"', "base_url_invalid"),
}


@pytest.mark.parametrize(("key", "value", "code"), WRONG.values(), ids=WRONG)
def test_wrong_value_in_the_file_is_told_with_its_place(
    tmp_path: Path, key: str, value: str, code: str
) -> None:
    section, _, name = key.partition(".")
    found = problems(file(tmp_path, f"[{section}]\n{name} = {value}"))
    assert {path: each.code for path, each in found.items()} == {key: code}
    assert found[key].source == f"file {tmp_path / 'fieldsync.toml'}"


@pytest.mark.parametrize(
    "key", [key for key, found in known_settings() if found.annotation in {int, float, bool}]
)
def test_wrong_value_in_a_variable_is_told_unquoted(key: str) -> None:
    """A token pasted into the wrong variable must not end in a terminal or a log."""
    found = problems({**HOME, variable(key): CANARY})
    assert found[key].code == "wrong_type"
    assert found[key].source == f"environment {variable(key)}"


@pytest.mark.parametrize("key", [key for key, _ in known_settings()])
def test_no_setting_shows_the_value_it_refuses(tmp_path: Path, key: str) -> None:
    section, _, name = key.partition(".")
    for value in (f'"{CANARY} \\u0007"', f'["{CANARY} *"]', f'{{a = "{CANARY}"}}'):
        environ = file(tmp_path, f"[{section}]\n{name} = {value}\nunknown_one = 1")
        assert "unknown_one" in str(problems(environ))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("FIELDSYNC_API__BASEURL", "FIELDSYNC_API__BASE_URL"),
        ("FIELDSYNC_API_TOKEN", "FIELDSYNC_API__TOKEN"),
        ("FIELDSYNC_SYNC__INTERVALL_S", "FIELDSYNC_SYNC__INTERVAL_S"),
        ("FIELDSYNC_CONFG", "FIELDSYNC_CONFIG"),
        ("fieldsync_web__port", "FIELDSYNC_WEB__PORT"),
        ("FIELDSYNC_API__TOKEN_FIEL", "FIELDSYNC_API__TOKEN_FILE"),
    ],
)
def test_unknown_variable_names_the_nearest(name: str, near: str) -> None:
    found = problems({**HOME, name: CANARY})
    assert found[name].code == "unknown_key"
    assert found[name].fix == f"Did you mean {near}?"


@pytest.mark.parametrize(
    ("text", "path", "near"),
    [
        ("[sync]\nintervall_s = 1", "sync.intervall_s", "sync.interval_s"),
        ("[snyc]\ninterval_s = 1", "snyc", "sync"),
        ("interval_s = 1", "interval_s", "sync.interval_s"),
        ("base_url = 'x'", "base_url", "api.base_url"),
        ("[sync.in_doubts]\na = 1", "sync.in_doubts", "sync.in_doubt"),
        ("[api]\ntokn = '" + CANARY + "'", "api.tokn", "api.token"),
    ],
)
def test_unknown_key_in_the_file_names_the_nearest(tmp_path: Path, text: str, path: str, near: str) -> None:
    found = problems(file(tmp_path, text))
    assert {key: each.code for key, each in found.items()} == {path: "unknown_key"}
    assert found[path].fix == f"Did you mean {near}?"


def test_unknown_key_far_from_all_says_to_remove_it(tmp_path: Path) -> None:
    found = problems({**file(tmp_path, "[web]\nqqqqqqqq = 1"), "FIELDSYNC_QQQQQQQQQQQQ": "1"})
    assert found["web.qqqqqqqq"].fix == "Remove it there."
    assert found["FIELDSYNC_QQQQQQQQQQQQ"].fix.startswith("Unset it")


def test_table_written_as_a_value_is_told(tmp_path: Path) -> None:
    assert codes(file(tmp_path, f'api = "{CANARY}"')) == {"api": "wrong_type"}


def test_key_that_no_terminal_can_show_is_escaped(tmp_path: Path) -> None:
    assert list(codes(file(tmp_path, '"a\\u001b[2J" = 1'))) == ["'a\\x1b[2J'"]


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = "colour = 1\n[sync]\nconcurrency = 0\nspeed = 1\nexchange_limit_s = 500\n[api]\nbase_url = 'http://localhost'"
    environ = {**file(tmp_path, text), **env(web__port="many", log__levle="x")}
    assert codes(environ, {"log.format": "xml", "nothing.known": 1}) == {
        "FIELDSYNC_LOG__LEVLE": "unknown_key",
        "colour": "unknown_key",
        "sync.speed": "unknown_key",
        "nothing.known": "unknown_key",
        "sync.concurrency": "out_of_range",
        "sync.exchange_limit_s": "contradiction",
        "web.port": "wrong_type",
        "log.format": "not_allowed",
        "api.base_url": "insecure_base_url",
    }


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: None, "config_file_missing"),
        (lambda path: path.mkdir(), "config_file_unreadable"),
        (lambda path: path.write_text("[api]\ntoken = " + CANARY), "config_file_invalid"),
        (lambda path: path.write_text(f'[api]\ntoken = "{CANARY}\n'), "config_file_invalid"),
        (
            lambda path: path.write_text(f'[api]\ntoken = "{CANARY}"\ntoken = "{CANARY}"'),
            "config_file_invalid",
        ),
        (lambda path: path.write_bytes(b"\xff\xfe[\x00"), "config_file_invalid"),
        (lambda path: path.write_text("a = " + "[" * 20_000), "config_file_invalid"),
    ],
    ids=["missing", "folder", "unquoted", "unclosed", "twice", "not UTF-8", "too deep"],
)
def test_unusable_file_is_told_beside_the_other_problems(
    tmp_path: Path, spoil: Callable[[Path], object], code: str
) -> None:
    spoil(tmp_path / "fieldsync.toml")
    environ = env(config=str(tmp_path / "fieldsync.toml"), web__port="x")
    assert codes(environ) == {"FIELDSYNC_CONFIG": code, "web.port": "wrong_type"}


def test_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "fieldsync.toml").write_bytes(b"\xef\xbb\xbf[web]\r\nport = 1\r\n")
    assert load(environ=env(config=str(tmp_path / "fieldsync.toml"))).web.port == 1


def test_insecure_address_of_this_machine_is_taken_where_allowed() -> None:
    for host in ("127.0.0.1:8000", "localhost", "[::1]:1"):
        environ = env(api__base_url=f"http://{host}/main/", upload__allow_insecure_loopback="true")
        assert load(environ=environ).api.base_url == f"http://{host}/main"
    far = env(api__base_url="http://127.0.0.1.example/", upload__allow_insecure_loopback="true")
    assert codes(far) == {"api.base_url": "base_url_invalid"}


def test_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", nobody)
    assert codes({}) == {"storage.dir": "storage_dir_unknown"}


def test_missing_token_file_stops_nothing(tmp_path: Path) -> None:
    """A capture must be taken also where the tokens are not there yet."""
    settings = load(environ=env(api__token_file=str(tmp_path / "none")))
    assert public_view(settings)["settings"]["api"]["token"] == "not set"
    assert "token_file_unusable" in {each.code for each in advice(settings)}


AGREE: dict[str, tuple[str, dict[str, str]]] = {
    "nothing": ("", {}),
    "environment": ("", env(api__token="t", api__session_token=" s\n", api__owner="anna", storage__dir="/q")),
    "file": ("[api]\ntoken='t'\nsession_token='s'\nowner='anna'\n[storage]\ndir='q'", {}),
    "environment over file": ("[api]\ntoken='t'\nowner='bert'", env(api__token="e", api__owner="anna")),
    "token file over TOML text": ("[api]\ntoken='t'\ntoken_file='f'", {}),
    "token file of the environment": ("[api]\ntoken='t'\nsession_token_file='g'", env(api__token_file="/e")),
    "token over token file": ("[api]\ntoken_file='f'", env(api__token="t", api__token_file="/e")),
    "empty ones": ("[api]\ntoken=''\nowner=''", env(api__token="", api__owner="", storage__dir="")),
    "state directory": ("", {"STATE_DIRECTORY": "/var/lib/fieldsync"}),
    "state directory and file": ("[storage]\ndir='q'", {"STATE_DIRECTORY": "/var/lib/fieldsync"}),
    "xdg": ("", {"XDG_STATE_HOME": "/x"}),
}


@pytest.mark.parametrize(("text", "environ"), AGREE.values(), ids=AGREE)
def test_light_reading_agrees_with_the_settings(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    """`status` must not look into another outbox, or at other tokens, than the worker."""
    both = {**file(tmp_path, text), **environ}
    settings, basics = load(environ=both), read_basics(both)
    assert basics.storage_dir == settings.storage.dir
    assert basics.token == settings.api.token_source()
    assert basics.session_token == settings.api.session_token_source()
    assert basics.owner == settings.api.owner


def test_public_view_shows_no_secret_and_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "session").write_text(CANARY)
    text = f"[api]\ntoken = '{CANARY}'\nsession_token = '{CANARY}'\nsession_token_file = 'session'"
    settings = load(environ=file(tmp_path, text))
    view = public_view(settings)
    assert CANARY not in repr(view) + repr(settings) + str(settings) + settings.model_dump_json(
        exclude={"api"}
    )
    assert view["file"] == str(tmp_path / "fieldsync.toml")
    assert (view["settings"]["api"]["token"], view["settings"]["api"]["session_token"]) == ("set", "set")
    assert view["sources"]["api"]["token"] == f"file {tmp_path / 'fieldsync.toml'}"
    assert view["sources"]["api"]["session_token"] == f"file {tmp_path / 'session'}"
    assert (
        load(environ=HOME).storage.dir.as_posix()
        == public_view(load(environ=HOME))["settings"]["storage"]["dir"]
    )


def test_public_view_says_what_overrules_a_token_file() -> None:
    view = public_view(load(environ=env(api__token="t", api__token_file="/f")))
    assert (view["settings"]["api"]["token"], view["settings"]["api"]["token_file"]) == ("set", None)
    assert view["sources"]["api"]["token_file"] == "overruled by api.token"


def test_public_view_is_plain_json() -> None:
    import json

    view = public_view(load(environ=env(upload__allowed_hosts="a.example")))
    assert json.loads(json.dumps(view)) == view
    assert {f"{s}.{k}" for s, table in view["settings"].items() for k in table} == {
        k for k, _ in known_settings()
    }


def test_advice_tells_what_works_but_not_as_meant(tmp_path: Path) -> None:
    environ = file(
        tmp_path, "[api]\ntoken = 'a b'\nread_timeout_s = 10\nca_file = 'none'\n[web]\nhost = '0.0.0.0'"
    )
    os.chmod(tmp_path / "fieldsync.toml", 0o644)
    assert {each.path: each.code for each in advice(load(environ=environ))} == {
        "api.base_url": "base_url_missing",
        "api.token": "token_readable_by_others",
        "api.ca_file": "ca_file_missing",
        "api.read_timeout_s": "read_timeout_short",
        "web.host": "web_not_loopback",
    }
    assert "token_unusable" in {each.code for each in advice(load(environ=environ))}
    good = env(api__base_url="https://api.example/main", api__token="t", api__session_token="s")
    assert advice(load(environ=good)) == ()


def test_settings_alone_read_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FIELDSYNC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FIELDSYNC_WEB__PORT", "7")
    build: Any = Settings
    assert build().web.port == 7
    assert build(web={"port": 8}).web.port == 8
    assert load().web.port == 7


def test_library_debug_log_has_no_token(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """pydantic-settings can be told to log what its sources gave."""
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    caplog.set_level("DEBUG")
    load({"api.session_token": CANARY}, environ=env(api__token=CANARY))
    assert CANARY not in caplog.text


def test_settings_give_credentials(tmp_path: Path) -> None:
    settings = load(environ=env(api__token="t", api__session_token="s", storage__dir=str(tmp_path)))
    found = Credentials(
        bearer=settings.api.token_source(),
        session=settings.api.session_token_source(),
        folder=settings.storage.dir / FOLDER_NAME,
        default_owner=settings.api.owner,
    ).for_owner(None)
    assert found is not None
    assert (found.bearer.reveal(), found.session.reveal()) == ("t", "s")


COMMAND = ("/usr/local/bin/renew", "--for", "a b")


@pytest.mark.parametrize(
    "written", ["/usr/local/bin/renew --for 'a b'", '["/usr/local/bin/renew", "--for", "a b"]']
)
def test_command_is_one_line_or_a_list(tmp_path: Path, written: str) -> None:
    assert load(environ=env(auth__command=written)).auth.command == COMMAND
    text = f"[auth]\ncommand = {written if written.startswith('[') else repr(written)}"
    assert load(environ=file(tmp_path, text)).auth.command == COMMAND


@pytest.mark.parametrize("written", ["renew --quiet", "~/bin/renew --quiet"])
def test_program_is_a_bare_name_or_a_full_path(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    program, _ = load(environ=env(auth__command=written)).auth.command
    assert program in ("renew", "/home/anna/bin/renew")


@pytest.mark.parametrize(
    "written",
    [f"bin/renew {CANARY}", f"/bin/renew '{CANARY}", f'["/bin/renew", "{CANARY}"', '["a", 5]', "''"],
)
def test_command_that_is_none_is_refused_without_quoting_it(written: str) -> None:
    assert set(codes(env(auth__command=written))) == {"auth.command"}


def test_arguments_of_the_command_are_not_shown() -> None:
    """A password on a command line is a bad idea, and still no reason to publish it."""
    view = public_view(load(environ=env(auth__command=f"/usr/bin/renew --password {CANARY}")))
    assert view["settings"]["auth"]["command"] == ["/usr/bin/renew", "***", "***"]


def test_command_that_is_not_there_is_advised_about() -> None:
    found = advice(load(environ=env(auth__command="/nowhere/renew", api__base_url="https://a.example/main")))
    assert [each.code for each in found if each.path == "auth.command"] == ["auth_command_missing"]
