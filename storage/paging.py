"""Long lists page by page, and what a search finds in them. Light, like `queries.py`.

An id or a number of the server is found by index. Any other text may stand anywhere in an entry: one page looks at a
bounded stretch of them for it, and says where the next one goes on.
"""

from __future__ import annotations

from typing import Any, Final

from storage.queries import Narrowed, Reader, escaped

LOOKED_AT: Final = 20_000  # entries, for one page
_PLACES: Final = ("owner", "kind", "payload")


def page(
    reader: Reader, narrowed: Narrowed, *, needs_action: bool = False, limit: int = 100
) -> tuple[list[dict[str, Any]], str | None]:
    """Entries in the shape of `list --json`, and the id that the next page comes after; None: there is no more.

    Where `search` is no id and no number that is known here, it is looked for in owners, kinds and bodies, letters
    without accents in either case. Such a page may hold few entries, or none, and have another behind it.
    """
    more, values, end = "", [], None
    if narrowed.search is not None and not reader.listed(narrowed._replace(after_id=None), limit=1):
        stretch = _stretch(reader, narrowed)
        if stretch is None:
            return [], None
        first, last, end = stretch
        more = f"e.seq BETWEEN ? AND ? AND ({' OR '.join(f'e.{place} LIKE ? ESCAPE ?' for place in _PLACES)})"
        values = [first, last, *[f"%{escaped(narrowed.search)}%", "\\"] * len(_PLACES)]
        narrowed = narrowed._replace(search=None)
    where, known = narrowed.where(needs_action=needs_action)
    if more:
        where = f"{where} AND {more}" if where else f"WHERE {more}"
    entries = reader.fitting(
        where, [*known, *values], narrowed.order, needs_action=needs_action, limit=limit + 1
    )
    if len(entries) > limit:
        return entries[:limit], entries[limit - 1]["id"]
    return entries, end


def _stretch(reader: Reader, narrowed: Narrowed) -> tuple[int, int, str | None] | None:
    """First and last number to look at, and the id that the rest comes after; None where nothing is left."""
    back = narrowed.newest_first
    where, values = Narrowed(after_id=narrowed.after_id, newest_first=back).where()
    sql = f"SELECT seq FROM entry e {where} ORDER BY e.seq {narrowed.order} LIMIT 1"  # noqa: S608  ours
    begin = next(reader.each(sql, values), None)
    if begin is None:
        return None
    first, last = (begin[0] - LOOKED_AT + 1, begin[0]) if back else (begin[0], begin[0] + LOOKED_AT - 1)
    if back:
        beyond, edge = "SELECT 1 FROM entry WHERE seq < ? LIMIT 1", first
        within = "SELECT id FROM entry WHERE seq >= ? ORDER BY seq LIMIT 1"
    else:
        beyond, edge = "SELECT 1 FROM entry WHERE seq > ? LIMIT 1", last
        within = "SELECT id FROM entry WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
    if next(reader.each(beyond, (edge,)), None) is None:
        return first, last, None
    return first, last, next(reader.each(within, (edge,)))[0]
