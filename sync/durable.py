"""Write it down, whatever it takes: a busy or full disk is waited for, because what came back exists nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
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

    def make_room(state: RetryCallState) -> None:
        if state.outcome is not None and isinstance(state.outcome.exception(), StorageFull):
            release_reserve(database.folder)

    for attempt in Retrying(
        retry=retry_if_exception_type((StorageBusy, StorageFull)),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(within_s),
        before_sleep=make_room,
        reraise=True,
    ):
        with attempt, database.write() as transaction:
            result = write(transaction)
    return result
