"""The README's walk in a French locale: people read French, programs and logs read what they always read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Ended, run_here

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example"
CAPTURE = ("capture", "unplanned-preventive", "--data", str(EXAMPLE / "intervention.json"))
IMAGE = ("--signature", str(EXAMPLE / "signature.png"))
FRENCH = "fr_FR.UTF-8"


def speaking(folder: Path, lang: str, *arguments: str, **more: str) -> Ended:
    environment = {
        "FIELDSYNC_STORAGE__DIR": str(folder),
        "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
        "LANG": lang,
        "NO_COLOR": "1",
        **more,
    }
    return run_here(environment, *arguments)


@pytest.fixture
def captured(tmp_path: Path) -> tuple[Path, str]:
    """A folder with one entry, and the end of its id."""
    ended = speaking(tmp_path, "C", *CAPTURE, *IMAGE, "--json")
    assert ended.code == 0, ended
    return tmp_path, ended.document["id"][-8:]


def test_a_technician_in_france_reads_french(captured: tuple[Path, str]) -> None:
    folder, id = captured
    status = speaking(folder, FRENCH, "status").out
    assert status.startswith("1 intervention attend une connexion au compte. Rien n'est perdu.\n")
    assert "ce qui les retient, et la commande à lancer\u00a0:" in status
    shown = speaking(folder, FRENCH, "show", id).out
    assert shown.startswith(f"unplanned-preventive {id}\u00a0: en attente\n")
    assert "Elle attend son tour." in shown
    assert speaking(folder, FRENCH, "list").out.split()[1:3] == ["SAISIE", "LE"]
    assert "Utilisation\u00a0: fieldsync" in speaking(folder, FRENCH, "--help").out
    assert speaking(folder, FRENCH, "pause").out.startswith("envoi suspendu\u00a0; ")
    assert speaking(folder, FRENCH, "resume").out == "l'envoi reprend\n"


def test_every_mistake_is_told_in_french(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"companyId": "x"}')
    ended = speaking(tmp_path, FRENCH, "capture", "unplanned-preventive", "--data", str(body))
    assert ended.code == 2
    assert ended.err.startswith("fieldsync\u00a0: rien n'a été enregistré\u00a0: la saisie a ")
    assert "siteIds manque, et l'API l'exige. Ajoutez-le." in ended.err
    assert not re.search(r"\b(the|is|must|missing|Give)\b", ended.err), ended.err
    assert speaking(tmp_path, FRENCH, "list", "--limit", "0").err.startswith(
        "fieldsync\u00a0: Valeur incorrecte pour '--limit'\u00a0: "
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",), ("list",), ("list", "--needs-action"), ("show", "ID"), ("show", "nothing"),
        ("list", "--limit", "0"), ("resync", "--all", "--dry-run"),
        ("settle", "ID", "--arrived", "x"), ("discard", "ID", "--reason", " "),
        ("edit", "ID", "--set", "siteIds=x"), ("config", "check"), ("auth", "status"), ("receipts",), ("nothing",),
    ],
)  # fmt: skip
def test_documents_and_exit_codes_are_the_same_in_every_locale(
    captured: tuple[Path, str], arguments: tuple[str, ...]
) -> None:
    folder, id = captured
    given = [id if each == "ID" else each for each in arguments]
    english, french = (speaking(folder, lang, *given, "--json") for lang in ("C", FRENCH))
    assert french.code == english.code
    assert still(french.out) == still(english.out)
    assert speaking(folder, FRENCH, *given).code == english.code


def still(text: str) -> str:
    """A document without what the clock and the disk move between two looks."""
    document = json.loads(text)
    if isinstance(document, dict):
        for moving in ("next_due_at", "oldest_waiting_s", "disk_free_bytes", "clock_offset_s"):
            document.pop(moving, None)
        document.get("database", {}).pop("bytes", None) if isinstance(
            document.get("database"), dict
        ) else None
    return json.dumps(document)


def test_a_neutral_locale_reads_english(captured: tuple[Path, str]) -> None:
    folder, _ = captured
    for lang in ("C", "en_GB.UTF-8", "de_DE.UTF-8"):
        assert speaking(folder, lang, "status").out.startswith("1 intervention is waiting for a sign-in.")
    assert speaking(folder, FRENCH, "status", LC_ALL="C").out.startswith("1 intervention is waiting")


def test_english_does_not_load_the_french_words(captured: tuple[Path, str]) -> None:
    """T10: who asks in English pays nothing for the other language."""
    folder, id = captured
    for arguments in (("status",), ("list",), ("show", id), ("show", "nothing")):
        code = (
            "import sys\nsys.argv = ['fieldsync', *sys.argv[1:]]\n"
            "from sync.entrypoints.cli.main import main\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            "sys.exit(any(name.startswith(('sync.french', 'sync.phrasebook', 'sync.explain_french')) "
            "for name in sys.modules))"
        )
        environment = {"FIELDSYNC_STORAGE__DIR": str(folder), "LANG": "C.UTF-8"}
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, (arguments, ended)


@pytest.mark.parametrize("encoding", ["ascii", "koi8-r", "cp437", "latin-1"])
def test_a_console_that_cannot_write_accents_is_no_failure(captured: tuple[Path, str], encoding: str) -> None:
    """A terminal of an odd office: what it cannot write is spelt out, and the answer comes all the same."""
    folder, _ = captured
    environment = {"FIELDSYNC_STORAGE__DIR": str(folder), "LANG": "fr_FR", "PYTHONIOENCODING": encoding}
    shown, refused = (
        subprocess.run(
            [sys.executable, "-m", "sync", "list", *more],
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        for more in ((), ("--limit", "0"))
    )
    assert (shown.returncode, refused.returncode) == (0, 2)
    assert shown.stdout.startswith(b"ID ")
    assert b"SAISIE LE" in shown.stdout
    assert refused.stderr.startswith(b"fieldsync")
    assert b"Traceback" not in shown.stderr + refused.stderr


def test_nothing_but_what_speaks_to_people_translates() -> None:
    """Logs, documents and codes are English because they are made where nobody translates."""
    root = Path(__file__).resolve().parents[2]
    speakers = {
        path.relative_to(root).as_posix()
        for path in [*root.glob("sync/**/*.py"), *root.glob("storage/**/*.py"), *root.glob("config/**/*.py")]
        if re.search(r"import translate|cli\.saying import", path.read_text("utf-8"))
    }
    assert speakers
    assert not [
        each for each in speakers if not each.startswith(("sync/entrypoints/cli/", "sync/entrypoints/page/"))
    ]
