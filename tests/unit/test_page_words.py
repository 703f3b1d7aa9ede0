"""The words of the technician's page: complete in both languages, none unused, none that frightens or explains us."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync.entrypoints.page.language import chosen
from sync.entrypoints.page.wording import Wording, typeset, wording
from sync.entrypoints.page.words.english import WORDS as ENGLISH
from sync.entrypoints.page.words.french import WORDS as FRENCH

PAGE = Path(__file__).parents[2] / "sync" / "entrypoints" / "page"
# Keys that are put together from a part and a value, as the templates and modules do.
MADE = (
    r"kind\.", r"standing\.", r"problem\.", r"trouble\.", r"month\.", r"moment\.", r"state\.", r"fix\.not\.", r"list\.",
    r"form\.(company_id|site_ids|rule_ids|first_name|last_name|email|actual_start|action_comment|comment|signature)\b",
    r"notice\.not_stored\.", r"switch\.", r"(site|rule|company)$",
)  # fmt: skip
# Said to nobody who wears gloves.
NEVER = (
    "queue", "file d’attente", "http", "dead letter", "parked", "payload", "server", "serveur", "outbox", "token",
    "jeton", "json", "synchronis", "échou", "erreur", "error", "failed", "lease", "database", "base de données",
)  # fmt: skip


def texts() -> str:
    """Everything that could name a key: templates and modules, without the words themselves."""
    files = [
        *(path for path in PAGE.glob("*.py") if not path.name.startswith("ops")),
        *PAGE.glob("templates/layout.html"),
        *PAGE.glob("templates/technician/*.html"),
    ]
    return "\n".join(path.read_text() for path in files)


def test_both_languages_have_the_same_keys() -> None:
    assert list(FRENCH) == list(ENGLISH)


def test_both_languages_fill_in_the_same_values() -> None:
    for key, text in FRENCH.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", ENGLISH[key])), key


def test_every_key_that_is_written_out_has_words() -> None:
    for key in re.findall(r"""\bt\(\s*"([^"{]+)"\s*[,)]""", texts()):
        assert key in ENGLISH, key
    for key in re.findall(r"""\bt\.counted\(\s*"([^"]+)",""", texts()):
        assert {f"{key}.one", f"{key}.many"} <= set(ENGLISH), key


def test_no_words_are_unused() -> None:
    used = texts()
    for key in ENGLISH:
        stem = re.sub(r"\.(one|many)$", "", key)
        assert f'"{stem}"' in used or f"'{stem}'" in used or any(re.match(made, key) for made in MADE), key


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_word_of_ours_reaches_a_technician(language: str) -> None:
    for key, text in wording(language).table.items():
        if key in ENGLISH:
            assert not [word for word in NEVER if re.search(rf"\b{word}", text.lower())], (key, text)


def test_every_standing_has_a_short_and_a_long_text() -> None:
    short = {key for key in ENGLISH if key.startswith("standing.") and not key.endswith(".long")}
    assert {f"{key}.long" for key in short} == {key for key in ENGLISH if key.startswith("standing.")} - short
    named = re.findall(r'Standing\("(\w+)"', (PAGE / "standing.py").read_text())
    named += ["fix", "again"]
    assert {f"standing.{name}" for name in named} == short


def test_french_has_a_space_before_its_double_signs() -> None:
    for key, text in FRENCH.items():
        assert not re.search(r"\w[;!?]", text), key
        assert not re.search(r"[^\W\d]:", text), key


def test_french_spaces_before_double_signs_do_not_break() -> None:
    assert typeset("Quoi ? Oui : non ; ah !") == "Quoi\u00a0? Oui\u00a0: non\u00a0; ah\u00a0!"
    assert not [text for text in wording("fr").table.values() if re.search(" [;:!?]", text)]


@pytest.mark.parametrize(
    ("language", "n", "text"),
    [
        ("fr", 0, "0 intervention"),
        ("fr", 1, "1 intervention"),
        ("fr", 2, "2 interventions"),
        ("en", 0, "0 interventions"),
        ("en", 1, "1 intervention"),
    ],
)
def test_nothing_is_singular_in_french_and_plural_in_english(language: str, n: int, text: str) -> None:
    words = {"count.one": "{n} intervention", "count.many": "{n} interventions"}
    assert Wording(language, words).counted("count", n) == text


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "language"),
    [
        pytest.param("en", "fr", "fr", "en", id="the-address-first"),
        pytest.param(None, "en", "fr", "en", id="then-the-cookie"),
        pytest.param(None, None, "en-GB,en;q=0.9,fr;q=0.8", "en", id="then-the-browser"),
        pytest.param(None, None, "de-DE, fr-CA;q=0.5, en;q=0.4", "fr", id="by-weight"),
        pytest.param(None, None, "en;q=0.2,fr;q=0.9", "fr", id="whatever-the-order"),
        pytest.param(None, None, "de", "fr", id="french-where-neither"),
        pytest.param(None, None, None, "fr", id="french-where-nothing-is-said"),
        pytest.param("klingon", "<script>", "en;q=many", "fr", id="nonsense-is-passed-over"),
        pytest.param(None, None, "en;q=0", "fr", id="not-at-all"),
    ],
)
def test_language_is_asked_for_then_kept_then_preferred(
    asked: str | None, kept: str | None, accepted: str | None, language: str
) -> None:
    assert chosen(asked, kept, accepted) == language
