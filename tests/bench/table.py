"""How the figures are shown: an aligned table for people, one JSON document for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from typing import Final

from sqlcipher3 import dbapi2

from tests.bench.rows import Figure, Row

HEAD: Final = ("row", "what", "subject", "baseline", "ratio", "aim", "")
_RIGHT = {2, 3, 4, 5}

Measured = tuple[Row, list[Figure]]


def as_text(measured: Iterable[Measured]) -> str:
    """The table; notes stand below it, one line each."""
    lines: list[tuple[str, ...]] = [HEAD]
    notes = []
    for row, figures in measured:
        for number, figure in enumerate(figures):
            name = row.name if number == 0 else ""
            lines.append((name, *_cells(figure)))
            if figure.note:
                notes.append(f"{row.name} {figure.what}: {figure.note}")
    return "\n".join([*_aligned(lines), "", *notes]).rstrip()


def _cells(figure: Figure) -> tuple[str, ...]:
    unjudged = "" if figure.limit is None else "not judged" if figure.ratio is not None else "not measured"
    verdict = {True: "met", False: "NOT MET", None: unjudged}
    return (
        figure.what,
        _amount(figure.subject, figure.unit),
        _amount(figure.baseline, figure.unit),
        _ratio(figure),
        "" if figure.limit is None else f"<= {figure.limit:g}x",
        verdict[figure.met],
    )


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    digits = 3 if abs(value) < 10 else 1
    return f"{value:.{digits}f} {unit}" if value != int(value) or unit == "ms" else f"{int(value)} {unit}"


def _ratio(figure: Figure) -> str:
    if figure.ratio is None:
        return "-"
    spread = "" if figure.spread is None else f" ({figure.spread[0]:.2f}-{figure.spread[1]:.2f})"
    return f"{figure.ratio:.2f}x{spread}"


def _aligned(lines: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return [
        "  ".join(
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def as_json(measured: Iterable[Measured], *, quick: bool) -> str:
    """One document; a ratio's `spread` holds its quartiles."""
    rows = [
        {
            "row": row.name,
            "what": row.what,
            "aim": row.aim,
            "figures": [figure.to_json() for figure in figures],
        }
        for row, figures in measured
    ]
    machine = {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "sqlite": dbapi2.sqlite_version,
    }
    return json.dumps({"schema": 1, "quick": quick, "machine": machine, "rows": rows})
