"""The first page in plain values: the state at a glance and three lists. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sync.entrypoints.page.cards import Card
from sync.entrypoints.page.wording import Wording

SHOWN: Final = 20
SENT_SHOWN: Final = 10
# Of the one list that somebody wants to see whole.
MOST_SHOWN: Final = 500
COUNTED: Final = 1000
TO_SEND: Final = ("pending", "sending", "accepted", "in_doubt")
TO_FIX: Final = ("parked", "dead")
SENT: Final = ("done",)


@dataclass(frozen=True, slots=True)
class CardList:
    name: str
    cards: Sequence[Card]
    count: int

    @property
    def shown_count(self) -> str:
        return f"{COUNTED - 1}+" if self.count >= COUNTED else str(self.count)

    @property
    def more(self) -> int:
        """How many there are beyond those that are shown."""
        return max(0, self.count - len(self.cards)) if len(self.cards) < MOST_SHOWN else 0


@dataclass(frozen=True, slots=True)
class Home:
    """`tone` and `icon` are names for the style; the rest are words."""

    tone: str
    icon: str
    headline: str
    advice: str
    lists: Sequence[CardList]


def home_of(
    counts: Mapping[str, int],
    cards: Mapping[str, Sequence[Card]],
    *,
    online: bool | None,
    paused: bool,
    sign_in: bool,
    t: Wording,
) -> Home:
    """`counts` by state, `cards` by the name of their list. `online` None: nobody has tried yet."""
    to_send, to_fix, sent = (sum(counts[state] for state in states) for states in (TO_SEND, TO_FIX, SENT))
    kept = to_send + to_fix
    lists = [
        CardList("to_fix", cards["to_fix"], to_fix),
        CardList("to_send", cards["to_send"], to_send),
        CardList("sent", cards["sent"], sent),
    ]
    if not to_fix:
        # What asks for something stands first; with nothing to ask, what waits does.
        lists.insert(1, lists.pop(0))
    if kept:
        moving = online and to_send == kept and not paused and not sign_in
        summary = t.counted("state.sending" if moving else "state.kept", kept)
    else:
        summary = t("state.gone") if sent else t("state.nothing")
    return Home(
        tone="offline" if online is False else "wait" if kept else "done",
        icon={True: "online", False: "offline", None: "device"}[online],
        headline=_headline(online, summary, t),
        advice=t(_advice(to_send=to_send, to_fix=to_fix, online=online, paused=paused, sign_in=sign_in)),
        lists=lists,
    )


def _headline(online: bool | None, summary: str, t: Wording) -> str:
    """The connection and what is kept; where nobody has tried to connect yet, nothing is said about it."""
    if online is None:
        return summary[:1].upper() + summary[1:]
    return f"{t('state.online' if online else 'state.offline')} - {summary}"


def _advice(*, to_send: int, to_fix: int, online: bool | None, paused: bool, sign_in: bool) -> str:
    if sign_in:
        return "state.sign_in"
    if paused:
        return "state.paused"
    if not to_send:
        return "state.to_fix" if to_fix else "state.all_good"
    return "state.safe" if online is False else "state.safe_online"
