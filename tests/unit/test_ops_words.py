"""What ops reads is there in both languages, with the same places to fill in, and nothing of it is left over."""

import re
from pathlib import Path

import pytest

from storage.lifecycle import State
from sync.entrypoints import page
from sync.entrypoints.page.words import ops_english, ops_french
from sync.entrypoints.page.words.english import WORDS as TECHNICIANS

TABLES = {"en": ops_english.WORDS, "fr": ops_french.WORDS}
PAGE = Path(page.__file__).parent
SOURCES = [*PAGE.glob("ops*.py"), *PAGE.glob("templates/ops/*.html")]
PLACE = re.compile(r"\{\w+\}")


def test_both_languages_have_the_same_keys() -> None:
    assert set(ops_english.WORDS) == set(ops_french.WORDS)


@pytest.mark.parametrize("key", sorted(ops_english.WORDS))
def test_both_languages_fill_in_the_same_values(key: str) -> None:
    assert set(PLACE.findall(TABLES["en"][key])) == set(PLACE.findall(TABLES["fr"][key]))


def test_no_key_is_one_of_the_technicians_page() -> None:
    assert not set(ops_english.WORDS) & set(TECHNICIANS)


@pytest.mark.parametrize("language", TABLES)
def test_counted_texts_have_both_forms(language: str) -> None:
    keys = set(TABLES[language])
    alone = {key for key in keys if key.endswith(".one") and key.removesuffix(".one") + ".many" not in keys}
    assert alone == set()


@pytest.mark.parametrize("state", State)
def test_every_state_has_words(state: State) -> None:
    assert all(f"ops.state.{state}" in table for table in TABLES.values())


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    source = "\n".join(path.read_text("utf-8") for path in SOURCES)
    named = set(re.findall(r"""["'](ops\.[a-zA-Z_.0-9]*[a-zA-Z_0-9])["']""", source))
    begun = tuple(re.findall(r"""["'](ops\.[a-zA-Z_.]*\.)(?:["'{])""", source))
    keys = {key.removesuffix(".one").removesuffix(".many") for key in ops_english.WORDS}

    assert named - keys - {"ops.css", "ops.js"} == set()
    assert {key for key in keys - named if not key.startswith(begun)} == set()


@pytest.mark.parametrize("key", sorted(ops_french.WORDS))
def test_french_is_typeset_as_french(key: str) -> None:
    text = ops_french.WORDS[key]
    assert not re.search(r"\w'\w", text), "an apostrophe is ’"
    assert not re.search(r"[^\s«][;:!?](?:\s|$)", text), "a space stands before ; : ! ?"
    assert not re.search(r"«\S|\S»", text), "a space stands inside « »"
