"""What the documents say is what the program does: states, transitions, commands, settings, exit codes, links."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from config.settings import known_settings
from config.sources import CONFIG_VARIABLE, variable
from storage.lifecycle import FINAL, TRANSITIONS, Event, State, stage_kept
from sync.entrypoints.cli.main import COMMANDS
from sync.entrypoints.exits import Exit
from sync.explain_english import ENGLISH
from sync.sentences import SENTENCES
from sync.version import VERSION

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
RUNBOOK = ROOT / "docs" / "operations.md"
PROGRAMS = ROOT / "docs" / "programs.md"
DEPENDENCIES = ROOT / "docs" / "adr" / "0001-dependencies.md"

# The settings that others rely on, wherever they are explained.
PUBLIC_SETTINGS = re.findall(
    r"\w+",
    """
    API__BASE_URL API__READ_TIMEOUT_S API__TOKEN API__TOKEN_FILE API__SESSION_TOKEN API__SESSION_TOKEN_FILE
    AUTH__COMMAND AUTH__COMMAND_TIMEOUT_S
    STORAGE__DIR UPLOAD__ALLOWED_HOSTS UPLOAD__ALLOW_INSECURE_LOOPBACK UPLOAD__FALLBACK
    SYNC__INTERVAL_S SYNC__CONCURRENCY SYNC__BACKOFF_BASE_S SYNC__BACKOFF_CAP_S SYNC__START_SPREAD_S SYNC__PROBE_CAP_S
    SYNC__IN_DOUBT SYNC__SETTLE_S SYNC__LOOKUP_GAP_S SYNC__LEASE_S WEB__HOST WEB__PORT LOG__LEVEL LOG__FORMAT
    """,
)

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_VARIABLE = re.compile(r"FIELDSYNC_[A-Z0-9_]*[A-Z0-9]")
_CODE = re.compile(r"`([^`]+)`")

# Written apart, so that this file does not hold what it looks for.
_PLACES = re.compile(
    "|".join(
        (
            "/wo" + r"rk/",
            "/ro" + r"ot/",
            r"/opt/py" + "pi",
            r"/Us" + r"ers/\w",
            "py" + r"pi\.org",
            "python" + r"hosted\.org",
            r"--(?:extra-)?index" + "-url[ =]",
            r"--trusted" + "-host",
        )
    )
)


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def rows(path: Path, first_heading: str) -> list[list[str]]:
    """The cells of every table whose first column has this heading."""
    found: list[list[str]] = []
    inside = False
    for line in text(path).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == first_heading:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            found.append(cells)
    assert found, f"{path.name} has no table of {first_heading}"
    return found


def code_in(cell: str) -> list[str]:
    return _CODE.findall(cell)


def test_table_of_states_is_the_lifecycle() -> None:
    table = rows(README, "state")
    assert [code_in(row[0]) for row in table] == [[state.value] for state in State]
    assert all(len(row) == 3 and row[1] and row[2] for row in table)


def _moves() -> Iterator[tuple[str, str, str]]:
    """Every move of the lifecycle as (from, event, to); a held entry goes back to each stage it can have come from."""
    for (state, event), target in TRANSITIONS.items():
        if target is not None:
            yield state.value, event.value, target.value
            continue
        came_from = {before for (before, _), after in TRANSITIONS.items() if after is state}
        for stage in {stage_kept(before) for before in came_from}:
            yield state.value, event.value, stage.value


def test_diagram_of_states_is_the_transition_table() -> None:
    (diagram,) = re.findall(r"```mermaid\s+stateDiagram-v2\n(.*?)```", text(README), re.DOTALL)
    drawn: set[tuple[str, str, str]] = set()
    ends: set[tuple[str, str]] = set()
    for line in diagram.strip().splitlines():
        arrow, _, label = line.partition(":")
        start, end = (part.strip() for part in arrow.split("-->"))
        if "[*]" in (start, end):
            ends.add((start, end))
            continue
        drawn |= {(start, event.strip(), end) for event in label.split("/")}
    assert drawn == set(_moves())
    assert ends == {("[*]", State.PENDING.value)} | {(state.value, "[*]") for state in FINAL}
    assert {event for _, event, _ in drawn} == {event.value for event in Event}


def test_every_command_is_in_the_readme() -> None:
    table = " ".join(cell for row in rows(README, "command") for cell in code_in(row[0]))
    assert set(re.findall(r"fieldsync ([a-z]+)", table)) == set(COMMANDS)


ROUTE = re.compile(r"(GET|POST|PUT) (/[\w/{}.]+)")


@pytest.mark.parametrize(
    ("path", "heading"), [(README, "route"), (PROGRAMS, "route")], ids=["README.md", "programs.md"]
)
def test_routes_that_are_told_are_those_of_the_local_api(path: Path, heading: str) -> None:
    from sync.entrypoints.api.app import description

    told = ROUTE.findall(" ".join(code for row in rows(path, heading) for code in code_in(row[0])))
    known = {
        (method.upper(), route) for route, methods in description()["paths"].items() for method in methods
    }
    assert sorted(told) == sorted(known | {("GET", "/openapi.json"), ("GET", "/docs")})


def _code(path: Path) -> Iterator[str]:
    """Every line of code: in fences, indented, or within a sentence."""
    fence = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
    for block in fence.findall(text(path)):
        yield from block.splitlines()
    for line in fence.sub("", text(path)).splitlines():
        yield from [line] if line.startswith("    ") else _CODE.findall(line)


@pytest.mark.parametrize("path", [README, RUNBOOK], ids=lambda path: path.name)
def test_documented_commands_exist(path: Path) -> None:
    found = {
        name
        for line in _code(path)
        for name in re.findall(r"(?:\bfieldsync|\./dev run) (?:--debug )?([a-z]+)(?![\w./-])", line)
    }
    # The program is named after a user and a container too: `sudo -u fieldsync env ...`, `exec fieldsync fieldsync`.
    assert found - {"env", "fieldsync"} <= set(COMMANDS)
    assert len(found) > len(COMMANDS) // 2


@pytest.mark.parametrize(
    ("path", "heading"), [(README, "exit code"), (RUNBOOK, "code")], ids=["README.md", "operations.md"]
)
def test_documented_exit_codes_are_those_of_the_program(path: Path, heading: str) -> None:
    assert [int(row[0]) for row in rows(path, heading)] == [code.value for code in Exit]


def test_every_public_setting_is_in_the_readme() -> None:
    named = {name for row in rows(README, "variable") for name in code_in(row[0])}
    assert {f"FIELDSYNC_{name}" for name in PUBLIC_SETTINGS} <= named
    assert "(config/example.toml)" in text(README)


def test_documented_defaults_are_those_of_the_model() -> None:
    fields = {variable(key): found for key, found in known_settings()}
    for row in rows(README, "variable"):
        names, defaults = code_in(row[0]), code_in(row[1])
        assert names, row
        for name in names:
            assert name in fields, name
        if not defaults:
            assert row[1] in ("not set", "the platform's state folder"), row
            continue
        assert len(defaults) == len(names), row
        for name, shown in zip(names, defaults, strict=True):
            default = fields[name].default
            told = str(default).lower() if isinstance(default, bool) else str(default)
            assert shown == ("[]" if default == () else told), name


def test_no_document_names_a_variable_that_does_not_exist() -> None:
    known = {variable(key) for key, _ in known_settings()} | {CONFIG_VARIABLE}
    for path in [*documents(), ROOT / "Dockerfile", ROOT / "config" / "fieldsync.service"]:
        named = {each for each in _VARIABLE.findall(text(path)) if not each.startswith("FIELDSYNC_TEST_")}
        assert named <= known, path


def test_every_variable_of_the_tests_that_a_document_names_is_read_by_them() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for path in documents():
        for named in re.findall(r"FIELDSYNC_TEST_[A-Z]+", text(path)):
            assert f'"{named}"' in code, (path, named)


def test_runbook_explains_every_reason() -> None:
    told = [reason for row in rows(RUNBOOK, "reason") for reason in code_in(row[0])]
    assert sorted(told) == sorted(set(told)), "each once"
    assert set(told) == set(ENGLISH.reasons) | set(SENTENCES)


def test_every_link_leads_somewhere() -> None:
    for path in documents():
        for target in _LINK.findall(text(path)):
            if "://" in target:
                continue
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.exists(), f"{path.relative_to(ROOT)}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", text(there), re.MULTILINE)
                slugs = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
                assert anchor in slugs, f"{path.relative_to(ROOT)}: {target}"


def test_files_named_in_the_documents_exist() -> None:
    """In the decisions too: a module that was renamed is renamed there."""
    for path in documents():
        for name in re.findall(r"`((?:sync|storage|config|tests|docs)/[\w./]+\.\w+)`", text(path)):
            assert (ROOT / name).exists(), f"{path.relative_to(ROOT)}: {name}"


def test_version_is_the_same_everywhere() -> None:
    assert tomllib.loads(text(ROOT / "pyproject.toml"))["project"]["version"] == VERSION
    named = set(re.findall(r"fieldsync-(\d+\.\d+\.\d+)-py3", text(RUNBOOK)))
    assert named == {VERSION}


def test_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    kinds = set(re.findall(r"^### (.+)$", text(ROOT / "CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Fixed", "Removed"}


def test_every_direct_dependency_has_its_sentence() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))
    asked = [
        *project["project"]["dependencies"],
        *(each for group in project["dependency-groups"].values() for each in group),
    ]
    names = sorted({re.split(r"[\[<>=!~; ]", each)[0] for each in asked})
    table = rows(DEPENDENCIES, "package")
    assert sorted(code_in(row[0])[0] for row in table) == names
    for row in table:
        assert row[1].endswith("."), f"{row[0]}: one sentence"


def test_decisions_say_context_decision_consequences_date_and_status() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [path.name[:4] for path in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    for number, path in enumerate(records, 1):
        assert re.match(rf"# {number}\. .+\n\nDate: \d{{4}}-\d\d-\d\d\. Status: \w+", text(path)), path.name
        headings = re.findall(r"^## (.+)$", text(path), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path.name


def test_no_tracked_file_names_a_place_of_one_machine_or_a_registry() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" in content:
            continue
        found = _PLACES.search(content.decode("utf-8", "replace"))
        assert found is None, f"{name}: {found and found[0]}"
