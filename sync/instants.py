"""The API's one way to write a moment: a calendar date and a time in UTC, with a final Z.

Source: the pattern printed for `actualStart` (unplanned) and the other date fields. Seconds and fraction
may be left out, an offset may not be written, 29 February is for leap years.
"""

import re
from datetime import UTC, datetime

# As printed, without ^ and $: Python's $ also matches before a last newline, so fullmatch does the anchoring,
# and ASCII keeps \d from matching the digits of other scripts.
_INSTANT = re.compile(
    r"(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29"
    r"|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|(?:02)-(?:0[1-9]|1\d|2[0-8])))"
    r"T(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z))",
    re.ASCII,
)


def is_instant(text: str) -> bool:
    """Whether the API's own pattern takes `text`."""
    return _INSTANT.fullmatch(text) is not None


def instant_text(at: datetime) -> str:
    """`at` (aware) as the API's samples write it, cut to the millisecond: 2024-12-01T12:34:56.000Z."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_millisecond(text: str) -> str:
    """One spelling for all instants of the same millisecond, for comparing what was given with what was used.

    `text` must satisfy `is_instant`. Text all the way: the pattern has a year 0000, `datetime` has not.
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if whole.count(":") == 1:
        whole += ":00"
    return f"{whole}.{fraction[:3]:0<3}Z"
