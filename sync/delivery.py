"""One attempt at one entry, top to bottom: build the request, send it, name what came back; or put the signature.

Runs in a worker thread and touches no row: it reads the image and asks whether the lease still stands. What it
answers is written down by `ledger.py` before anything else happens to the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from storage import claims, signatures
from storage.claims import Lease
from storage.database import Database
from storage.digests import text_sha256
from storage.errors import StorageProblem
from storage.readiness import Due
from sync import outcome as o
from sync.answer import http_date
from sync.clock import Clock
from sync.credentials import Tokens
from sync.detours import AmbientPutter, Direct, put_directly
from sync.exchange import Exchange, Failure, FailureKind, LeaseGone, Reply
from sync.listing import UNAVAILABLE
from sync.looking import Looked, LookJob, look_up, unread
from sync.operations.operation import Operation
from sync.policy import Step
from sync.presigned_url import UploadImpossible, UrlRules, read_url
from sync.s3_location import PlaceRules
from sync.secret import redact
from sync.ways_out import NOT_STUCK, Stuck

if TYPE_CHECKING:
    from sync.transport import ApiRequest

# A URL this close to its end is not worth a try: the PUT itself takes a moment.
_EXPIRY_MARGIN: Final = timedelta(seconds=5)


class Sender(Protocol):
    """The API as a worker sees it; `Transport` is the real one."""

    def send(
        self, request: ApiRequest, tokens: Tokens, *, before_first_byte: Callable[[], None]
    ) -> Exchange: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class Putter(Protocol):
    """The storage as a worker sees it; `Uploader` is the real one."""

    def put(self, url: str, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange: ...
    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One step of one entry, claimed for one worker."""

    step: Step
    seq: int
    id: str
    kind: str
    attempts: int
    attempt_n: int
    first_attempt_at: datetime | None
    owner: str | None
    has_signature: bool
    repeat: bool  # it was sent, or its upload tried, before
    lease: Lease
    digest: str
    request: ApiRequest | None = None
    operation: Operation | None = None
    tokens: Tokens | None = None
    tokens_proven: bool = False
    probe: bool = False  # it asks whether the tokens of a held owner are good again
    url: str | None = None
    url_expires_at: datetime | None = None
    clock_offset_s: float | None = None
    link_failures: int = 0
    stuck: Stuck = NOT_STUCK  # what is known of a URL that cannot be used, and the way that is tried instead
    pointer: str = ""  # where the answer to a reissue holds the URL
    direct: Direct | None = None  # an upload with the machine's own credentials


@dataclass(frozen=True, slots=True)
class Finished:
    """How a job ended. `outcome` None: the lease was gone before the first byte, and nothing was sent."""

    job: Job
    outcome: o.Outcome | None
    duration_ms: int
    request_id: str | None = None
    clock_offset_s: float | None = None
    url_trouble: str | None = None  # why the URL of an acceptance cannot be used
    url_expires_at: datetime | None = None  # when that URL says that it ends


# What a worker is given, and what it answers.
Work = Job | LookJob
Done = Finished | Looked


class RequestDamaged(Exception):
    """What is stored for this entry is not what was captured; it must not be sent."""


def build_request(due: Due, operation: Operation, path: str) -> tuple[ApiRequest, str]:
    """The request of this entry and its digest. Fixed at the first send: a repeat is the same, byte for byte.

    Raises:
        RequestDamaged: the stored payload changed since it was captured, or its target is unknown.
    """
    from sync.transport import ApiRequest

    if text_sha256(due.payload) != due.payload_sha256:
        raise RequestDamaged("the stored payload is not what was captured")
    if due.request_path is not None and due.request_body is not None:
        path, body = due.request_path, due.request_body
    else:
        target = due.target_id if due.target_id is not None else due.target_entry_id
        if operation.needs_target and target is None:
            raise RequestDamaged("the server id of the intervention it changes is not known")
        path, body = path.replace("{id}", str(target)), due.payload
    digest = text_sha256(f"{operation.method} {path}\n{body}")
    if due.request_digest not in (None, digest):
        raise RequestDamaged("the stored request is not what was sent before")
    return ApiRequest(operation.method, path, body.encode(), due.idempotency_key), digest


class Deliverer:
    """What one worker thread needs for its attempts: a connection of its own, and the shared uploader."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        putter: Putter,
        *,
        url_rules: UrlRules,
        clock: Clock,
        ambient: AmbientPutter | None = None,
        places: PlaceRules | None = None,
    ) -> None:
        self._database = database
        self._sender = sender
        self._putter = putter
        self._url_rules = url_rules
        self._clock = clock
        self._ambient = ambient
        self._places = places or PlaceRules()

    def deliver(self, work: Work) -> Done:
        """Do what is asked for. Trouble of any kind is an answer, never an exception."""
        if not isinstance(work, LookJob):
            return self._deliver(work)
        try:
            return look_up(self._sender, work, self._clock)
        except Exception:  # noqa: BLE001  as in a delivery; the entries stay in doubt and the history says so
            return unread(work, UNAVAILABLE, self._clock)

    def _deliver(self, job: Job) -> Finished:
        """Do the job's step and name what came of it."""
        started_s = self._clock.monotonic_s()
        exchange: Exchange | None = None
        try:
            if job.step is Step.SEND:
                exchange, outcome = self._send(job)
            elif job.step is Step.REISSUE:
                exchange, outcome = self._reissue(job)
            else:
                exchange, outcome = self._upload(job)
        except Exception as error:  # noqa: BLE001  a bug here must not end the worker and leave the entry unexplained
            outcome = _unexpected(job, error)
        duration_ms = int((self._clock.monotonic_s() - started_s) * 1000)
        trouble, expires_at = self._judge_url(job, outcome)
        return Finished(
            job, outcome, duration_ms, _request_id(exchange), clock_offset_s(exchange), trouble, expires_at
        )

    def _judge_url(self, job: Job, outcome: o.Outcome | None) -> tuple[str | None, datetime | None]:
        """Why the URL of an acceptance cannot be used, and when it says that it ends."""
        if not isinstance(outcome, o.Accepted) or not job.has_signature:
            return None, None
        if outcome.presigned_url is None:
            return "signature_url_lost", None
        try:
            return None, read_url(outcome.presigned_url, self._url_rules).expires_at
        except UploadImpossible as problem:
            return problem.code, None

    def abort(self) -> None:
        """End this worker's exchange from another thread; it then finishes with what is known."""
        self._sender.abort()

    def abort_uploads(self) -> None:
        """End the uploads of all workers: they share one uploader, which bounds each of them by itself."""
        self._putter.abort()
        if self._ambient is not None:
            self._ambient.abort()

    def close(self) -> None:
        self._sender.close()

    def _send(self, job: Job) -> tuple[Exchange, o.Outcome | None]:
        assert job.request is not None, "a send has a request"
        assert job.operation is not None, "a send has an operation"
        assert job.tokens is not None, "a send has tokens"
        exchange = self._sender.send(
            job.request, job.tokens, before_first_byte=lambda: self._check_lease(job)
        )
        if isinstance(exchange, Failure) and exchange.kind is FailureKind.LEASE_LOST:
            return exchange, None
        return exchange, o.classify_send(
            exchange,
            success_status=job.operation.success_status,
            repeatable=job.operation.repeatable,
            wants_url=job.has_signature,
            tokens_proven=job.tokens_proven,
        )

    def _reissue(self, job: Job) -> tuple[Exchange, o.Outcome | None]:
        assert job.request is not None, "a reissue has a request"
        assert job.tokens is not None, "a reissue has tokens"
        exchange = self._sender.send(
            job.request, job.tokens, before_first_byte=lambda: self._check_lease(job)
        )
        if isinstance(exchange, Failure) and exchange.kind is FailureKind.LEASE_LOST:
            return exchange, None
        return exchange, o.classify_reissue(exchange, pointer=job.pointer, rules=self._url_rules)

    def _check_lease(self, job: Job) -> None:
        # The drain lock is what keeps a second sender away. This look is the second line: it catches a claim
        # that was taken over while this process slept between connecting and writing.
        with self._database.read() as transaction:
            if not claims.still_holds(transaction, job.seq, job.lease, now=self._clock.now_ms()):
                raise LeaseGone

    def _upload(self, job: Job) -> tuple[Exchange | None, o.Outcome]:
        try:
            signature = signatures.read_signature(self._database, job.seq)
        except StorageProblem as problem:
            return None, o.LocalFault(reason="signature_damaged", sentence=str(problem))
        if signature is None:
            return None, o.LocalFault(
                reason="signature_damaged", sentence="The signature image is not there."
            )
        if job.direct is not None:
            assert self._ambient is not None, "own credentials are used where they are enabled"
            return put_directly(
                self._ambient,
                self._places,
                job.direct,
                signature.data,
                name=signature.name,
                mime_type=signature.mime_type,
                md5_hex=signature.md5,
            )
        assert job.url is not None, "an upload has a URL"
        try:
            exchange = self._putter.put(
                job.url, signature.data, mime_type=signature.mime_type, md5_hex=signature.md5
            )
        except UploadImpossible as problem:
            return None, o.UploadRefused(
                reason=problem.code,
                sentence=f"The address for the signature cannot be used: {redact(str(problem))}.",
            )
        # Our reckoning of its end only explains a refusal: the device's clock may have jumped, so S3 decides.
        return exchange, o.classify_upload(exchange, md5_hex=signature.md5, url_expired=self._expired(job))

    def _expired(self, job: Job) -> bool | None:
        if job.url_expires_at is None:
            return None
        server_now = self._clock.server_now(job.clock_offset_s) or self._clock.now()
        return server_now + _EXPIRY_MARGIN >= job.url_expires_at


def unexplained(work: Work, error: BaseException, clock: Clock) -> Done:
    """What is left to say of work that broke off inside this program."""
    if isinstance(work, LookJob):
        return unread(work, UNAVAILABLE, clock)
    return Finished(work, _unexpected(work, error), 0)


def _unexpected(job: Job, error: BaseException) -> o.Outcome:
    detail = redact(f"{type(error).__name__}: {error}")[:1000]
    if job.step is Step.SEND and job.operation is not None and not job.operation.repeatable:
        # Nobody knows how far it got, so nobody may take it for unsent.
        return o.InDoubt(
            reason="answer_lost", sentence="Sending broke off inside this program.", detail=detail
        )
    return o.LocalFault(reason="local_fault", sentence="This program failed at this step.", detail=detail)


def _request_id(exchange: Exchange | None) -> str | None:
    """The name under which the other side's support finds this exchange."""
    if not isinstance(exchange, Reply):
        return None
    for header in ("x-amzn-requestid", "x-amz-request-id", "x-request-id", "apigw-requestid"):
        if value := exchange.headers.get(header):
            return redact(value)[:120]
    return None


def clock_offset_s(exchange: Exchange | None) -> float | None:
    """Server time minus device time by the answer's Date header; None where it does not tell."""
    if not isinstance(exchange, Reply) or exchange.sent_at is None or exchange.received_at is None:
        return None
    server = http_date(exchange.headers.get("date", ""))
    # A year that no server is in would break every later sum of instants, and it would be stored.
    if server is None or not 2000 <= server.year < 2200:
        return None
    midpoint = exchange.sent_at + (exchange.received_at - exchange.sent_at) / 2
    # Date has whole seconds: on average it is half a second behind the moment it names.
    return (server - midpoint).total_seconds() + 0.5
