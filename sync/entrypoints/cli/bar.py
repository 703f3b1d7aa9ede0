"""Progress bars on a terminal: of a drain, and of a file that is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)


@contextmanager
def bar() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Shows how many of the entries that wait are delivered; what it is given is the report of the pass so far."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("delivering", total=None)

        def show(report: dict[str, Any]) -> None:
            delivered, waiting = report["delivered"], report["waiting"]
            progress.update(task, completed=delivered, total=delivered + waiting)

        yield show


@contextmanager
def reading(size_bytes: int) -> Iterator[Callable[[int, int], None]]:
    """Shows how much of a file is read; what it is given is the bytes so far, and the rows in them."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=size_bytes)

        def show(bytes_read: int, rows: int) -> None:
            progress.update(task, completed=bytes_read, description=f"{rows} rows")

        yield show
