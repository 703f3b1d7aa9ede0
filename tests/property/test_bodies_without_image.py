"""Laws of the four bodies that have no signature: what is valid is sent unchanged, what is wrong is told in its place.

Also of what a lost answer leads to: the quiet request changes the same, notifies nobody, and may be repeated.
"""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.operations import by_kind, is_repeatable
from sync.payload import check, complete, read_json, to_body
from tests.property.test_payload_round_trip import (
    UNHURRIED,
    id_lists,
    instants,
    not_id_lists,
    not_instants,
    not_integers,
    not_texts,
    path_of,
    safe_ids,
    texts,
)

flags = st.booleans()
statuses = st.sampled_from([0, 1, 2])
not_flags = st.sampled_from([0, 1, "true", None, [], {}])
not_statuses = not_integers | st.sampled_from([-1, 3])
not_decisions = not_integers | st.sampled_from([0, 3])
too_long = st.sampled_from(["x" * 2501, "🔧" * 1251])

# Each field: what may stand there, and what may not.
TEXT = (texts(2500), not_texts | too_long)
INSTANT = (instants, not_instants)
ID = (safe_ids, not_integers)
IDS = (id_lists, not_id_lists)
STATUS = (statuses, not_statuses)
FLAG = (flags, not_flags)
FREE = (texts(4000), not_texts)
MAIL = (
    st.fixed_dictionaries({}, optional={"sendEmail": flags, "reason": texts(300)}),
    st.sampled_from([True, 0, "x", [], None]),
)
_PLAN = {"scheduledStart": INSTANT, "scheduledEnd": INSTANT, "creationStatus": STATUS}
_WORDS = {"description": TEXT, "assignedCompanyContactId": ID}
REQUIRED = {
    "curative": {**_PLAN, "anomalyIds": IDS},
    "preventive-update": {},
    "training-update": {},
    "verification": {"decisionComment": TEXT, "decision": (st.sampled_from([1, 2]), not_decisions)},
}
OPTIONAL = {
    "curative": {**_WORDS, "assignedUserId": ID},
    "preventive-update": {
        **_PLAN,
        **_WORDS,
        "siteRuleIds": IDS,
        "assignedProfileId": ID,
        "sendUpdateEmailToCurrentAssignee": FLAG,
        "previousAssigneeNotification": MAIL,
    },
    "training-update": {
        **_PLAN,
        **_WORDS,
        "ruleId": ID,
        "siteIds": IDS,
        "assignedUserId": ID,
        "validateIntervention": FLAG,
    },
    "verification": {"notificationId": FREE},
}
KINDS = list(REQUIRED)


def bodies(kind):
    return st.fixed_dictionaries(
        {name: good for name, (good, _) in REQUIRED[kind].items()},
        optional={name: good for name, (good, _) in OPTIONAL[kind].items()},
    )


def test_every_field_takes_part():
    for kind in KINDS:
        model = by_kind(kind).payload_model()
        assert {field.alias for field in model.model_fields.values()} == {*REQUIRED[kind], *OPTIONAL[kind]}


@pytest.mark.parametrize("kind", KINDS)
@UNHURRIED
@given(choice=st.data())
def test_valid_body_is_read_checked_and_sent_unchanged(kind, choice):
    body = choice.draw(bodies(kind))
    operation = by_kind(kind)
    data = read_json(json.dumps(body).encode())
    assert check(operation, data) == []
    payload, image = complete(operation, data)
    assert image is None
    assert data == body == json.loads(to_body(payload))


@pytest.mark.parametrize("kind", KINDS)
@UNHURRIED
@given(choice=st.data())
def test_one_wrong_value_is_reported_in_exactly_its_place(kind, choice):
    fields = REQUIRED[kind] | OPTIONAL[kind]
    name = choice.draw(st.sampled_from(sorted(fields)))
    body = choice.draw(bodies(kind)) | {name: choice.draw(fields[name][1])}
    assert {problem.path for problem in check(by_kind(kind), body)} == {path_of((name,))}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if REQUIRED[kind]])
@UNHURRIED
@given(choice=st.data())
def test_all_missing_fields_are_reported_at_once(kind, choice):
    gone = choice.draw(st.sets(st.sampled_from(sorted(REQUIRED[kind])), min_size=1))
    body = {name: value for name, value in choice.draw(bodies(kind)).items() if name not in gone}
    found = {(problem.path, problem.code) for problem in check(by_kind(kind), body)}
    assert found == {(path_of((name,)), "missing") for name in gone}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if by_kind(kind).needs_target])
@UNHURRIED
@given(choice=st.data())
def test_quiet_request_changes_the_same_and_may_be_repeated(kind, choice):
    body = choice.draw(bodies(kind))
    before = copy.deepcopy(body)
    operation = by_kind(kind)
    quiet = operation.quiet(body)
    assert body == before
    assert quiet.items() <= body.items()
    assert set(body) - set(quiet) <= {
        "sendUpdateEmailToCurrentAssignee",
        "previousAssigneeNotification",
        "notificationId",
    }
    assert operation.quiet(quiet) == quiet
    assert is_repeatable(kind, to_body(quiet).decode())
    assert is_repeatable(kind, to_body(body).decode()) is (quiet == body)


@UNHURRIED
@given(body=st.none() | st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_what_cannot_be_read_is_never_repeated(body):
    for kind in (*KINDS, "unplanned-preventive", "another"):
        assert not is_repeatable(kind, body)
