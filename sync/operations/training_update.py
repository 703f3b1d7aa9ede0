"""Change a scheduled training session: PATCH /interventions/v2/rs/training-exercise/{interventionId}.

Source: the page "Update training session intervention scheduled". The body sets fields and sends no mail, so a repeat
does no harm.
"""

from functools import cache
from typing import TYPE_CHECKING

from sync.operations.operation import Operation, Subject

if TYPE_CHECKING:
    from sync.operations.fields import Payload


@cache
def payload_model() -> "type[Payload]":
    """The request body. Fields stand in the order of the page's sample, and are sent in it."""
    from sync.operations import fields
    from sync.operations.fields import optional

    class TrainingUpdate(fields.Payload):
        description: fields.LongText = optional()
        scheduled_start: fields.Instant = optional()
        scheduled_end: fields.Instant = optional()
        rule_id: fields.SafeId = optional()
        site_ids: fields.IdList = optional()
        creation_status: fields.CreationStatus = optional()
        assigned_company_contact_id: fields.SafeId = optional()
        assigned_user_id: fields.SafeId = optional()
        validate_intervention: fields.Flag = optional()

    return TrainingUpdate


OPERATION = Operation(
    kind="training-update",
    summary="change a scheduled training session",
    method="PATCH",
    path="/interventions/v2/rs/training-exercise/{id}",
    success_status=200,
    changes=frozenset({Subject.TRAINING}),
    payload_model=payload_model,
    # Sites and the validation are not shown again by any read; the one rule is an object there.
    mirrored={
        "description": ("description",),
        "scheduledStart": ("scheduledStart",),
        "scheduledEnd": ("scheduledEnd",),
        "creationStatus": ("creationStatus",),
        "assignedCompanyContactId": ("assignedCompanyContactId",),
        "assignedUserId": ("assignedUserId", "assignedProfileId"),
        "ruleId": ("rule.id",),
    },
    listed={"ruleId": "rule", "siteIds": "site"},
)
