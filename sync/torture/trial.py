"""One round's device and server: a scratch outbox, the sandbox, commands as processes, and what was found wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from storage import rehearsal
from storage.database import Database
from storage.folder import StorageFolder
from storage.queries import reading
from storage.story import story
from sync.capture import Input, capture, check_input
from sync.clock import Clock
from sync.ids import uuid7
from sync.payload import to_body
from sync.sandbox.faults import Fault
from sync.sandbox.server import Sandbox
from sync.torture.fate import Plan
from sync.torture.nursery import COMMAND_WITHIN_S, Hung, Nursery, Run
from sync.torture.pace import HURRIED, NONE, Settings, variables
from sync.torture.visits import (
    CHANGE_KIND,
    KIND,
    LIMITS,
    PLAN_KIND,
    Change,
    Taken,
    Visit,
    change_body,
    hand_in,
    is_of,
    plan_body,
    taken,
)

# What a drain may end with where nothing went wrong inside the program: see the exit codes.
ORDERLY: Final = frozenset({0, 3, 4, 5})
KILLED: Final = -9


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that did not hold."""

    invariant: str
    detail: str


@dataclass(eq=False)
class Trial:
    """The stage of one round. `place` is its scratch folder; `prepared` an outbox with nothing in it."""

    place: Path
    prepared: Path
    sandbox: Sandbox
    nursery: Nursery
    strategy: str
    numbers: Iterator[int]
    violations: list[Violation] = field(default_factory=list)
    taken: dict[str, Taken] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    plans: int = 0
    secrets: set[str] = field(default_factory=set)
    # Entries whose creation the server has told in an answer that was of no use otherwise, and in answer to which
    # request.
    created: dict[str, int] = field(default_factory=dict)
    _commands: int = 0

    def __post_init__(self) -> None:
        self.folder = StorageFolder(self.place / "outbox")
        shutil.copytree(self.prepared, self.folder.root)
        for name in ("logs", "tokens", "handed-in"):
            (self.place / name).mkdir(mode=0o700)
        self._clock = Clock()
        self.sign_in()

    # The device

    @property
    def environment(self) -> dict[str, str]:
        named = {
            **HURRIED,
            "STORAGE__DIR": self.folder.root,
            "API__BASE_URL": self.sandbox.api_url,
            "API__TOKEN_FILE": self.place / "tokens" / "bearer",
            "API__SESSION_TOKEN_FILE": self.place / "tokens" / "session",
            "SYNC__IN_DOUBT": self.strategy,
        }
        return variables(named)

    def sign_in(self) -> None:
        """The device gets the tokens that the server takes now."""
        tokens = self.sandbox.state.tokens
        for name, token in (("bearer", tokens.bearer), ("session", tokens.session)):
            path = self.place / "tokens" / name
            path.write_text(token)
            path.chmod(0o600)
            self.secrets |= {token, *token.split(".")[1:]}

    def capture(self, *, after: str | None = None) -> str:
        """One signed intervention through the front door, in this process; its local id."""
        with self.database() as database:
            id, visit = self.put_into(database, after=after)
        self.acknowledged(id, visit, after=after)
        return id

    def put_into(self, database: Database, *, after: str | None = None) -> tuple[str, Visit]:
        """A capture into any outbox: its local id, and what was handed in."""
        visit = self.handed_in()
        checked = check_input(Input(KIND, json.dumps(visit.data).encode(), visit.image, after=after), LIMITS)
        new_id = str(uuid7(self._clock.now_ms(), os.urandom))
        captured = capture(database, checked, clock=self._clock, new_id=new_id, owner=None)
        return captured.id, visit

    def change(self, target: str, *, mails: bool) -> str:
        """One change of the intervention that the entry `target` makes, by its local id; the change's own."""
        number = next(self.numbers)
        id, digest = self._unsigned(CHANGE_KIND, change_body(number, mails=mails), target=f"local:{target}")
        self.changes[id] = Change(id, target, number, mails, digest)
        return id

    def plan(self) -> int:
        """One plan like no other but for its hours; its number."""
        number = next(self.numbers)
        id, digest = self._unsigned(PLAN_KIND, plan_body(number))
        self.taken[id] = Taken(id, digest, None, "", None)
        self.plans += 1
        return number

    def _unsigned(self, kind: str, body: dict[str, Any], *, target: str | None = None) -> tuple[str, str]:
        """One capture without an image: its local id, and the digest of what has to arrive."""
        given = Input(kind, json.dumps(body).encode(), target=target)
        new_id = str(uuid7(self._clock.now_ms(), os.urandom))
        with self.database() as database:
            capture(database, check_input(given, LIMITS), clock=self._clock, new_id=new_id, owner=None)
        return new_id, hashlib.sha256(to_body(body)).hexdigest()

    def captures(self, count: int) -> list[str]:
        return [self.capture() for _ in range(count)]

    def handed_in(self) -> Visit:
        """A visit that no other is like."""
        return hand_in(next(self.numbers), self.place / "handed-in", self._clock.now())

    def acknowledged(self, id: str, visit: Visit, *, after: str | None = None) -> None:
        """From now on this capture may never be lost."""
        payload = self.story(id)["payload"]
        self.expect(is_of(payload, visit), "lost", f"what is stored as {id[-8:]} is not what was handed in")
        self.taken[id] = taken(id, payload, visit, after)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The scratch outbox, to write to it in this process."""
        database = Database(self.folder)
        try:
            yield database
        finally:
            database.close()

    def story(self, id: str) -> dict[str, Any]:
        with reading(self.folder) as reader:
            assert reader is not None, "the outbox was made before"
            return story(reader, id)

    def entries(self) -> list[dict[str, Any]]:
        with reading(self.folder) as reader:
            return [] if reader is None else reader.entries()

    def row(self, id: str) -> dict[str, Any] | None:
        """Every column of one entry."""
        with self.database() as database, database.read() as transaction:
            return rehearsal.whole_row(transaction, id)

    # Its commands

    def start(self, *arguments: str, plan: Plan | None = None, settings: Settings = NONE) -> Run:
        """A command as a process of its own. `settings` are named without their prefix."""
        self._commands += 1
        log = self.place / "logs" / f"{self._commands:03}-{arguments[0]}"
        environment = self.environment | variables(settings)
        return self.nursery.start(*arguments, environment=environment, log=log, plan=plan)

    def ends(self, run: Run, *expected: int) -> int:
        """Wait for its end; an end that is not one of `expected` is a violation."""
        try:
            code = run.wait()
        except Hung as hung:
            self.found("hung", str(hung))
            return KILLED
        if code == KILLED:
            self.processed()
        if code not in expected:
            words = run.err.read_text("utf-8", "replace").strip().splitlines()[-1:]
            said = run.document() if run.out.stat().st_size else None
            what = (
                json.dumps(said["error"]) if isinstance(said, dict) and "error" in said else " ".join(words)
            )
            self.found("crashed", f"fieldsync {' '.join(run.arguments)} ended with {code}: {what[:300]}")
        return code

    def command(
        self,
        *arguments: str,
        plan: Plan | None = None,
        expected: Collection[int] = (0,),
        settings: Settings = NONE,
    ) -> Run:
        run = self.start(*arguments, plan=plan, settings=settings)
        self.ends(run, *expected)
        return run

    def drain(
        self,
        plan: Plan | None = None,
        *,
        expected: Collection[int] = ORDERLY,
        force: bool = True,
        settings: Settings = NONE,
    ) -> Run:
        """One pass, as a person orders it."""
        forced = ("--force",) if force else ()
        return self.command("sync", *forced, "--json", plan=plan, expected=expected, settings=settings)

    # Its server

    def fault(self, *faults: Fault) -> None:
        for each in faults:
            self.sandbox.faults.add(each)

    def calm(self) -> None:
        """The world is kind: no fault, both servers there, the sign-in good."""
        self.sandbox.faults.clear()
        for which in ("api", "store"):
            if not self.sandbox.is_online(which):
                self.sandbox.online(which)
        self.sandbox.state.set_options({"strict_tokens": False})

    def processed(self) -> None:
        """What a process had sent before it was killed or stopped is carried out when this returns.

        A settling time counts from there: a server that is slower than it is outside of what look-ups promise.
        """
        if not self.sandbox.is_online("api"):
            return
        for _ in range(2):
            parts = urlsplit(self.sandbox.api_url)
            connection = HTTPConnection(parts.hostname or "", parts.port, timeout=COMMAND_WITHIN_S)
            try:
                connection.request("GET", parts.path)
                connection.getresponse().read()
            except (OSError, HTTPException):
                return  # a fault met it: then it has been answered too
            finally:
                connection.close()

    def mark(self) -> int:
        """The number of the last request that arrived."""
        return max((each["n"] for each in self.sandbox.state.journal.requests()), default=0)

    def requests(self, since: int = 0, method: str | None = None) -> list[dict[str, Any]]:
        found = self.sandbox.state.journal.requests(after=since)
        return [each for each in found if method in (None, each["method"])]

    def posts(self, id: str, since: int = 0) -> int:
        """How many creates for this entry began to arrive."""
        return sum(key_of(each) == id for each in self.requests(since, "POST"))

    def hurt(self, since: int) -> bool:
        """Whether a fault of the server met any request after `since`."""
        return any(each["fault"] for each in self.requests(since))

    def until(self, done: Callable[[], bool], within_s: float = 10.0) -> bool:
        """Look until it is so, or the time is over."""
        deadline_s = time.monotonic() + within_s
        while not done():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.01)
        return True

    def meets(self, fault: Fault, settings: Settings = NONE) -> bool:
        """One pass in which one of two new entries meets `fault`; whether it did."""
        mark = self.mark()
        self.captures(2)
        self.fault(fault)
        self.drain(settings=settings)
        return self.hurt(mark)

    # What was found

    def nothing_spent(self, ids: Collection[str], what: str) -> None:
        """`what` may not have cost any of these entries an attempt."""
        spent = {each["id"][-8:]: each["attempts"] for each in self.entries() if each["id"] in ids}
        spent = {id: count for id, count in spent.items() if count}
        self.expect(not spent, "attempt_spent", f"{what} used up attempts: {spent}")

    def found(self, invariant: str, detail: str) -> None:
        self.violations.append(Violation(invariant, detail))

    def expect(self, so: bool, invariant: str, detail: str) -> None:
        if not so:
            self.found(invariant, detail)


def key_of(request: Mapping[str, Any]) -> str:
    """The idempotency key of a request; empty where it has none."""
    return str(dict(request["headers"]).get("idempotency-key", ""))
