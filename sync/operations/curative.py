"""Create a curative intervention for anomalies: POST /interventions/v2/rs/curative.

Source: the page "Create curative intervention with anomalies". Answers 201 with the new row. Nothing there makes a
second identical POST harmless, so it is not repeatable.
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

    class Curative(fields.Payload):
        scheduled_start: fields.Instant
        scheduled_end: fields.Instant
        anomaly_ids: fields.IdList
        creation_status: fields.CreationStatus
        description: fields.LongText = optional()
        assigned_company_contact_id: fields.SafeId = optional()
        assigned_user_id: fields.SafeId = optional()

    return Curative


def traits(payload: Mapping[str, Any]) -> "Traits | None":
    """Its two scheduled times and its description. Source: interventions-api.md 7.3; anomalies are not echoed.

    Others may plan for the same hours, and may change ours: a look-up takes it for found by its description alone.
    """
    from sync.matching import Traits, instant_ms

    times = {name: instant_ms(payload.get(name)) for name in ("scheduledStart", "scheduledEnd")}
    known = {name: at for name, at in times.items() if at is not None}
    if len(known) < len(times):
        return None
    return Traits(instants=known, description=payload.get("description"), planned=True)


OPERATION = Operation(
    kind="curative",
    summary="plan corrective work for anomalies that were found",
    method="POST",
    path="/interventions/v2/rs/curative",
    success_status=201,
    makes=Subject.CURATIVE,
    start_field="scheduledStart",
    payload_model=payload_model,
    traits=traits,
)
