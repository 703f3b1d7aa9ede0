"""Reads the parts of an answer that somebody else wrote: JSON, Retry-After, an excerpt for people.

Everything here expects the worst of its input and never raises. It finds facts; what they mean is
said in `sync/outcome.py`.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sync.exchange import Reply
from sync.secret import redact

EXCERPT_BYTES = 1024
_REDACTED_BYTES = 64 * 1024
MAX_RETRY_AFTER_S = 3600.0
# Source: interventions-api.md section 3, "Int". A larger number is no id that this API gave out.
MAX_INT = 9_007_199_254_740_991
_MAX_DEPTH = 64
_MAX_DELAY_DIGITS = 9

# Assumed: the pages list no error body. These are the words of API Gateway, its authorizers and the usual
# token libraries; "Forbidden" alone is not among them, because a business rule may say that too.
_AUTH_WORDS = re.compile(
    r"token\b|\bjwt\b|authenticat|\bunauthori[sz]ed\b|\bnot authorized to access this resource\b"
    r"|\bsession (is |has |was )?(expired|invalid|revoked|closed|not found)\b|\b(sign|log)[ -]?in\b",
    re.IGNORECASE,
)
# API Gateway names the type of its own refusals in this header; a handler behind it does not.
_SIGNED_QUERY = re.compile(r"[?&](?:X-Amz-Signature|Signature)=", re.IGNORECASE)
_AUTH_TYPES = re.compile(r"token|authentication|unrecognizedclient|signature|unauthorized|accessdenied", re.I)


def read_object(reply: Reply) -> dict[str, object] | None:
    """The body as a JSON object, or None. NaN and the infinities, which are no JSON, become null."""
    try:
        value = json.loads(reply.body, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def storable(value: object) -> bool:
    """Whether it can be kept as it is: no lone surrogate (no database takes one), no endless nesting."""
    # A loop and not a recursion: how deep it goes is for the sender to choose.
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            return False
        if isinstance(item, str) and not item.isascii():
            try:
                item.encode()
            except UnicodeEncodeError:
                return False
        elif isinstance(item, dict):
            waiting += ((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            waiting += ((part, depth + 1) for part in item)
    return True


def server_id(answer: Mapping[str, object]) -> int | None:
    """`data.id` where it is an integer of the API's range; true and 1.0 are none."""
    data = answer.get("data")
    found = data.get("id") if isinstance(data, dict) else None
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if -MAX_INT <= found <= MAX_INT else None


def take_presigned_url(answer: dict[str, object]) -> str | None:
    """Removes `presignedUrl` from the answer and gives it back; None where it is absent or blank.

    Removed because the answer is kept as a receipt, while the URL is a secret that is erased once used.

    Assumed: inside `data` as well, where the sibling call documents v2 puts it.
    """
    data = answer.get("data")
    found = [part.get("presignedUrl") for part in (answer, data) if isinstance(part, dict)]
    strip_secrets(answer)
    return next(
        (url.strip() for url in found if isinstance(url, str) and url.strip() and storable(url)), None
    )


def strip_secrets(value: object) -> None:
    """Take every presigned URL out of an answer that is kept, wherever the server put it and however it calls it."""
    # A loop and not a recursion: how deep it goes is for the sender to choose.
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name in [name for name, inner in part.items() if name == "presignedUrl" or _is_signed(inner)]:
                del part[name]
            waiting += part.values()
        elif isinstance(part, list):
            part[:] = [inner for inner in part if not _is_signed(inner)]
            waiting += part


def _is_signed(value: object) -> bool:
    return isinstance(value, str) and _SIGNED_QUERY.search(value) is not None


def is_page(reply: Reply) -> bool:
    """Whether this is a page for people (or other markup) where a machine's answer was due."""
    start = reply.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return start == b"<" or "html" in reply.headers.get("content-type", "").lower()


def is_html(reply: Reply) -> bool:
    """As `is_page`, but S3's own XML is none."""
    start = reply.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower()
    return (
        start.startswith((b"<html", b"<!doctype html"))
        or "html" in reply.headers.get("content-type", "").lower()
    )


def speaks_of_sign_in(reply: Reply) -> bool:
    """Whether a refusal is about who is asking: by its type header, else by the message in its JSON."""
    if _AUTH_TYPES.search(reply.headers.get("x-amzn-errortype", "")):
        return True
    answer = read_object(reply) if reply.body_complete else None
    if answer is None:
        return False
    inner = answer.get("error")
    said = [*answer.values(), *(inner.values() if isinstance(inner, dict) else ())]
    return any(isinstance(text, str) and _AUTH_WORDS.search(text[:EXCERPT_BYTES]) for text in said)


def retry_after_s(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """How long the server asks us to wait, in seconds from 0 to 3600; None where it does not say.

    A date is held against the answer's own Date, so that a wrong device clock does no harm, else against
    `now` (aware UTC).
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return MAX_RETRY_AFTER_S if len(value) > _MAX_DELAY_DIGITS else min(float(value), MAX_RETRY_AFTER_S)
    until = http_date(value)
    since = http_date(headers.get("date", "")) or now
    if until is None or since is None:
        return None
    return min(max((until - since).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def http_date(value: str) -> datetime | None:
    """An HTTP date as aware UTC, or None."""
    try:
        found = parsedate_to_datetime(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def excerpt(text: str | bytes) -> str:
    """At most 1 kB of what was answered, redacted, on one line, safe to print on a terminal."""
    # Redacted before it is cut: a secret that straddles the cut would lose what it is recognised by.
    if isinstance(text, bytes):
        text = text[:_REDACTED_BYTES].decode(errors="replace")
    calm = redact(text[:_REDACTED_BYTES].encode(errors="replace").decode())
    printable = "".join(letter if letter.isprintable() else " " for letter in calm)
    return " ".join(printable.split()).encode()[:EXCERPT_BYTES].decode(errors="ignore")
