"""The request bodies that the API's pages show, one for each kind; the address of the sample is a harmless one here.

A capture of each takes it unchanged; the first with a JPEG of exactly the bytes that its `signature` tells.
"""

import copy
from typing import Any

UNPLANNED = "unplanned-preventive"
TARGET = 501  # where a path has {interventionId}

_BODIES: dict[str, dict[str, Any]] = {
    UNPLANNED: {
        "companyId": 1,
        "siteIds": [1, 2, 3],
        "ruleIds": [1, 2, 3],
        "signature": {"name": "example.jpg", "mimeType": "image/jpeg", "size": 1024},
        "provider": {
            "firstName": "Provider name",
            "lastName": "Provider name",
            "actionComment": "Action comment from the provider",
            "email": "provider@example.com",
            "comment": "General comment from the provider",
        },
        "actualStart": "2024-12-01T12:34:56.000Z",
    },
    "curative": {
        "scheduledStart": "2024-12-01T12:34:56.000Z",
        "scheduledEnd": "2024-12-05T14:56:23.000Z",
        "anomalyIds": [1],
        "creationStatus": 0,
        "description": "Description of the intervention",
        "assignedCompanyContactId": 1,
        "assignedUserId": 1,
    },
    "preventive-update": {
        "description": "Description of the intervention",
        "scheduledStart": "2024-12-01T12:34:56.000Z",
        "scheduledEnd": "2024-12-05T14:56:23.000Z",
        "siteRuleIds": [1, 2, 3],
        "creationStatus": 1,
        "assignedCompanyContactId": 1,
        "assignedProfileId": 1,
        "sendUpdateEmailToCurrentAssignee": False,
        "previousAssigneeNotification": {
            "sendEmail": True,
            "reason": "The intervention details have changed.",
        },
    },
    "training-update": {
        "description": "Description of the intervention",
        "scheduledStart": "2024-12-01T12:34:56.000Z",
        "scheduledEnd": "2024-12-05T14:56:23.000Z",
        "ruleId": 1,
        "siteIds": [1, 2, 3],
        "creationStatus": 1,
        "assignedCompanyContactId": 1,
        "assignedUserId": 1,
        "validateIntervention": True,
    },
    "verification": {
        "decisionComment": "Provider refused the intervention due to scheduling conflicts.",
        "decision": 2,
        "notificationId": "notification-12345",
    },
}
KINDS = tuple(_BODIES)
# Method, path and success status, as the pages print them.
CALLS = {
    UNPLANNED: ("POST", "/interventions/v2/mb/preventive/unplanned", 201),
    "curative": ("POST", "/interventions/v2/rs/curative", 201),
    "preventive-update": ("PATCH", "/interventions/v2/rs/preventive/{interventionId}", 200),
    "training-update": ("PATCH", "/interventions/v2/rs/training-exercise/{interventionId}", 200),
    "verification": ("PATCH", "/interventions/v2/rs/{interventionId}/verify", 200),
}


def sample(kind: str, **changes: Any) -> dict[str, Any]:
    """The body of this kind's page; `changes` replace."""
    return copy.deepcopy(_BODIES[kind]) | changes
