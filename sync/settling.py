"""What a person says about one entry, carried out: it arrived, it did not, it goes unsigned, it is given up.

Rules are in `storage/settlements.py`; here ids are resolved, the worker is woken, and the answer is put into words
that programs read. What is harmless to repeat is said by the registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from storage import control, settlements
from storage.claims import Moment
from storage.database import Database, Transaction
from storage.guarded import to_ms
from storage.lifecycle import State
from storage.queries import Reader
from sync.clock import Clock
from sync.operations import is_repeatable
from sync.presigned_url import UrlRules, read_given_url
from sync.server_clock import clock_offset


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the entry. `may_exist`: the server has it or may have it, although it was given up here.

    `url_looks_over`: by what it says of itself and the server's clock, the URL that was given has ended.
    """

    id: str
    state: State
    choice: str
    may_exist: bool = False
    url_looks_over: bool = False

    def to_json(self) -> dict[str, Any]:
        """The shape of `settle --json` and `discard --json`."""
        warnings = ["record_may_exist"] if self.may_exist else []
        warnings += ["url_looks_over"] if self.url_looks_over else []
        return {
            "schema": 1,
            "id": self.id,
            "state": self.state.value,
            "choice": self.choice,
            "warnings": warnings,
        }


def settle_arrived(database: Database, suffix: str, server_id: int, clock: Clock) -> Settled:
    """The server has it under `server_id`.

    Raises: EntryNotFound, AmbiguousId, EntryHeld, IllegalTransition.
    """
    with database.write() as transaction:
        id, moment = _entry(transaction, suffix), _moment(clock)
        state = settlements.arrived(transaction, id, server_id, moment=moment, repeatable=is_repeatable)
        control.wake(transaction, now=moment.now)
    return Settled(id, state, "arrived")


def settle_not_arrived(database: Database, suffix: str, clock: Clock) -> Settled:
    """The server does not have it; it is sent again. Raises: as `settle_arrived`."""
    with database.write() as transaction:
        id, moment = _entry(transaction, suffix), _moment(clock)
        state = settlements.not_arrived(transaction, id, moment=moment, repeatable=is_repeatable)
        control.wake(transaction, now=moment.now)
    return Settled(id, state, "not_arrived")


def settle_unsigned(database: Database, suffix: str, clock: Clock) -> Settled:
    """It ends without its signature at the server. Raises: as `settle_arrived`."""
    with database.write() as transaction:
        id, moment = _entry(transaction, suffix), _moment(clock)
        state = settlements.unsigned(transaction, id, moment=moment, repeatable=is_repeatable)
        control.wake(transaction, now=moment.now)
    return Settled(id, state, "unsigned")


def settle_upload_url(database: Database, suffix: str, text: str, rules: UrlRules, clock: Clock) -> Settled:
    """Its signature goes to the URL in `text`, a secret that is quoted nowhere.

    Raises: as `settle_arrived`; UrlRefused, with every objection at once.
    """
    found = read_given_url(text, rules)
    with database.write() as transaction:
        id, moment = _entry(transaction, suffix), _moment(clock)
        state = settlements.upload_url(
            transaction,
            id,
            url=found.url.reveal(),
            expires_at=None if found.expires_at is None else to_ms(found.expires_at),
            moment=moment,
            repeatable=is_repeatable,
        )
        control.wake(transaction, now=moment.now)
        server_now = clock.server_now(clock_offset(transaction)) or clock.now()
    over = found.expires_at is not None and found.expires_at <= server_now
    return Settled(id, state, "upload_url", url_looks_over=over)


def discard(database: Database, suffix: str, why: str, clock: Clock) -> Settled:
    """It is given up, and kept. Raises: as `settle_arrived`."""
    with database.write() as transaction:
        id, moment = _entry(transaction, suffix), _moment(clock)
        may_exist = settlements.discard(transaction, id, why, moment=moment, repeatable=is_repeatable)
        control.wake(transaction, now=moment.now)
    return Settled(id, State.DISCARDED, "discarded", may_exist)


def _entry(transaction: Transaction, suffix: str) -> str:
    return Reader(transaction.cursor).resolve(suffix)


def _moment(clock: Clock) -> Moment:
    return Moment(clock.now_ms(), clock.monotonic_ms(), clock.boot())
