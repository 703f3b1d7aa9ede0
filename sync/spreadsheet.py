"""One line of a table that people open in a spreadsheet, where a cell that looks like a formula would be run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def line(cells: Iterable[str]) -> bytes:
    """The cells as one line of CSV in UTF-8; an apostrophe goes before what would be run."""
    text = io.StringIO()
    csv.writer(text).writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
    return text.getvalue().encode("utf-8", "backslashreplace")
