"""One device inside the test's own process: a real outbox and a real drain, and a clock that moves only when told.

The server is the sandbox, or fakes of `Sender` and `Putter`. A pass costs milliseconds here; where the process is the
subject, `device.py` runs the command instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from config.settings import Settings, load
from storage import control, digests
from storage.database import Transaction
from storage.folder import StorageFolder
from storage.queries import Reader
from storage.schema import open_database
from storage.story import story
from sync import app
from sync.capture import ImageLimits, Input, capture, check_input
from sync.clock import Clock
from sync.credentials import Tokens
from sync.delivery import Deliverer, Putter, Sender
from sync.detour_intake import Detours
from sync.detours import AmbientPutter, ReissueCall
from sync.drain import Drain
from sync.exchange import Exchange, Reply
from sync.intake import Intake
from sync.looking import ListCall
from sync.policy import Limits
from sync.presigned_url import UrlRules
from sync.reconcile import Strategy
from sync.renewals import Renewals
from sync.report import DrainReport
from sync.rules import Ask, Rules
from sync.s3_location import PlaceRules
from sync.sandbox.options import Options
from sync.sandbox.server import Sandbox
from sync.secret import Secret
from sync.transport import ApiRequest
from sync.ways_out import NO_WAYS, Ways
from sync.workers import WorkerPool
from tests.support.builders import signature_png
from tests.support.device import distinct_body
from tests.support.scratch import DATABASE_ID, fresh_folder

_LIMITS = ImageLimits(2**21, 4_000_000)


class FakeTime:
    """Both kinds of time of one device. They stand still until told."""

    def __init__(self, start: datetime | None = None) -> None:
        # The present by default: certificates, URLs and log lines of the sandbox then look as they would.
        self.wall = start or datetime.now(UTC)
        self.mono_s = 5_000.0
        self.boot = "boot-1"

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.wall, monotonic_s=lambda: self.mono_s, boot=lambda: self.boot)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mono_s += seconds

    def jumps(self, **by: float) -> None:
        """The wall clock alone: a battery that was empty, a network that set the time."""
        self.wall += timedelta(**by)

    def boots_again(self, number: int = 2) -> None:
        self.boot, self.mono_s = f"boot-{number}", 10.0


class Rig:
    """The outbox in `root` and its drain. `restart` is what a new process would be."""

    def __init__(self, root: Path, time: FakeTime) -> None:
        self.root = root
        self.time = time
        folder = StorageFolder(root) if (root / "fieldsync.db").exists() else fresh_folder(root)
        self.database = open_database(folder, new_id=DATABASE_ID, now=time.wall)
        self.drain = self._drain()

    def _drain(self) -> Drain:
        raise NotImplementedError

    def close(self) -> None:
        self.drain.close()
        self.database.close()

    def restart(self) -> None:
        """All that was only in memory is gone."""
        self.close()
        self.database = open_database(StorageFolder(self.root), new_id=DATABASE_ID, now=self.time.wall)
        self.drain = self._drain()

    def capture(
        self,
        seed: int,
        *,
        owner: str | None = None,
        after: str | None = None,
        clock_offset_s: float | None = None,
    ) -> str:
        """One signed intervention; its local id."""
        body = json.dumps(distinct_body(seed)).encode()
        given = Input("unplanned-preventive", body, signature_png(seed), after=after)
        return self.put(given, owner=owner, clock_offset_s=clock_offset_s)

    def put(self, given: Input, *, owner: str | None = None, clock_offset_s: float | None = None) -> str:
        """One capture of any kind; its local id."""
        clock = self.time.clock
        checked = check_input(given, _LIMITS)
        return capture(
            self.database,
            checked,
            clock=clock,
            new_id=app.new_id(clock),
            owner=owner,
            clock_offset_s=clock_offset_s,
        ).id

    def ask(self, kind: str, body: Mapping[str, Any], image: bytes | None = None) -> str:
        """One new intervention of any kind; its local id."""
        return self.put(Input(kind, json.dumps(body).encode(), image))

    def update(self, kind: str, target: str, *, after: str | None = None, **body: Any) -> str:
        """One change of an intervention; its local id."""
        return self.put(Input(kind, json.dumps(body).encode(), target=target, after=after))

    def capture_many(self, count: int, *, first: int = 1, owner: str | None = None) -> list[str]:
        return [self.capture(seed, owner=owner) for seed in range(first, first + count)]

    def sync(self, *, forced: bool = False, looked: bool = True, spread: bool = False) -> DrainReport:
        """One pass, as `fieldsync sync` makes it unless told otherwise."""
        return self.drain.run(Ask(forced=forced, looked=looked, spread=spread))

    def passes_until(self, enough: Callable[[], bool], *, every_s: float = 60.0, most: int = 60) -> int:
        """Passes of the worker, `every_s` apart by the fake clock, until `enough`; how many it took."""
        for number in range(1, most + 1):
            self.sync(looked=False, spread=True)
            if enough():
                return number
            self.time.passes(every_s)
        raise AssertionError(f"not so after {most} passes: {self.entries()}")

    def entries(self, *states: str) -> list[dict[str, Any]]:
        with self.database.read() as transaction:
            return Reader(transaction.cursor).entries(states=states)

    def entry(self, id: str) -> dict[str, Any]:
        """All that is known of one entry."""
        with self.database.read() as transaction:
            return story(Reader(transaction.cursor), id)

    def states(self) -> list[str]:
        """In capture order."""
        return [entry["state"] for entry in self.entries()]

    def counts(self) -> dict[str, int]:
        """The states that have entries, and how many."""
        with self.database.read() as transaction:
            return {state: n for state, n in Reader(transaction.cursor).counts().items() if n}

    def outcomes(self, id: str) -> list[tuple[str, str | None, str | None]]:
        """Step, outcome and reason of each try."""
        return [(each["step"], each["outcome"], each["reason"]) for each in self.entry(id)["history"]]

    def control(self, key: str) -> Any:
        with self.database.read() as transaction:
            return control.get(transaction, key)

    def column(self, name: str) -> list[Any]:
        """One column of the entry table, in capture order."""
        with self.database.read() as transaction:
            sql = f"SELECT {name} FROM entry ORDER BY seq"
            return [row[0] for row in transaction.cursor.execute(sql).fetchall()]


class SandboxRig(Rig):
    """A device whose server is the sandbox. `settings` are dotted names."""

    def __init__(self, root: Path, sandbox: Sandbox, time: FakeTime, **settings: Any) -> None:
        self.sandbox = sandbox
        self.settings = self._settings(root, settings)
        super().__init__(root, time)

    def _settings(self, root: Path, more: dict[str, Any]) -> Settings:
        tokens = self.sandbox.state.tokens
        usual = {
            "storage.dir": str(root),
            "api.base_url": self.sandbox.api_url,
            "api.token": tokens.bearer,
            "api.session_token": tokens.session,
            "upload.allow_insecure_loopback": True,
            "sync.start_spread_s": 0.0,
        }
        return load({**usual, **{name.replace("__", "."): value for name, value in more.items()}}, environ={})

    def reconfigure(self, **sync: Any) -> None:
        """Other settings of the section `sync`, and so a new process."""
        changed = self.settings.sync.model_copy(update=sync)
        self.settings = self.settings.model_copy(update={"sync": changed})
        self.restart()

    def _drain(self) -> Drain:
        return app.build_drain(self.settings, self.database, self.time.clock)

    @property
    def counters(self) -> dict[str, int]:
        return self.sandbox.state.journal.counters()

    def posts(self) -> list[dict[str, Any]]:
        return [each for each in self.sandbox.state.journal.requests() if each["method"] == "POST"]

    def puts(self) -> list[dict[str, Any]]:
        return [each for each in self.sandbox.state.journal.requests() if each["method"] == "PUT"]


@contextmanager
def sandboxed(root: Path, *, options: Options | None = None, **settings: Any) -> Iterator[SandboxRig]:
    """A device and a sandbox that agree on what time it is."""
    time = FakeTime()
    with Sandbox(clock=lambda: time.wall, options=options) as sandbox:
        rig = SandboxRig(root / "outbox", sandbox, time, **settings)
        try:
            yield rig
        finally:
            rig.close()


def unsigned(transaction: Transaction) -> None:
    """Make the entries that wait what a kind without a signature would make: nothing is owed after the receipt."""
    cursor = transaction.cursor
    for (seq,) in cursor.execute("SELECT seq FROM entry WHERE state = 'pending'").fetchall():
        cursor.execute("UPDATE entry SET has_signature = 0 WHERE seq = ?", (seq,))
        digests.restamp(cursor, seq)


def keys(requests: list[dict[str, Any]]) -> list[str]:
    """The idempotency key of each request, in the order of arrival."""
    return [dict(each["headers"])["idempotency-key"] for each in requests]


def assert_delivered_once(sandbox: Sandbox, ids: list[str], *, first: int = 1) -> None:
    """Exactly one record and its own verified image for each of these captures, in whatever order."""
    records = {record["idempotency_key"]: record for record in sandbox.state.records()}
    assert len(sandbox.state.records()) == len(ids), sandbox.state.journal.counters()
    assert set(records) == set(ids)
    for seed, id in enumerate(ids, first):
        record = records[id]
        assert record["body"]["companyId"] == seed
        assert image_of(sandbox, record) == signature_png(seed), f"the image of capture {seed}"


def image_of(sandbox: Sandbox, record: dict[str, Any]) -> bytes | None:
    found = sandbox.state.objects.get(record["image_key"])
    return None if found is None else found[1]


REISSUE_PATH = "/interventions/v2/mb/{id}/signature-url"
ACCEPTED_URL = "http://127.0.0.1:9/bucket/{id}?X-Amz-Signature=0ddba11"


def stored(md5: str) -> Reply:
    """The storage's answer to a PUT that went well."""
    return Reply(200, {"etag": f'"{md5}"'})


def said(status: int, body: dict[str, Any] | None = None, **headers: str) -> Reply:
    """An answer of the API in JSON, over a connection that was verified."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, json.dumps(body or {"message": f"answered {status}"}).encode())


class FakeServer(Sender, Putter):
    """Answers as told, from the worker's own thread: a handler for each step gets what was sent.

    `sent` and `put_urls` are what would have been on the wire.
    """

    def __init__(
        self,
        send: Callable[[ApiRequest, Tokens], Exchange] | None = None,
        put: Callable[[str, str], Exchange] | None = None,
    ) -> None:
        self.sent: list[ApiRequest] = []
        self.put_urls: list[str] = []
        self.next_id = 100
        self.on_send = send or (lambda request, tokens: self.created())
        self.on_put = put or (lambda url, md5: stored(md5))

    def created(self, **changes: Any) -> Reply:
        self.next_id += 1
        answer = {
            "data": {"id": self.next_id},
            "presignedUrl": ACCEPTED_URL.format(id=self.next_id),
        }
        return replace(Reply(201, {}, json.dumps(answer).encode()), **changes)

    def send(self, request: ApiRequest, tokens: Tokens, *, before_first_byte: Callable[[], None]) -> Exchange:
        before_first_byte()
        self.sent.append(request)
        return self.on_send(request, tokens)

    def put(self, url: str, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange:
        self.put_urls.append(url)
        return self.on_put(url, md5_hex)

    def abort(self) -> None:
        """Nothing hangs here."""

    def close(self) -> None:
        """Nothing is open here."""


class FakeRig(Rig):
    """A device whose server is a fake; one worker unless told, so that what happens happens in one order."""

    def __init__(
        self,
        root: Path,
        server: FakeServer,
        time: FakeTime,
        *,
        strategy: Strategy = Strategy.HOLD,
        width: int = 1,
        limits: Limits | None = None,
        tokens_for: Callable[[str | None], Tokens | None] | None = None,
        ways: Ways = NO_WAYS,
        ambient: AmbientPutter | None = None,
        places: PlaceRules | None = None,
        renewals: Renewals | None = None,
    ) -> None:
        self.server = server
        self.ways, self._ambient, self._places = ways, ambient, places
        self._strategy, self._width, self._limits = strategy, width, limits or Limits()
        self._renewals = renewals
        self._tokens_for = tokens_for or (lambda owner: Tokens(Secret("bearer"), Secret("session")))
        super().__init__(root, time)

    def _drain(self) -> Drain:
        clock = self.time.clock
        rules_of_urls = UrlRules(allow_insecure_loopback=True)
        rules = Rules(
            limits=self._limits,
            strategy=self._strategy,
            settle_s=60.0,
            lookup_gap_s=60.0,
            list_call=ListCall(),
            lease_s=120.0,
            exchange_limit_s=90.0,
            start_spread_s=0.0,
            probe_cap_s=120.0,
            api_url="http://127.0.0.1:9",
            ways=self.ways,
        )
        intake = Intake(
            owner="rig",
            lease_s=120.0,
            tokens_for=self._tokens_for,
            renews=self._renewals is not None,
            detours=Detours(self.ways, ReissueCall(REISSUE_PATH) if self.ways.reissue else None),
        )
        pool = WorkerPool(
            self._width,
            lambda: Deliverer(
                self.database,
                self.server,
                self.server,
                url_rules=rules_of_urls,
                clock=clock,
                ambient=self._ambient,
                places=self._places,
            ),
            clock,
        )
        rng = Random(7)
        return Drain(self.database, pool, intake, rules, clock=clock, rng=rng, renewals=self._renewals)
