"""One attempt at one entry, top to bottom: send the request, name what came back; or put the signature.

Runs in a worker thread and touches no row: it reads the image and asks whether the lease still stands. What it
answers is written down by `ledger.py` before anything else happens to the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from storage import claims, signatures
from storage.database import Database
from storage.errors import StorageProblem
from sync import outcome as o
from sync.clock import Clock
from sync.credentials import Tokens
from sync.detours import AmbientPutter, put_directly
from sync.exchange import Exchange, Failure, FailureKind, LeaseGone
from sync.exchange_facts import clock_offset_s, request_id
from sync.job import Done, Finished, Job, Work
from sync.listing import UNAVAILABLE
from sync.looking import TargetJob, look_up, read_targets, unread
from sync.policy import LINK_TRIES, Step
from sync.presigned_url import UploadImpossible, UrlRules, read_url
from sync.s3_location import PlaceRules
from sync.secret import redact

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
        if isinstance(work, Job):
            return self._deliver(work)
        try:
            if isinstance(work, TargetJob):
                return read_targets(self._sender, work, self._clock)
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
            elif job.step is Step.CHECK:
                exchange, outcome = self._check(job)
            else:
                exchange, outcome = self._upload(job)
        except Exception as error:  # noqa: BLE001  a bug here must not end the worker and leave the entry unexplained
            outcome = _unexpected(job, error)
        duration_ms = int((self._clock.monotonic_s() - started_s) * 1000)
        trouble, expires_at = self._judge_url(job, outcome)
        return Finished(
            job, outcome, duration_ms, request_id(exchange), clock_offset_s(exchange), trouble, expires_at
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
        assert job.operation is not None, "a send has an operation"
        exchange = self._ask(job)
        if _lease_lost(exchange):
            return exchange, None
        return exchange, o.classify_send(
            exchange,
            success_status=job.operation.success_status,
            repeatable=job.repeatable,
            has_target=job.operation.needs_target,
            wants_url=job.has_signature,
            tokens_proven=job.tokens_proven,
        )

    def _reissue(self, job: Job) -> tuple[Exchange, o.Outcome | None]:
        exchange = self._ask(job)
        if _lease_lost(exchange):
            return exchange, None
        return exchange, o.classify_reissue(exchange, pointer=job.pointer, rules=self._url_rules)

    def _check(self, job: Job) -> tuple[Exchange, o.Outcome | None]:
        assert job.update is not None, "a check is of an update"
        exchange = self._ask(job)
        if _lease_lost(exchange):
            return exchange, None
        patient = job.link_failures + 1 < LINK_TRIES
        return exchange, o.classify_check(exchange, server_id=job.update.target, patient=patient)

    def _ask(self, job: Job) -> Exchange:
        """The exchange with the API, given up before its first byte where the lease is gone."""
        assert job.request is not None, f"a {job.step} has a request"
        assert job.tokens is not None, f"a {job.step} has tokens"
        return self._sender.send(job.request, job.tokens, before_first_byte=lambda: self._check_lease(job))

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
    if not isinstance(work, Job):
        return unread(work, UNAVAILABLE, clock)
    return Finished(work, _unexpected(work, error), 0)


def _lease_lost(exchange: Exchange) -> bool:
    return isinstance(exchange, Failure) and exchange.kind is FailureKind.LEASE_LOST


def _unexpected(job: Job, error: BaseException) -> o.Outcome:
    detail = redact(f"{type(error).__name__}: {error}")[:1000]
    if job.step is Step.SEND and not job.repeatable:
        # Nobody knows how far it got, so nobody may take it for unsent.
        return o.InDoubt(
            reason="answer_lost", sentence="Sending broke off inside this program.", detail=detail
        )
    return o.LocalFault(reason="local_fault", sentence="This program failed at this step.", detail=detail)
