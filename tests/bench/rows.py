"""What a row of the table is, and which rows there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any


@dataclass(frozen=True, slots=True)
class Ask:
    """How a row is to be measured. `place` is an empty folder on the disk to measure; rows may fill it."""

    place: Path
    quick: bool = False  # the least that still goes through every step; the figures mean nothing
    long: bool = False  # with the variants that take minutes

    def of(self, full: int, quick: int) -> int:
        """How many times something is done."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: subject and baseline in `unit`, and their ratio.

    `spread` holds the quartiles of the ratio over the rounds. `limit` is the aim for the ratio; without one
    the line only informs. `met` None: nothing to judge, or not measured (`note` says why).
    """

    what: str
    subject: float | None = None
    baseline: float | None = None
    unit: str = "ms"
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    limit: float | None = None
    met: bool | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the design's table. `measure` gives its lines, the one that is meant first."""

    name: str
    what: str
    aim: str
    measure: Callable[[Ask], Iterable[Figure]]


def not_measured(what: str, why: str, *, limit: float | None = None) -> Figure:
    """A line without figures."""
    return Figure(what, limit=limit, note=f"not measured: {why}")


def all_rows() -> list[Row]:
    """Every row there is a module for, in the order of their names."""
    package = Path(__file__).parent
    names = sorted(module.name for module in iter_modules([str(package)]) if module.name[:2].startswith("t"))
    rows = (getattr(import_module(f"tests.bench.{name}"), "ROW", None) for name in names)
    return [row for row in rows if row is not None]
