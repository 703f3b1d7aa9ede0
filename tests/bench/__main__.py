"""`python -m tests.bench [NAME...] [--json] [--quick] [--long] [--place FOLDER]`: measure rows and show them."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.rows import Ask, Figure, Row, all_rows, not_measured
from tests.bench.table import as_json, as_text


def main(arguments: Sequence[str] | None = None, known_rows: Sequence[Row] | None = None) -> int:
    """0: every row was measured, whether or not it meets its aim; 1: one could not be; 2: usage."""
    rows = {row.name.upper(): row for row in (all_rows() if known_rows is None else known_rows)}
    parser = argparse.ArgumentParser(prog="./dev bench", description="The numbers of the design, as ratios.")
    known = ", ".join(rows)
    parser.add_argument("names", nargs="*", metavar="NAME", type=str.upper, help=f"of {known}; default: all")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON document on stdout")
    parser.add_argument(
        "--quick", action="store_true", help="only show that it runs: the figures mean nothing"
    )
    parser.add_argument("--long", action="store_true", help="with the variants that take minutes")
    parser.add_argument(
        "--place", type=Path, help="a folder on the disk to measure; default: the temporary one"
    )
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in rows]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; known: {known}")
    measured = []
    failed = False
    for name in asked.names or rows:
        row = rows[name]
        print(f"{row.name}: {row.what} ...", file=sys.stderr, flush=True)  # noqa: T201  this is its screen
        with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.place) as place:
            figures, broke = _measured(row, Ask(Path(place), quick=asked.quick, long=asked.long))
        measured.append((row, figures))
        failed = failed or broke
    print(as_json(measured, quick=asked.quick) if asked.as_json else as_text(measured))  # noqa: T201
    return int(failed)


def _measured(row: Row, ask: Ask) -> tuple[list[Figure], bool]:
    """The lines of a row; one that breaks says so in the table and lets the others go on."""
    figures: list[Figure] = []
    try:
        for figure in row.measure(ask):
            # A quick run shows that everything works; its figures are not fit to be judged.
            figures.append(replace(figure, met=None) if ask.quick else figure)
    except Exception as error:  # noqa: BLE001  whatever it was, the other rows are still worth having
        return [*figures, not_measured(row.what, f"{type(error).__name__}: {error}")], True
    return figures, False


if __name__ == "__main__":
    sys.exit(main())
