"""What the settings say reaches the part that goes by it: each knob turned, one at a time."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from config.settings import load
from sync import app
from sync.presigned_url import UrlRules
from sync.rules import Rules

URL = "https://api.example.org/main"
DEFAULT = {"HOME": "/home/anna", "FIELDSYNC_API__BASE_URL": URL}


def plain(**changes: str) -> dict[str, Any]:
    """Every plain value that a drain and a capture go by, by its place."""
    named = {f"FIELDSYNC_{name.upper()}": value for name, value in changes.items()}
    settings = load(environ={**DEFAULT, **named})
    found: dict[str, Any] = {}
    parts: tuple[tuple[str, Any], ...] = (
        ("rules", app.rules(settings, URL)),
        ("image", app.image_limits(settings)),
        ("url", app.url_rules(settings)),
    )
    for name, part in parts:
        found |= dict(_leaves(part, name))
    return found


def _leaves(value: Any, name: str) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from _leaves(getattr(value, each.name), f"{name}.{each.name}")
    else:
        yield name, value


@pytest.mark.parametrize(
    ("variable", "given", "place", "expected"),
    [
        ("sync__backoff_base_s", "3", "rules.limits.backoff_base_s", 3.0),
        ("sync__backoff_cap_s", "700", "rules.limits.backoff_cap_s", 700.0),
        ("sync__max_attempts", "5", "rules.limits.max_attempts", 5),
        ("sync__max_age_days", "2", "rules.limits.max_age_s", 2 * 86400.0),
        ("sync__in_doubt", "hold", "rules.strategy", "hold"),
        ("sync__settle_s", "90", "rules.settle_s", 90.0),
        ("sync__lookup_gap_s", "75", "rules.lookup_gap_s", 75.0),
        ("sync__start_spread_s", "7", "rules.start_spread_s", 7.0),
        ("sync__probe_cap_s", "60", "rules.probe_cap_s", 60.0),
        ("sync__exchange_limit_s", "50", "rules.exchange_limit_s", 50.0),
        ("sync__conflict_after_s", "77", "rules.conflict_after_s", 77.0),
        ("sync__on_conflict", "send", "rules.conflict_after_s", None),
        ("lookup__path", "/lists", "rules.list_call.path", "/lists"),
        ("lookup__parameters", '["a=1"]', "rules.list_call.parameters", ("a=1",)),
        ("lookup__page_parameter", "p", "rules.list_call.page_parameter", "p"),
        ("lookup__page_size_parameter", "size", "rules.list_call.page_size_parameter", "size"),
        ("lookup__page_size", "25", "rules.list_call.page_size", 25),
        ("lookup__max_pages", "9", "rules.list_call.max_pages", 9),
        ("lookup__newest_first", "true", "rules.list_call.newest_first", True),
        ("lookup__details", "false", "rules.list_call.details", False),
        ("upload__fallback", "ambient-credentials", "rules.ways.ambient", True),
        ("upload__reissue_path", "/url/{id}", "rules.ways.reissue", True),
        ("capture__max_image_bytes", "4096", "image.max_bytes", 4096),
        ("capture__max_image_pixels", "9000", "image.max_pixels", 9000),
        ("upload__allowed_hosts", '["s3.example.org"]', "url.allowed_hosts", ("s3.example.org",)),
        ("upload__allow_insecure_loopback", "true", "url.allow_insecure_loopback", True),
    ],
)
def test_knob_turns_what_it_says_and_nothing_else(
    variable: str, given: str, place: str, expected: Any
) -> None:
    before, after = plain(), plain(**{variable: given})
    assert after[place] == expected
    assert before[place] != expected, "turned"
    assert {name for name in before if before[name] != after[name]} == {place}


def test_lease_bounds_the_exchange() -> None:
    turned = plain(sync__lease_s="60")
    assert (turned["rules.lease_s"], turned["rules.exchange_limit_s"]) == (60.0, 45.0)


def test_every_plain_rule_is_named_by_a_case_here() -> None:
    """A rule that is added to a drain and forgotten in the settings would keep its default for ever."""
    text = Path(__file__).read_text("utf-8")
    told_elsewhere = {"api_url", "lease_s", "ways", "limits", "list_call"}
    for each in fields(Rules):
        assert each.name in told_elsewhere or f"rules.{each.name}" in text, each.name
    assert {each.name for each in fields(UrlRules)} == {
        "allowed_hosts",
        "allow_insecure_loopback",
        "api_host",
    }


def test_both_tokens_may_come_from_files(tmp_path: Path) -> None:
    for name in ("token", "session_token"):
        (tmp_path / name).write_text(f"the-{name}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    files = {
        "FIELDSYNC_API__TOKEN_FILE": str(tmp_path / "token"),
        "FIELDSYNC_API__SESSION_TOKEN_FILE": str(tmp_path / "session_token"),
        "FIELDSYNC_STORAGE__DIR": str(tmp_path / "outbox"),
    }
    tokens = app.credentials(load(environ={**DEFAULT, **files})).for_owner(None)
    assert tokens is not None
    assert (tokens.bearer.reveal(), tokens.session.reveal()) == ("the-token", "the-session_token")
