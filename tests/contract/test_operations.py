"""Each kind of entry against the API description: its call, and which bodies it lets through.

What the description refuses is never captured. Where it takes more than we do, the reason is named here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from sync.operations import KINDS, Operation, by_kind
from sync.payload import check
from sync.sandbox import faults
from tests.support import api_samples
from tests.support.api_samples import sample
from tests.support.rig import sandboxed

DESCRIPTION = yaml.safe_load(Path(__file__).with_name("interventions-api.yaml").read_text("utf-8"))
SCHEMAS = {
    "unplanned-preventive": "UnplannedPreventiveCreate",
    "curative": "CurativeCreate",
    "preventive-update": "PreventiveUpdate",
    "training-update": "TrainingExerciseUpdate",
    "verification": "VerifyDecision",
}
SAFE = 2**53 - 1
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 3, 1.0, 1.5, SAFE, SAFE + 1, -SAFE, -SAFE - 1, 10**400),
    *("", "text", "x" * 250, "x" * 251, "x" * 2500, "x" * 2501, "🔧" * 1250, "🔧" * 1251, "1"),
    *([], [1], [SAFE], [SAFE + 1], [1, "a"], [True], [None], [1.0], [[1]], {}, {"id": 1}),
    *("2026-03-04T08:15Z", "2026-03-04T08:15:59.123456Z", "2024-02-29T00:00Z", "2023-02-29T00:00Z"),
    *(
        "2026-03-04T24:00Z",
        "2026-03-04T08:15:60Z",
        "2026-03-04T08:15",
        "2026-03-04T08:15+00:00",
        "2026-03-04",
    ),
    *({"sendEmail": True}, {"sendEmail": 1}, {"sendEmail": False, "reason": "moved"}, {"reason": None}),
    *({"$entry": "x"}, [{"$entry": "x"}], {"sendEmail": True, "more": 1}),
]


def schema_of(name: str) -> Draft202012Validator:
    registry: Any = Registry().with_resource("urn:api", DRAFT202012.create_resource(DESCRIPTION))
    return Draft202012Validator({"$ref": f"urn:api#/components/schemas/{name}"}, registry=registry)


def schema(kind: str) -> Draft202012Validator:
    return schema_of(SCHEMAS[kind])


def paths(operation: Operation, body: Any) -> set[str]:
    """Where the body is wrong, apart from the image that is not given here."""
    return {each.path for each in check(operation, body)} - {"--signature"}


def stricter(value: Any, text: str) -> bool:
    """What the description lets through and we do not: 1.0 for 1, unknown keys, and text in other units."""
    if isinstance(value, list):
        return any(stricter(item, text) for item in value)
    if isinstance(value, str):
        # A JSON schema counts characters; a server in JavaScript counts UTF-16 units.
        return "UTF-16" in text
    return isinstance(value, float) or (isinstance(value, dict) and "not a field" in text)


def test_every_kind_has_a_page() -> None:
    assert set(KINDS) == set(SCHEMAS) == set(api_samples.KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_call_is_the_documented_one(kind: str) -> None:
    operation = by_kind(kind)
    method, path, status = api_samples.CALLS[kind]
    described = DESCRIPTION["paths"][path][method.lower()]
    assert (operation.method, operation.success_status) == (method, status)
    assert operation.path == path.replace("{interventionId}", "{id}")
    assert str(status) in described["responses"]
    assert operation.needs_target == ("{interventionId}" in path)
    assert operation.creates == (method == "POST")
    content = described["requestBody"]["content"]["application/json"]["schema"]
    assert content["$ref"].endswith(f"/{SCHEMAS[kind]}")


@pytest.mark.parametrize("kind", KINDS)
def test_body_of_the_page_is_taken_unchanged(kind: str) -> None:
    schema(kind).validate(sample(kind))
    assert paths(by_kind(kind), sample(kind)) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_required_fields_are_the_documented_ones(kind: str) -> None:
    documented = set(DESCRIPTION["components"]["schemas"][SCHEMAS[kind]].get("required", ()))
    derived = {"signature"} if by_kind(kind).has_signature else set()
    assert paths(by_kind(kind), {}) == {f"$.{name}" for name in documented - derived}


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_those_of_the_page_in_its_order(kind: str) -> None:
    fields = [field.alias for field in by_kind(kind).payload_model().model_fields.values()]
    assert fields == list(sample(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_description_refuses_is_never_captured(kind: str) -> None:
    operation, described = by_kind(kind), schema(kind)
    for field in sample(kind):
        for value in ODD_VALUES:
            body = sample(kind, **{field: value})
            problems = [each for each in check(operation, body) if each.path != "--signature"]
            assert {each.path.split(".")[1].split("[")[0] for each in problems} <= {field}, (field, value)
            if described.is_valid(body):
                assert not problems or stricter(value, problems[0].message), (field, value, problems)
            elif field != "signature":  # what it lacks is derived from the image
                assert problems, (field, value)


# Where two pages use two words, or two numbers look alike.


@pytest.mark.parametrize(
    ("kind", "given", "named"),
    [
        ("preventive-update", "assignedUserId", "assignedProfileId"),
        ("curative", "assignedProfileId", "assignedUserId"),
        ("training-update", "assignedProfileId", "assignedUserId"),
        ("training-update", "ruleIds", "ruleId"),
        ("curative", "anomalyId", "anomalyIds"),
        ("verification", "decisioncomment", "decisionComment"),
    ],
)
def test_name_of_another_page_is_refused_with_the_name_of_this_one(kind: str, given: str, named: str) -> None:
    body = sample(kind) | {given: 1}
    (problem,) = (each for each in check(by_kind(kind), body) if each.path != "--signature")
    assert (problem.path, problem.code) == (f"$.{given}", "unknown_field")
    assert f" {named} " in problem.message.replace("?", " ")


def test_provider_comment_of_the_sibling_call_is_named() -> None:
    body = sample("unplanned-preventive")
    body["provider"]["providerActionComment"] = body["provider"].pop("actionComment")
    (problem,) = (each for each in check(by_kind("unplanned-preventive"), body) if each.path != "--signature")
    assert "is called actionComment in this call" in problem.message


@pytest.mark.parametrize("given", ["siteIds", "ruleIds", "siteId", "ruleId"])
def test_ids_of_other_things_are_not_taken_for_site_rules(given: str) -> None:
    """To rename the field would change the intervention at other sites."""
    (problem,) = check(by_kind("preventive-update"), {given: [1]})
    assert "siteRuleIds" in problem.message
    assert "Did you mean" not in problem.message


@pytest.mark.parametrize("kind", KINDS)
def test_entry_in_place_of_a_number_is_refused_where_no_intervention_is_named(kind: str) -> None:
    reference = {"$entry": "0198f6de-0000-7000-8000-000000000001"}
    for field, value in sample(kind).items():
        if isinstance(value, dict):
            continue
        given: Any = [reference] if isinstance(value, list) else reference
        (problem,) = (
            each
            for each in check(by_kind(kind), sample(kind, **{field: given}))
            if each.path != "--signature"
        )
        assert problem.code == "reference_not_here", (field, problem)


# What must not happen twice.


@pytest.mark.parametrize(
    ("kind", "body", "quiet"),
    [
        ("preventive-update", {"description": "a"}, {"description": "a"}),
        (
            "preventive-update",
            {"description": "a", "sendUpdateEmailToCurrentAssignee": False},
            {"description": "a", "sendUpdateEmailToCurrentAssignee": False},
        ),
        (
            "preventive-update",
            {"description": "a", "sendUpdateEmailToCurrentAssignee": True},
            {"description": "a"},
        ),
        (
            "preventive-update",
            {"creationStatus": 1, "previousAssigneeNotification": {"sendEmail": True, "reason": "moved"}},
            {"creationStatus": 1},
        ),
        (
            "preventive-update",
            {"creationStatus": 1, "previousAssigneeNotification": {"sendEmail": False, "reason": "moved"}},
            {"creationStatus": 1, "previousAssigneeNotification": {"sendEmail": False, "reason": "moved"}},
        ),
        ("preventive-update", {"sendUpdateEmailToCurrentAssignee": True}, {}),
        ("training-update", {"validateIntervention": True}, {"validateIntervention": True}),
        ("verification", {"decision": 1, "decisionComment": "a"}, {"decision": 1, "decisionComment": "a"}),
        (
            "verification",
            {"decision": 1, "decisionComment": "a", "notificationId": "n"},
            {"decision": 1, "decisionComment": "a"},
        ),
    ],
)
def test_quiet_request_is_the_same_without_mails_and_notices(
    kind: str, body: dict[str, Any], quiet: dict[str, Any]
) -> None:
    operation = by_kind(kind)
    given = dict(body)
    assert operation.quiet(body) == quiet
    assert body == given
    assert operation.repeatable(body) is (quiet == body)
    assert operation.repeatable(quiet)


@pytest.mark.parametrize("kind", ["unplanned-preventive", "curative"])
def test_what_makes_an_intervention_is_never_repeatable(kind: str) -> None:
    assert not by_kind(kind).repeatable(sample(kind))


# What comes back.

_ROW = {
    "id": 501, "status": 2, "type": 1, "description": "Description of the intervention",
    "imgSignature": "Signature image", "codePin": 123456, "autoCreated": True, "creationStatus": 1,
    "scheduledStart": "2024-12-01T12:34:56.000Z", "scheduledEnd": "2024-12-05T14:56:23.000Z",
    "actualStart": "2024-12-01T12:34:56.000Z", "actualEnd": "2024-12-01T12:34:56.000Z",
    "verifiedAt": "2024-12-09T14:23:00.000Z", "routineId": 1, "organizationId": 1, "assignedCompanyContactId": 1,
    "archivedAt": "2024-12-09T14:23:00.000Z", "updatedAt": "2024-12-09T14:23:00.000Z",
    "createdAt": "2024-01-15T08:45:00.000Z",
}  # fmt: skip
ANSWERS = {
    "user": _ROW | {"assignedUserId": 1, "verifiedByUserId": 1, "createdByUserId": 1, "attendeeCount": 25},
    "profile": _ROW
    | {"assignedProfileId": 1, "verifiedById": 1, "createdById": 1, "companyId": 1, "checkType": 1}
    | {"negotiationEndDate": "2024-12-01T12:34:56.000Z", "deletedAt": None},
    "neither": {"id": 501},
    "nulls": dict.fromkeys(_ROW) | {"id": 501},
}
ROUTES = {
    "curative": "curative",
    "preventive-update": "preventive",
    "training-update": "training",
    "verification": "verify",
}


@pytest.mark.parametrize("words", ANSWERS)
@pytest.mark.parametrize("kind", ROUTES)
def test_answer_in_either_vocabulary_is_taken(tmp_path: Path, kind: str, words: str) -> None:
    """The pages show two sets of names for one row; only its id is relied on."""
    schema_of("Intervention").validate(ANSWERS[words])
    with sandboxed(tmp_path) as device:
        operation = by_kind(kind)
        answered = faults.answer(ROUTES[kind], operation.success_status, body={"data": ANSWERS[words]})
        device.sandbox.faults.add(answered)
        body = sample(kind)
        id = device.update(kind, "501", **body) if operation.needs_target else device.ask(kind, body)
        device.sync()
        entry = device.entry(id)
        assert (entry["state"], entry["receipts"][0]["server_id"]) == ("done", 501)
