"""Accept or reject an intervention as the client: PATCH /interventions/v2/rs/{interventionId}/verify.

Source: the page "Accept or reject intervention verification". A decision that comes twice is the same decision; the
notification that it marks as read may be another one by then.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sync.operations.operation import ANY_SUBJECT, Operation

if TYPE_CHECKING:
    from sync.operations.fields import Payload


@cache
def payload_model() -> "type[Payload]":
    """The request body. Fields stand in the order of the page's sample, and are sent in it."""
    from sync.operations import fields
    from sync.operations.fields import optional

    class Verification(fields.Payload):
        decision_comment: fields.LongText  # required for an acceptance as well; no least length is printed
        decision: fields.Decision
        notification_id: fields.Text = optional()

    return Verification


def quiet(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The same decision, which marks no notification."""
    return {name: value for name, value in payload.items() if name != "notificationId"}


OPERATION = Operation(
    kind="verification",
    summary="accept or reject an intervention as the client",
    method="PATCH",
    path="/interventions/v2/rs/{id}/verify",
    success_status=200,
    changes=ANY_SUBJECT,
    payload_model=payload_model,
    quiet=quiet,
    # What `status` says of a decision is printed nowhere.
    mirrored={"decisionComment": ("decisionComment",)},
)
