"""Every route of the local API against its own description: whatever is sent, what comes back is as described.

The application is asked in this process, behind its guard. The same seed sends the same requests.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from starlette.types import ASGIApp, Receive, Scope, Send

from storage import control, outbox
from storage.locks import FileLock
from sync.entrypoints.api.app import bare_app, description
from sync.entrypoints.api.desk import Desk
from sync.visitor import OPS
from tests.support.local_api import HOST, app_of, desk_in
from tests.support.scratch import new_entry

EXAMPLES = 25

# What a schema cannot say, the front door does: bodies that are well-formed and wrong are refused with 422.
_ACCEPTED = ["2xx", "401", "403", "404", "409", "422", "503"]
_REFUSED = ["400", "401", "403", "404", "409", "413", "415", "422"]
_CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 7,
        "generation": {"deterministic": True, "max-examples": EXAMPLES, "database": "none"},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": _ACCEPTED},
            "negative_data_rejection": {"expected-statuses": _REFUSED},
            # The guard refuses OPTIONS before it looks at a path, and names what it lets by at all.
            "allow_header_conformance": {"enabled": False},
        },
        # Whatever is sent as text is text, so it never breaks the schema.
        "operations": [
            {"include-operation-id": name, "checks": {"negative_data_rejection": {"enabled": False}}}
            for name in ("import_rows", "replace_reference_list")
        ],
    }
)
schemathesis.serializer.alias(["application/jsonl", "application/x-ndjson"], "text/plain")


class Late:
    """An application that is there before the outbox is that it serves: tests are collected from its description."""

    app: ASGIApp = bare_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


late = Late()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about the client that it asks with
    late.app.openapi = description  # type: ignore[attr-defined]
    # An event stream does not end by itself; it has its own tests.
    routes = schemathesis.openapi.from_asgi("/openapi.json", late, config=_CONFIG).exclude(
        operation_id="listen"
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk_in(tmp_path_factory.mktemp("schema")) as made:
        for number in range(5):
            outbox.put(made.database, new_entry(number))
        late.app = app_of(made)
        with FileLock(made.database.folder.worker_lock).hold():
            with made.database.write() as transaction:
                now = made.clock.now_ms()
                control.put(transaction, control.WORKER, {"beat_at": now}, now=now)
            yield made


@routes.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)
def test_answer_is_as_described_whatever_is_sent(case: schemathesis.Case, desk: Desk) -> None:
    headers = {"Host": HOST, "Authorization": f"Bearer {desk.access.token(OPS).reveal()}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the client that it asks with
        case.call_and_validate(headers=headers)
