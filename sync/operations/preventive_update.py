"""Change a scheduled preventive intervention: PATCH /interventions/v2/rs/preventive/{interventionId}.

Source: the page "Update preventive intervention scheduled". The body sets fields, so a repeat ends in the same state;
but its two mails would go out a second time.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sync.operations.operation import Operation, Subject

if TYPE_CHECKING:
    from sync.operations.fields import Payload


@cache
def payload_model() -> "type[Payload]":
    """The request body. Fields stand in the order of the page's sample, and are sent in it."""
    from sync.operations import fields
    from sync.operations.fields import optional

    class PreviousAssignee(fields.Payload):
        """Assumed: the page prints no sub-schema. The keys are its sample's, neither required nor limited."""

        send_email: fields.Flag = optional()
        reason: fields.Text = optional()

    class PreventiveUpdate(fields.Payload):
        description: fields.LongText = optional()
        scheduled_start: fields.Instant = optional()
        scheduled_end: fields.Instant = optional()
        site_rule_ids: fields.IdList = optional()
        creation_status: fields.CreationStatus = optional()
        assigned_company_contact_id: fields.SafeId = optional()
        assigned_profile_id: fields.SafeId = optional()
        send_update_email_to_current_assignee: fields.Flag = optional()
        previous_assignee_notification: PreviousAssignee = optional()

    return PreventiveUpdate


def quiet(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The same change without its mails."""
    rest = dict(payload)
    if rest.get("sendUpdateEmailToCurrentAssignee"):
        del rest["sendUpdateEmailToCurrentAssignee"]
    notification = rest.get("previousAssigneeNotification")
    if isinstance(notification, Mapping) and notification.get("sendEmail"):
        del rest["previousAssigneeNotification"]
    return rest


OPERATION = Operation(
    kind="preventive-update",
    summary="change scheduled preventive work",
    method="PATCH",
    path="/interventions/v2/rs/preventive/{id}",
    success_status=200,
    changes=frozenset({Subject.PREVENTIVE}),
    payload_model=payload_model,
    quiet=quiet,
    # The site rules are not shown again by any read.
    mirrored={
        "description": ("description",),
        "scheduledStart": ("scheduledStart",),
        "scheduledEnd": ("scheduledEnd",),
        "creationStatus": ("creationStatus",),
        "assignedCompanyContactId": ("assignedCompanyContactId",),
        "assignedProfileId": ("assignedProfileId", "assignedUserId"),
    },
)
