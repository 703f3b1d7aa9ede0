"""What does an exchange tell besides its outcome? Its name at the other side, and how far our clock is from theirs.

What the answer means is `outcome.py`.
"""

from __future__ import annotations

from sync.answer import http_date
from sync.exchange import Exchange, Reply
from sync.secret import redact


def request_id(exchange: Exchange | None) -> str | None:
    """The name under which the other side's support finds this exchange."""
    if not isinstance(exchange, Reply):
        return None
    for header in ("x-amzn-requestid", "x-amz-request-id", "x-request-id", "apigw-requestid"):
        if value := exchange.headers.get(header):
            return redact(value)[:120]
    return None


def clock_offset_s(exchange: Exchange | None) -> float | None:
    """Server time minus device time by the answer's Date header; None where it does not tell."""
    if not isinstance(exchange, Reply) or exchange.sent_at is None or exchange.received_at is None:
        return None
    server = http_date(exchange.headers.get("date", ""))
    # A year that no server is in would break every later sum of instants, and it would be stored.
    if server is None or not 2000 <= server.year < 2200:
        return None
    midpoint = exchange.sent_at + (exchange.received_at - exchange.sent_at) / 2
    # Date has whole seconds: on average it is half a second behind the moment it names.
    return (server - midpoint).total_seconds() + 0.5
