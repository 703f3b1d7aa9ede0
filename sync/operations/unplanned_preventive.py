"""Create an unplanned preventive intervention: POST /interventions/v2/mb/preventive/unplanned.

Source: the page "Create unplanned preventive intervention". Answers 201 with the new row and the URL that the
signature image goes to. Nothing there makes a second identical POST harmless, so it is not repeatable.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sync.operations.operation import Operation, Subject

if TYPE_CHECKING:
    from sync.matching import Traits
    from sync.operations.fields import Payload


@cache
def payload_model() -> "type[Payload]":
    """The request body. Fields stand in the order of the page's sample, and are sent in it."""
    from sync.operations import fields
    from sync.operations.fields import optional

    class Provider(fields.Payload):
        """Who did the work, and for whom.

        Assumed: the page prints no sub-schema. The keys are its sample's, none of them required; the limits
        are those of the sibling call mb/execute, which also sets no rule for the form of an email.
        """

        first_name: fields.ShortText = optional()
        last_name: fields.ShortText = optional()
        action_comment: fields.LongText = optional()
        email: fields.ShortText = optional()
        comment: fields.LongText = optional()

    class UnplannedPreventive(fields.Payload):
        company_id: fields.SafeId
        site_ids: fields.IdList
        rule_ids: fields.IdList
        # Required by the API; optional here, because the image says it better than a person does.
        signature: fields.SignatureFile = optional()
        provider: Provider
        actual_start: fields.Instant = optional()

    return UnplannedPreventive


def traits(payload: Mapping[str, Any]) -> "Traits | None":
    """When it started, who did it, for which rules. Source: interventions-api.md 7.3; the list echoes no sites."""
    from sync.matching import Traits, instant_ms

    started = instant_ms(payload.get("actualStart"))
    if started is None:
        return None
    provider = payload.get("provider") or {}
    names = (provider.get("firstName"), provider.get("lastName"))
    return Traits(
        instants={"actualStart": started},
        provider=" ".join(name for name in names if name) or None,
        rule_ids=frozenset(payload.get("ruleIds") or ()),
    )


OPERATION = Operation(
    kind="unplanned-preventive",
    summary="record preventive work that was not scheduled, with the customer's signature",
    method="POST",
    path="/interventions/v2/mb/preventive/unplanned",
    success_status=201,
    makes=Subject.PREVENTIVE,
    has_signature=True,
    start_field="actualStart",
    start_is_ours=True,
    payload_model=payload_model,
    traits=traits,
    listed={"companyId": "company", "siteIds": "site", "ruleIds": "rule"},
)
