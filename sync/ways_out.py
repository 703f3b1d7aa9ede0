"""Where to turn when the address for a signature is spent, lost or refused: which way next, or hold it for a person.

Pure. The order is fixed: ask the server for another address, then put the image with the machine's own credentials,
then a person. The intervention is never sent again for this: that would make a second one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from storage.lifecycle import Event
from sync import outcome as o
from sync.policy import HostNews, Setback, Verdict

URL_LOST: Final = "signature_url_lost"
# So many addresses are asked for anew before the next way gets its turn: a signer that keeps giving bad ones is no way.
MAX_REISSUES: Final = 3
# Where the machine's own credentials may speak for the address: it has no signature, is over, was made for another
# method (S3 has one word for that and for a changed address), or is missing. A refusal of who signed is a decision.
_OPEN_TO_AMBIENT: Final = frozenset(
    {"upload_url_unsigned", "upload_expired", "upload_signature_mismatch", URL_LOST}
)
# No other address makes the image smaller.
_NO_WAY: Final = frozenset({"upload_too_large"})


class Way(StrEnum):
    """What is tried instead of the address at hand."""

    REISSUE = "reissue"  # ask the server for another address
    AMBIENT = "ambient"  # put the image with the machine's own credentials


@dataclass(frozen=True, slots=True)
class Ways:
    """Which ways the settings open. `pattern`: a place can be told without any address."""

    reissue: bool = False
    ambient: bool = False
    pattern: bool = False


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why the address cannot be used, the way that was being tried, and how many addresses were asked for anew."""

    trouble: str
    tried: Way | None = None
    reissues: int = 0


NO_WAYS: Final = Ways()
NOT_STUCK: Final = Stuck("")


@dataclass(frozen=True, slots=True)
class Turn:
    """The way to take from here, and why the address itself is no longer one."""

    way: Way
    trouble: str


def next_way(stuck: Stuck, ways: Ways) -> Way | None:
    """The way to try next; None: a person is needed."""
    if stuck.trouble in _NO_WAY or stuck.tried is Way.AMBIENT:
        return None
    if ways.reissue and stuck.tried is None and stuck.reissues < MAX_REISSUES:
        return Way.REISSUE
    missing = stuck.trouble == URL_LOST
    if ways.ambient and stuck.trouble in _OPEN_TO_AMBIENT and (ways.pattern or not missing):
        return Way.AMBIENT
    return None


def news_of_turn(way: Way) -> HostNews:
    """What it says of the upload host that an address is of no use.

    Own credentials go at once, and how they fare tells. Another address may take its time or never come: until one
    has proved itself, a server whose every address is useless must not get the whole queue.
    """
    return HostNews.NONE if way is Way.AMBIENT else HostNews.TROUBLED


def turn(outcome: Setback, verdict: Verdict, stuck: Stuck, ways: Ways) -> tuple[Verdict, Turn | None]:
    """What follows for an entry whose upload, or way out, would be held for a person now.

    `stuck.trouble` is what was known of the address before; a refusal that has just come in says more. Without
    another way the entry is held for the reason that the address failed, not for how the way out did.
    """
    if verdict.event is not Event.PARK:
        return verdict, None
    match outcome:
        case o.UrlSpent() | o.UploadRefused():
            stuck = replace(stuck, trouble=outcome.reason)
        case o.WayClosed():
            pass
        case _:
            return verdict, None  # not about the address: a damaged image, too many tries
    way = next_way(stuck, ways)
    if way is None:
        return replace(verdict, reason=stuck.trouble), None
    host = news_of_turn(way) if isinstance(outcome, o.UrlSpent | o.UploadRefused) else verdict.host
    return replace(verdict, event=Event.RETRY, reason=outcome.reason, host=host), Turn(way, stuck.trouble)
