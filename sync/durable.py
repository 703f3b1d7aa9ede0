"""Write it down, whatever it takes: a busy or full disk is waited for, because what came back exists nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from storage.database import Database, Transaction
from storage.errors import StorageBusy, StorageFull
from storage.reserve import release_reserve

T = TypeVar("T")


def written(database: Database, write: Callable[[Transaction], T], *, within_s: float) -> T:
    """What `write` answers, once its transaction is durable. It may run several times; only the last one counts.

    On a full disk the drain gets the space that captures had to leave: it is what empties the queue.

    Raises:
        StorageProblem: it could not be written within `within_s`, or waiting would not help.
    """

    try:
        with database.write() as transaction:
            return write(transaction)
    except (StorageBusy, StorageFull) as problem:
        _make_room(database, problem)
    for attempt in Retrying(
        retry=retry_if_exception_type((StorageBusy, StorageFull)),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(within_s),
        before_sleep=lambda state: _make_room(
            database, state.outcome.exception() if state.outcome is not None else None
        ),
        reraise=True,
    ):
        with attempt, database.write() as transaction:
            result = write(transaction)
    return result


def _make_room(database: Database, problem: BaseException | None) -> None:
    if isinstance(problem, StorageFull):
        release_reserve(database.folder)
        database.save_room()
