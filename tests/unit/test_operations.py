"""The registry of operations: what it knows, and that knowing it costs nothing."""

import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from sync.operations import KINDS, OPERATIONS, UnknownKind, by_kind
from sync.payload import check, read_json


def test_every_kind_is_found_by_its_name():
    assert [by_kind(kind) for kind in KINDS] == list(OPERATIONS)
    assert len(set(KINDS)) == len(OPERATIONS)


def test_unplanned_preventive_says_what_the_page_says():
    operation = by_kind("unplanned-preventive")
    assert (operation.method, operation.path) == ("POST", "/interventions/v2/mb/preventive/unplanned")
    assert operation.success_status == 201
    assert operation.creates
    assert operation.has_signature
    assert not operation.repeatable({})
    assert not operation.needs_target
    assert operation.start_field == "actualStart"


def test_unknown_kind_lists_the_known_ones():
    with pytest.raises(UnknownKind) as caught:
        by_kind("unplaned-preventive")
    assert caught.value.known == KINDS
    assert all(kind in str(caught.value) for kind in ("unplaned-preventive", *KINDS))


def test_operation_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        OPERATIONS[0].kind = "other"  # type: ignore[misc]


def test_listing_the_kinds_loads_no_heavy_module():
    """A person asking for status waits for the interpreter and little else."""
    heavy = {"pydantic", "pydantic_core", "sqlmodel", "PIL", "httpx", "boto3"}
    code = (
        "import sys, sync.errors, sync.operations as operations\n"
        "assert operations.KINDS\n"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("operation", OPERATIONS, ids=KINDS)
def test_start_field_and_signature_are_fields_of_the_model(operation):
    keys = {field.alias for field in operation.payload_model().model_fields.values()}
    assert operation.start_field is None or operation.start_field in keys
    assert operation.has_signature == ("signature" in keys)


DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = {kind: "intervention" if kind == "unplanned-preventive" else kind for kind in KINDS}


def keys_of(model, above=""):
    """Every field of a body as `object.field`, in its order."""
    for field in model.model_fields.values():
        yield f"{above}{field.alias}"
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            yield from keys_of(field.annotation, f"{above}{field.alias}.")


@pytest.mark.parametrize("operation", OPERATIONS, ids=KINDS)
def test_every_field_is_documented_with_whether_it_is_required(operation):
    text = (DOCS / "programs.md").read_text("utf-8")
    section = text.partition(f"### {operation.kind}\n")[2].partition("\n#")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    told = {row[0].strip().strip("`"): row[2].strip() for row in rows}
    model = operation.payload_model()
    assert sorted(told) == sorted(keys_of(model))
    required = {field.alias for field in model.model_fields.values() if field.is_required()}
    assert {name for name, word in told.items() if word == "yes"} == required


@pytest.mark.parametrize("operation", OPERATIONS, ids=KINDS)
def test_example_is_one(operation):
    example = read_json((DOCS / "example" / f"{EXAMPLES[operation.kind]}.json").read_bytes())
    assert {problem.path for problem in check(operation, example)} <= {"--signature"}
