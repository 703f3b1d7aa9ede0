"""Is every page, row, digest and count of the outbox what it should be? Reads only, safe beside anything that runs.

SQLite checks its own structure; the digests of `digests.py` check what the rows say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from sqlcipher3 import dbapi2

from storage import damage, digests, driver, guard, witness
from storage.errors import DatabaseNewer, DatabaseUnusable
from storage.folder import StorageFolder
from storage.lifecycle import NEEDS_ACTION, STAGES, State

# Control key: ids of entries that are damaged for good, as a recovery told.
KEPT_DAMAGED: Final = "kept_damaged"
# SQLite stops by itself at this many; a person needs the first few.
_MOST_PAGES: Final = 100
_ROWS: Final = """
    SELECT e.seq, e.id, e.kind, e.state, e.stage, e.creates, e.has_signature, e.server_id, e.payload, e.payload_sha256,
           e.request_path, e.request_body, e.request_digest, s.entry_seq
    FROM entry e LEFT JOIN signature s ON s.entry_seq = e.seq ORDER BY e.seq
"""
_IMAGES: Final = """
    SELECT e.id, s.entry_seq, s.size, s.sha256, s.md5, s.data FROM signature s
    LEFT JOIN entry e ON e.seq = s.entry_seq ORDER BY s.entry_seq
"""
_COUNTS: Final = """
    SELECT state, reason, sum(kept), sum(found) FROM (
        SELECT state, reason, n AS kept, 0 AS found FROM counter
        UNION ALL
        SELECT state, coalesce(reason, ''), 0, count(*) FROM entry GROUP BY 1, 2
    ) GROUP BY 1, 2 HAVING sum(kept) <> sum(found)
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be. `id` is the entry it is about, where it is about one."""

    code: str
    what: str
    table: str | None = None
    id: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "table": self.table, "id": self.id, "what": self.what}


@dataclass(slots=True)
class Findings:
    """All that was found. `checked`: how many rows of each table were read to their end.

    `known`: what an earlier recovery found damaged for good and kept as it is; it is told, and is no news.
    """

    problems: list[Problem] = field(default_factory=list)
    known: list[Problem] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    version: int = 0

    @property
    def sound(self) -> bool:
        return not self.problems

    @property
    def pages_sound(self) -> bool:
        """Whether nothing but single rows is wrong: then what the other rows say can be believed."""
        return not any(problem.code in OF_THE_FILE for problem in self.problems)


OF_THE_FILE: Final = frozenset(
    {
        "database_damaged",
        "database_missing",
        "database_outdated",
        "database_unusable",
        "identity_lost",
        "page_damaged",
    }
)


def check(folder: StorageFolder, *, methods: Mapping[str, str], full: bool) -> Findings | None:
    """Everything that is wrong with the outbox in `folder`; None where none was ever made.

    `methods` names the HTTP method of each kind, for the digest of a request. `full` also compares every index
    with its table, which takes about twice as long.

    Raises:
        DatabaseNewer: this program knows nothing of what should be in it.
        StorageProblem: it cannot be looked at for a reason that is no damage, such as a lock.
    """
    findings = Findings()
    if (what := damage.remembered(folder)) is not None:
        findings.problems.append(Problem("damage_remembered", f"it was found damaged before: {what}"))
    try:
        connection = _open(folder, findings)
    except DatabaseNewer:
        raise
    except DatabaseUnusable as problem:
        findings.problems.append(Problem(problem.code, str(problem)))
        return findings
    if connection is None:
        return findings if findings.problems else None
    try:
        parts = [_pages(connection, full)]
        if findings.version == guard.SCHEMA_VERSION:
            parts += [
                _rows(connection, findings, methods),
                _images(connection, findings),
                _foreign_keys(connection),
                _counts(connection),
            ]
        for part in parts:
            _gather(part, findings, folder)
        kept = _kept(connection)
        findings.known = [problem for problem in findings.problems if problem.id in kept]
        findings.problems = [problem for problem in findings.problems if problem.id not in kept]
    finally:
        connection.close()
    return findings


def _open(folder: StorageFolder, findings: Findings) -> Any | None:
    """A connection in one consistent view. Age and identity are findings here, not refusals."""
    seen = witness.seen(folder)
    if not guard.is_present(folder):
        return None
    connection = None
    try:
        connection = driver.connect_for_reading(folder.database)
        connection.execute("BEGIN")
        version, found = guard.read_version_and_id(connection)
        guard.check_version(version, folder)
        guard.check_not_emptied(version, folder)
        findings.version = version
        known = witness.known(connection) if version == guard.SCHEMA_VERSION else seen
        if found is None and folder.marked_id() is not None:
            findings.problems.append(
                Problem("identity_lost", "the database does not say any more which one it is")
            )
            found = folder.marked_id()
        checks = {
            "schema_older": partial(guard.check_not_older, version),
            "database_unusable": partial(guard.check_identity, found),
            "database_outdated": partial(guard.check_current, known, seen),
        }
        for code, looked in checks.items():
            try:
                looked(folder)
            except DatabaseUnusable as problem:
                findings.problems.append(Problem(code, str(problem)))
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, dbapi2.Error):
            raise driver.storage_problem(error, folder.database) or driver.damaged(
                folder.database, str(error)
            ) from error
        raise
    return connection


def _kept(cursor: Any) -> frozenset[str]:
    """The entries that a recovery stored although they are damaged."""
    try:
        row = cursor.execute("SELECT value FROM control WHERE key = ?", (KEPT_DAMAGED,)).fetchone()
        return frozenset(json.loads(row[0])) if row is not None else frozenset()
    except (dbapi2.Error, ValueError, TypeError):
        return frozenset()


def _gather(part: Iterator[Problem], findings: Findings, folder: StorageFolder) -> None:
    """Each part finds what it can: a page that cannot be read ends one, not the others."""
    try:
        findings.problems.extend(part)
    except dbapi2.Error as error:
        problem = driver.storage_problem(error, folder.database)
        if (
            problem is not None
            and not isinstance(problem, DatabaseUnusable)
            and not driver.is_read_error(error)
        ):
            raise problem from error
        findings.problems.append(Problem("page_damaged", f"reading stopped: {error}"))


def page_damage(cursor: Any, *, full: bool = False) -> list[str]:
    """What SQLite finds wrong with its own structure, in its words; empty where all is well."""
    check = "integrity_check" if full else "quick_check"
    try:
        lines = [str(row[0]) for row in cursor.execute(f"PRAGMA {check}({_MOST_PAGES})").fetchall()]
    except dbapi2.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (dbapi2.SQLITE_CORRUPT, dbapi2.SQLITE_NOTADB):
            return [str(error)]
        raise
    if lines == ["ok"]:
        return []
    return [line for each in lines for line in each.splitlines() if line and not line.startswith("***")]


def _pages(cursor: Any, full: bool) -> Iterator[Problem]:
    for line in page_damage(cursor, full=full):
        yield Problem("page_damaged", line)


def _rows(cursor: Any, findings: Findings, methods: Mapping[str, str]) -> Iterator[Problem]:
    findings.checked["entry"] = 0
    for row in cursor.execute(_ROWS):
        (
            seq,
            id,
            kind,
            state,
            stage,
            creates,
            has_signature,
            server_id,
            payload,
            payload_sha256,
            *sent,
            image,
        ) = row
        findings.checked["entry"] += 1

        def wrong(code: str, what: str, id: str = id) -> Problem:
            return Problem(code, what, "entry", id)

        if not isinstance(payload, str) or digests.text_sha256(payload) != payload_sha256:
            yield wrong("payload_damaged", "the payload is not what was captured")
        elif not digests.intact(cursor, seq):
            yield wrong("row_damaged", "what was fixed at the capture is not what was captured")
        if not request_intact(methods.get(kind), *sent):
            yield wrong("request_damaged", "the request that was sent is not what is stored")
        if bool(has_signature) is not (image is not None):
            yield wrong(
                "signature_missing",
                "its signature image is not there" if has_signature else "it has an image",
            )
        yield from (wrong(code, what) for code, what in _of_state(state, stage, creates, server_id))


def _of_state(state: Any, stage: Any, creates: Any, server_id: Any) -> Iterator[tuple[str, str]]:
    if state not in set(State):
        yield "state_unknown", f"no entry can be in the state {state!r}"
    elif state in NEEDS_ACTION and stage not in STAGES:
        yield "stage_unknown", f"held, and it remembers no stage to go back to ({stage!r})"
    if creates and server_id is None and "accepted" in (state, stage):
        yield "server_id_missing", "the server has it, and its id is not known"


def request_intact(method: str | None, path: Any, body: Any, digest: Any) -> bool:
    """Whether a stored request still is the one that was sent; True where none was, or its kind is not known."""
    if digest is None:
        return path is None and body is None
    if method is None:
        return True
    if not isinstance(path, str) or not isinstance(body, str):
        return False
    return bool(digests.text_sha256(f"{method} {path}\n{body}") == digest)


def image_intact(size: Any, sha256: Any, md5: Any, data: Any) -> bool:
    """Whether image bytes are those that were captured, by each of their own facts."""
    return (
        isinstance(data, bytes)
        and len(data) == size
        and hashlib.sha256(data).hexdigest() == sha256
        and hashlib.md5(data, usedforsecurity=False).hexdigest() == md5
    )


def _images(cursor: Any, findings: Findings) -> Iterator[Problem]:
    findings.checked["signature"] = 0
    for id, seq, *facts in cursor.execute(_IMAGES):
        findings.checked["signature"] += 1
        if not image_intact(*facts):
            yield Problem("signature_damaged", "the image is not what was captured", "signature", id)
        if id is None:
            yield Problem(
                "orphan", f"an image belongs to entry number {seq}, which is not there", "signature"
            )


def _foreign_keys(cursor: Any) -> Iterator[Problem]:
    for table, row, parent, _ in cursor.execute("PRAGMA foreign_key_check").fetchall():
        if table != "signature":  # told above
            yield Problem("orphan", f"row {row} belongs to an {parent} that is not there", str(table))


def _counts(cursor: Any) -> Iterator[Problem]:
    for state, reason, kept, found in cursor.execute(_COUNTS).fetchall():
        named = f"{state} ({reason})" if reason else str(state)
        yield Problem("count_wrong", f"{kept} are counted as {named}, and there are {found}", "counter")
