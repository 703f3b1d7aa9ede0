"""The event stream: every change of a state as it happens, and where everything stands."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sync.entrypoints.api.feed import MOST_LISTENERS, Feed
from sync.entrypoints.api.listening import Listener
from sync.entrypoints.api.visiting import may
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.visitor import Scope as Needed
from sync.visitor import Visitor

router = APIRouter(tags=["events"])

_EXAMPLE: Final = (
    'id: 5f1c9a02-41\nevent: entry\ndata: {"seq":41,"id":"0f8fad5b-d9cb-469f-a165-70867728950e",'
    '"kind":"unplanned-preventive","owner":null,"state":"done","reason":null,"at":"2026-03-02T12:00:00.000Z"}\n\n'
)
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events: `entry`, `status` and `reset`, and a comment every 15 seconds",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


class EventStream(StreamingResponse):
    """Is heard by the feed for exactly as long as it is sent, however that ends.

    Not FastAPI's own kind: that writes every event anew for everybody.
    """

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, listener: Listener) -> None:
        super().__init__(listener.chunks(), headers={"Cache-Control": "no-store"})
        self._feed, self._listener = feed, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._feed.heard(self._listener.wake):
            await super().__call__(scope, receive, send)


@router.get("/events", status_code=200, response_class=EventStream, responses=_RESPONSES)
async def listen(
    request: Request,
    visitor: Annotated[Visitor, Depends(may(Needed.READ))],
    last_event_id: Annotated[str | None, Header(description="go on after this event")] = None,
    resume_after: Annotated[
        str | None, Query(alias="last_event_id", description="the same, where a header cannot be set")
    ] = None,
) -> EventStream:
    """Every change of a state from now on, or from the last id on, as server-sent events; the visitor's own only.

    Ends after ten minutes: whoever comes back with the last id misses nothing.
    """
    feed: Feed = request.app.state.feed
    if feed.stopped.is_set() or feed.listeners >= MOST_LISTENERS:
        message = "the program is stopping" if feed.stopped.is_set() else "too many listen already"
        raise Failed(Exit.TEMPORARY, "busy", message, next_command="GET /v1/events", retryable=True)
    return EventStream(feed, Listener(feed, visitor, last_event_id or resume_after))
