"""Walks the ways out of a spent address for one entry: the call for another one, and the PUT with own credentials.

Runs in a worker thread and touches no row. Which way is taken is decided in `ways_out.py`; what an answer means, in
`outcome_reissue.py` and `outcome_upload.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sync import outcome as o
from sync.exchange import Exchange
from sync.s3_location import NoPlace, Place, PlaceRules, place_of

if TYPE_CHECKING:
    from sync.transport import ApiRequest


class AmbientUnavailable(Exception):
    """The machine's own credentials cannot be used; the text says why and holds none of them."""


class AmbientPutter(Protocol):
    """The storage as it is spoken to with own credentials; `AmbientUploader` is the real one."""

    def put(self, place: Place, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange: ...
    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ReissueCall:
    """How the server is asked for another address. `path` holds `{id}`, the server id; `pointer` is RFC 6901."""

    path: str
    method: str = "POST"
    pointer: str = "/presignedUrl"

    def request(self, server_id: int) -> ApiRequest:
        from sync.transport import ApiRequest

        # No key: it may be repeated, and the key of the capture belongs to another call.
        body = b"" if self.method == "GET" else b"{}"
        return ApiRequest(self.method, self.path.replace("{id}", str(server_id)), body, "")


@dataclass(frozen=True, slots=True)
class Direct:
    """Where the image of one entry may go without its address: the spent one (a secret), and facts for the pattern."""

    url: str | None = field(repr=False)
    facts: Mapping[str, str]


def put_directly(
    putter: AmbientPutter,
    rules: PlaceRules,
    direct: Direct,
    data: bytes,
    *,
    name: str,
    mime_type: str,
    md5_hex: str,
) -> tuple[Exchange | None, o.Outcome]:
    """Put the image where its address pointed, signed with the machine's own credentials."""
    try:
        place = place_of(direct.url, {**direct.facts, "name": name}, rules)
    except NoPlace as problem:
        return None, o.WayClosed(reason="ambient_no_place", detail=str(problem), lasting=True)
    try:
        exchange = putter.put(place, data, mime_type=mime_type, md5_hex=md5_hex)
    except AmbientUnavailable as problem:
        return None, o.WayClosed(reason="ambient_unavailable", detail=str(problem))
    return exchange, o.classify_ambient(exchange, md5_hex=md5_hex)
