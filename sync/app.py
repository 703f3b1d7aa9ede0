"""The composition root: the only file that builds stores, clients and clocks from the settings and joins them.

Everything it makes is made when it is first needed: a capture needs no network client, an idle worker none either.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from config.problems import ConfigError, problem
from config.settings import Settings
from storage.database import Database
from storage.errors import StorageFull
from storage.folder import StorageFolder
from storage.reserve import release_reserve
from storage.schema import open_database
from storage.usage import begin_draining
from sync.capture import ImageLimits
from sync.checks import Checks
from sync.clock import Clock
from sync.credentials import Credentials
from sync.delivery import Deliverer
from sync.detour_intake import Detours
from sync.detours import ReissueCall
from sync.drain import Drain
from sync.ids import uuid7
from sync.intake import Intake
from sync.looking import ListCall
from sync.policy import Limits
from sync.presigned_url import UrlRules
from sync.reconcile import Strategy
from sync.rules import Rules
from sync.s3_location import PlaceRules
from sync.version import VERSION
from sync.ways_out import Ways
from sync.workers import WorkerPool

if TYPE_CHECKING:
    from ssl import SSLContext

    from sync.renewals import Renewals
    from sync.upload import Uploader
    from sync.upload_ambient import AmbientUploader
    from sync.upload_line import UploadLine

USER_AGENT = f"fieldsync/{VERSION}"


def new_id(clock: Clock) -> str:
    """A fresh local id."""
    return str(uuid7(clock.now_ms(), os.urandom))


def open_outbox(folder: Path, clock: Clock) -> Database:
    """The outbox in `folder`, made or upgraded where it has to be.

    Raises:
        StorageProblem: see `storage.schema.open_database`.
    """
    return open_database(StorageFolder(folder), new_id=str(uuid4()), now=clock.now())


def open_to_drain(folder: Path, clock: Clock) -> Database:
    """As `open_outbox`, also on a full disk: then the space kept back for the drain is given to it.

    Where the last drain was cut off, the pages are checked first.

    Raises:
        StorageProblem: see `storage.schema.open_database` and `storage.usage.begin_draining`.
    """
    try:
        database = open_outbox(folder, clock)
    except StorageFull:
        release_reserve(StorageFolder(folder))
        database = open_outbox(folder, clock)
    try:
        begin_draining(database, token=f"{clock.boot()[:8]}-{os.getpid()}-{uuid4().hex[:8]}")
    except BaseException:
        database.close()
        raise
    return database


def image_limits(settings: Settings) -> ImageLimits:
    return ImageLimits(settings.capture.max_image_bytes, settings.capture.max_image_pixels)


def credentials(settings: Settings, clock: Clock | None = None) -> Credentials:
    """The tokens of this device."""
    return Credentials(
        bearer=settings.api.token_source(),
        session=settings.api.session_token_source(),
        folder=StorageFolder(settings.storage.dir).tokens,
        default_owner=settings.api.owner,
        now=(clock or Clock()).now,
    )


def owner(settings: Settings) -> str | None:
    """Whose entries this device captures: the configured name, else the user its tokens belong to, else nobody's."""
    if settings.api.owner:
        return settings.api.owner
    tokens = credentials(settings).for_owner(None)
    return None if tokens is None else tokens.owner


def url_rules(settings: Settings) -> UrlRules:
    """Where signatures may be sent."""
    return UrlRules(
        allowed_hosts=tuple(settings.upload.allowed_hosts),
        allow_insecure_loopback=settings.upload.allow_insecure_loopback,
        api_host=urlsplit(settings.api.base_url or "").hostname or "",
    )


def ways_out(settings: Settings) -> Ways:
    """Where a signature may turn to whose address cannot be used."""
    return Ways(
        reissue=bool(settings.upload.reissue_path),
        ambient=settings.upload.fallback == "ambient-credentials",
        pattern=bool(settings.upload.key_pattern),
    )


def _reissue_call(settings: Settings) -> ReissueCall | None:
    upload = settings.upload
    if not upload.reissue_path:
        return None
    return ReissueCall(upload.reissue_path, upload.reissue_method, upload.reissue_pointer)


def rules(settings: Settings, base_url: str) -> Rules:
    """What the settings say of a drain, in plain values."""
    return Rules(
        limits=Limits(
            backoff_base_s=settings.sync.backoff_base_s,
            backoff_cap_s=settings.sync.backoff_cap_s,
            max_attempts=settings.sync.max_attempts,
            max_age_s=settings.sync.max_age_days * 86400,
        ),
        strategy=Strategy(settings.sync.in_doubt),
        settle_s=settings.sync.settle_s,
        lookup_gap_s=settings.sync.lookup_gap_s,
        list_call=ListCall(
            path=settings.lookup.path,
            parameters=settings.lookup.parameters,
            page_parameter=settings.lookup.page_parameter,
            page_size_parameter=settings.lookup.page_size_parameter,
            page_size=settings.lookup.page_size,
            max_pages=settings.lookup.max_pages,
            newest_first=settings.lookup.newest_first,
            details=settings.lookup.details,
        ),
        lease_s=settings.sync.lease_s,
        exchange_limit_s=_exchange_limit_s(settings),
        start_spread_s=settings.sync.start_spread_s,
        probe_cap_s=settings.sync.probe_cap_s,
        api_url=base_url,
        ways=ways_out(settings),
        conflict_after_s=settings.sync.conflict_after_s if settings.sync.on_conflict == "park" else None,
    )


def build_drain(settings: Settings, database: Database, clock: Clock) -> Drain:
    """The drain of this process.

    Raises:
        ConfigError: no base address is set, or it may not be used.
    """
    base_url = _base_url(settings)
    rng = SystemRandom()
    tokens = credentials(settings, clock)
    plain = rules(settings, base_url)
    intake = Intake(
        owner=f"{clock.boot()[:8]}-{os.getpid()}-{uuid4().hex[:8]}",
        lease_s=settings.sync.lease_s,
        tokens_for=tokens.for_owner,
        unanswered_s=settings.sync.settle_s + settings.sync.lookup_gap_s,
        renews=bool(settings.auth.command),
        paths={"unplanned-preventive": settings.api.unplanned_path},
        detours=Detours(plain.ways, _reissue_call(settings)),
        checks=Checks(plain.conflict_after_s, settings.lookup.path),
    )
    pool = WorkerPool(settings.sync.concurrency, _deliverers(settings, base_url, database, clock), clock)
    renewals = _renewals(settings, tokens) if settings.auth.command else None
    return Drain(database, pool, intake, plain, clock=clock, rng=rng, renewals=renewals)


def _renewals(settings: Settings, tokens: Credentials) -> Renewals:
    from sync.auth_command import AuthCommand
    from sync.renewals import Renewals

    command = AuthCommand(settings.auth.command, settings.auth.command_timeout_s, dict(os.environ))
    return Renewals(command, tokens.renew)


def _exchange_limit_s(settings: Settings) -> float:
    """An exchange ends well before its lease, also where only the lease was set."""
    return min(settings.sync.exchange_limit_s, settings.sync.lease_s * 0.75)


def _base_url(settings: Settings) -> str:
    base_url = settings.api.base_url
    if base_url is None:
        raise ConfigError(
            [
                problem(
                    "api.base_url",
                    "missing",
                    "the address of the API is not set",
                    source="",
                    fix="Set FIELDSYNC_API__BASE_URL, such as https://HOST/main",
                )
            ]
        )
    return base_url


def _deliverers(
    settings: Settings, base_url: str, database: Database, clock: Clock
) -> Callable[[], Deliverer]:
    """Makes one deliverer a thread; the TLS context and the uploader are shared, and made at the first call."""
    context: SSLContext | None = None
    uploader: Uploader | None = None
    ambient: AmbientUploader | None = None
    places = PlaceRules(
        bucket=settings.upload.bucket,
        region=settings.upload.region,
        key_pattern=settings.upload.key_pattern,
        path_style=settings.upload.s3_path_style,
    )

    def make() -> Deliverer:
        from sync.transport import Timeouts, Transport, TransportUnusable, ssl_context

        nonlocal context, uploader, ambient
        try:
            context = context or ssl_context(settings.api.ca_file)
            transport = Transport(
                base_url,
                timeouts=Timeouts(
                    connect_s=settings.api.connect_timeout_s, read_s=settings.api.read_timeout_s
                ),
                verify=context,
                user_agent=USER_AGENT,
                now=clock.now,
            )
        except TransportUnusable as unusable:
            fix = "Correct api.base_url, api.ca_file or the proxy variables"
            raise ConfigError(
                [problem("api", "unusable", str(unusable).rstrip("."), source="", fix=fix)]
            ) from None
        uploader = uploader or _uploader(settings, clock)
        if settings.upload.fallback == "ambient-credentials":
            ambient = ambient or _ambient_uploader(settings, clock)
        return Deliverer(
            database,
            transport,
            uploader,
            url_rules=url_rules(settings),
            clock=clock,
            ambient=ambient,
            places=places,
        )

    return make


def _uploader(settings: Settings, clock: Clock) -> Uploader:
    from threading import Thread

    from sync.upload import Uploader

    uploader = Uploader(
        _upload_line(settings, clock), rules=url_rules(settings), fallback=settings.upload.fallback
    )
    # The client takes a quarter of a second to make: that can pass while the first POST is on its way.
    Thread(target=uploader.warm, name="warm-upload", daemon=True).start()
    return uploader


def _ambient_uploader(settings: Settings, clock: Clock) -> AmbientUploader:
    """Its clients are made when they are needed: most addresses are good."""
    from sync.upload_ambient import AmbientUploader

    return AmbientUploader(
        _upload_line(settings, clock),
        endpoint=settings.upload.s3_endpoint,
        path_style=settings.upload.s3_path_style,
        instance_credentials=settings.upload.instance_credentials,
    )


def _upload_line(settings: Settings, clock: Clock) -> UploadLine:
    """One for each client: what this machine's AWS set-up says never meets an address that the server gave."""
    from sync.upload_line import UploadLine

    return UploadLine(
        connect_timeout_s=settings.upload.connect_timeout_s,
        read_timeout_s=settings.upload.read_timeout_s,
        max_connections=settings.sync.concurrency,
        ca_file=settings.api.ca_file,
        user_agent=USER_AGENT,
        now=clock.now,
        exchange_limit_s=_exchange_limit_s(settings),
    )
