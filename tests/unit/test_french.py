"""Every text that a person can see has its French, with the same values and commands, and French typography.

What is left in English stands in one place, `STORIES`, and can only become less.
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from sync import status
from sync.entrypoints.cli.main import COMMANDS
from sync.explain import words_in
from sync.explain_words import Words
from sync.french import STATES, clicks, joined, phrases
from sync.phrasebook import Phrasebook, holes, spaced
from sync.translation import translate
from tests.support.human_texts import ROOT, texts_of

SHOWN = (
    "sync/entrypoints/cli/*.py", "sync/entrypoints/*.py", "sync/*.py", "sync/operations/*.py", "sync/batch/*.py",
    "sync/bundle/*.py", "storage/*.py", "config/*.py",
)  # fmt: skip
# These have their words in both languages themselves.
APART = {
    "sync/chart.py", "sync/chart_words.py", "sync/last_line.py", "sync/phrasebook.py", "sync/explain_english.py",
}  # fmt: skip
# Told in English only: the story of `demo`, and what `torture` writes about each fault. Folder -> how many texts.
STORIES = {"sync/demo": 129, "sync/torture": 73}
# No text for people: what a bug of ours would say, what goes into a log, a request or a statement, what is typed.
SILENT = {

    "an instant needs a time zone", "make() comes first",
    "a reading is never followed by itself", "a secret cannot be pickled", "a secret does not change",
    "only the one PUT of the upload may be sent", "no upload is in progress", "the exchange took too long",
    "the path would not go out as it is written",
    "an unknown stage",
    "edit {}", "kill -CONT {}", "provider.firstName=Ann or siteIds[0]=5", "{} FILE",
    "{} has", " --owner {}", "{} port {}", "{}oldest {}", "export {}={}", "line ([0-9]+)", "Application Support",
    "<PresignedUrl {} {}>", "{} (its arguments could not be shown)", "{} bytes of an answer", "Bearer {}",
    "ETag {}", "request has expired", "shown as sent", "shown otherwise", "connecting took too long",
    "the name has no address", "(unreadable name)", "it was signed for a value of {} unknown here", "no answer",
    "Server disconnected", "ended by the watchdog", "number {}", "entry e", "type, id, name, company_id",
    "e.owner IS NULL", "e.owner IS ?", "e.seq IN ({})", "e.state IN ({})", "state IN ('parked', 'dead')",
    "state IN ('parked', 'dead', 'in_doubt')", "AND owner IS ?", "e.seq BETWEEN ? AND ? AND ({})", "{} AND {}",
    "e.{} LIKE ? ESCAPE ?", " is {}",
    "p.state NOT IN ('accepted', 'done', 'discarded') AND NOT (p.state = 'parked' AND p.stage IS 'accepted')",
    "INSERT INTO control (key, value, at) VALUES ('ballast', hex(randomblob(?)), 0)",
    "INSERT INTO control (key, value, at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
    "at = excluded.at",
    "INSERT INTO listed (type, id, name, company_id) VALUES (?, ?, ?, ?)", "INSERT INTO {} ({}) VALUES ({})",
    "# An environment variable wins over this file. Relative paths start beside it.",
    "# Every setting of fieldsync, each with its default. Remove a # to set it; FIELDSYNC_CONFIG names the file.",
    "# Made by `python -m config.settings`.",
}  # fmt: skip
# What `status` joins to the head lines that `joined.py` has whole.
PIECES = {
    " {} waiting.", "1 intervention {}", "Delivery is paused. {} waiting.", "waiting for the network",
    "waiting for the storage that keeps the signatures", "waiting to be delivered", "waiting until the server is ready",
    "{} Nothing is lost.", "{} a person to look.{}", "{} interventions {}", "{} waiting for a sign-in.",
    "{} sent, and it is not clear yet whether they arrived.",
}  # fmt: skip
# What the library of the command line says, and what the code joins, stands in no file of ours as a whole.
NOT_IN_SOURCE = {
    **dict.fromkeys(f" is {state}" for state in STATES), **clicks.CLICKS, **joined.LABELS, **joined.LIMITS,
    **joined.COUNTS, **joined.HEADLINES,
}  # fmt: skip

_COMMAND = re.compile(rf"fieldsync (?:{'|'.join(COMMANDS)})\b|--[a-z-]+")
_SETTING = re.compile(r"\b(?:api|auth|config|lookup|storage|sync|upload|web)\.[a-z_]{3,}")
_FORBIDDEN = re.compile(
    r"file d'attente|\b[Qq]ueue\b|lettre morte|(?<![-\w])[Tt]okens?\b|\be?-?mails?\b|\bHTTP\b|\bparqué|\bdevice\b"
)
_CROWDED = re.compile(r"[a-zà-ÿ)»}][;!?](?:\s|$)|[a-zà-ÿ)»}]:(?:\s|$)| [;:!?»]|« ")


@cache
def source() -> frozenset[str]:
    found: set[str] = set()
    settings = texts_of(ROOT / "config" / "model.py")
    for pattern in SHOWN:
        for path in ROOT.glob(pattern):
            if path.relative_to(ROOT).as_posix() not in APART:
                found |= {text for text in texts_of(path) if speaks(text)}
    return frozenset(text for text in found if not (text in meanings() and text in settings))


@cache
def meanings() -> str:
    """What settings mean, as config/example.toml alone tells it, without its line ends."""
    lines = (ROOT / "config" / "example.toml").read_text("utf-8").split("\n")
    return " ".join(" ".join(line.lstrip("# ") for line in lines).split())


def speaks(text: str) -> bool:
    """Whether it has words of its own beside its values."""
    return sum(each.isalpha() for each in text.replace("{}", "")) > 1


def explained() -> set[str]:
    words = words_in("en")
    said = {
        sentence
        for each in (*words.reasons.values(), *words.situations.values(), words.unknown)
        for sentence in told(each)
    }
    return said | {*words.stages.values(), *words.sentences().values()}


def told(words: Words) -> set[str]:
    return {each for each in (words.what, *words.can, words.next, words.of_storage) if each}


def test_every_text_for_people_has_its_french() -> None:
    missing = sorted(source() - phrases().keys() - SILENT - PIECES)
    assert missing == []


def test_no_translation_is_of_a_text_that_is_gone() -> None:
    dead = sorted(phrases().keys() - source() - explained() - NOT_IN_SOURCE.keys())
    assert dead == []


def test_nothing_is_called_silent_that_is_gone() -> None:
    everywhere = {text for pattern in SHOWN for path in ROOT.glob(pattern) for text in texts_of(path)}
    assert not SILENT & phrases().keys()
    assert sorted((SILENT | PIECES) - everywhere) == []


@pytest.mark.parametrize("folder", STORIES)
def test_what_is_left_in_english_does_not_grow(folder: str) -> None:
    texts = {text for path in (ROOT / folder).glob("*.py") for text in texts_of(path) if speaks(text)}
    assert len(texts - phrases().keys()) <= STORIES[folder]


def test_head_lines_are_those_that_status_makes() -> None:
    made = (ROOT / "sync" / "status.py").read_text("utf-8")
    counted = [status._are(number) for number in (0, 1, 2)]
    for line in joined.HEADLINES:
        text = line.replace("{#}", "2").removesuffix(".")
        for start in counted:
            text = text.removeprefix(start)
        text = re.sub(r"^(1 intervention|2 interventions) (was|were|needs?) ", "", text)
        assert text.replace("whether it arrived", "whether they arrived").strip() in made, line


@pytest.mark.parametrize("text", sorted(phrases()))
def test_french_has_the_values_and_commands_of_english(text: str) -> None:
    said = phrases()[text]
    values = holes(text)
    used = [
        int(name) if name.isdigit() else values.index(name) if name not in ("", "#") else place
        for place, name in enumerate(holes(said))
    ]
    assert sorted(used) == list(range(len(values)))
    assert sorted(_COMMAND.findall(said)) == sorted(_COMMAND.findall(text))
    assert set(_SETTING.findall(said)) == set(_SETTING.findall(text))


@pytest.mark.parametrize("text", sorted(phrases()))
def test_french_keeps_to_its_typography_and_words(text: str) -> None:
    said = spaced(phrases()[text])
    plain = re.sub(r"`[^`]*`|\{\"[^ ]*.*\}|https?:", "", said)
    assert not _CROWDED.search(plain), _CROWDED.search(plain)
    assert not _FORBIDDEN.search(said)
    assert ('"' not in said) or ('"' in text)
    assert said.endswith((".", "?")) == text.endswith((".", "?"))


@pytest.mark.parametrize("text", sorted(phrases()))
def test_a_text_that_was_made_is_recognised(text: str) -> None:
    if "}{" in text:
        return  # what stands together cannot be told apart
    values = [str(70 + n) if name == "#" else f"qx{n}z" for n, name in enumerate(holes(text))]
    made, said = iter(values), spaced(phrases()[text])
    english = re.sub(r"\{(#|\w*)\}", lambda _: next(made), text)
    names = holes(text)
    turn = iter(values)

    def value(hole: re.Match[str]) -> str:
        name = hole[1]
        if name.isdigit():
            return values[int(name)]
        return values[names.index(name)] if name not in ("", "#") else next(turn)

    assert translate(english, "fr") == re.sub(r"\{(#|\w*)(?::\w+)?\}", value, said)


def test_english_is_left_as_it_is() -> None:
    assert translate("nothing was ever captured here", "en") == "nothing was ever captured here"


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("No interventions are waiting.", "Aucune intervention n'est en attente."),
        ("1 intervention is waiting for the network. Nothing is lost.",
         "1 intervention attend le réseau. Rien n'est perdu."),
        ("7 interventions are waiting for the network. Nothing is lost.",
         "7 interventions attendent le réseau. Rien n'est perdu."),
        ("3 interventions need a person to look. 1 intervention is waiting. Nothing is lost.",
         "3 interventions demandent l'attention de quelqu'un. 1 intervention est en attente. Rien n'est perdu."),
        ("4 (1 pending, 3 accepted; oldest 2 d)",
         "4 (1 en attente, 3 reçues par le serveur\u00a0; la plus ancienne depuis 2 j)"),
        ("59.0 GB free", "59,0 Go libres"),
        ("companyId is missing, and the API requires it. Add it.", "companyId manque, et l'API l'exige. Ajoutez-le."),
        ("its title is 'Everything is delivered and 3 dead'", "its title is 'Everything is delivered and 3 dead'"),
    ],
)  # fmt: skip
def test_what_is_joined_is_said_part_by_part(english: str, french: str) -> None:
    assert translate(english, "fr") == french


def test_a_state_is_said_in_words_and_a_command_is_left() -> None:
    book = Phrasebook(
        {"it is {} now": "elle est maintenant {:state}", "next: {}": "ensuite : {}"}, {"dead": "refusée"}
    )
    assert book.say("it is dead now") == "elle est maintenant refusée"
    assert book.say("next: fieldsync list --state dead") == "ensuite\u00a0: fieldsync list --state dead"


def test_what_others_wrote_is_not_touched() -> None:
    for theirs in ("Bonjour", "site 4 unknown", "dead", "{'a': 1}", "https://api.example/main", "état : 422"):
        assert translate(theirs, "fr") == theirs
