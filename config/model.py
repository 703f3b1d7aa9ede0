"""Every setting once: name, type, unit, default, meaning. Where values come from is `settings.py`.

Values are checked strictly, so that `true` is no number and `"15"` in the file is told as what it is. Checks that
need a person's attention name the remedy; none quotes a value.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from config.checks import (
    INSECURE,
    address_fault,
    as_command,
    as_secret,
    as_upper,
    is_insecure,
    path_fault,
    pattern_fault,
    refused,
    sane_path,
    web_name_fault,
)
from sync.credentials import TokenSource
from sync.secret import Secret

MIB = 1024 * 1024
# What a key pattern may be filled with; `sync/s3_location.py` does.
PLACEHOLDERS = ("server_id", "entry_id", "name", "image_key")


Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False, le=31 * 86_400)]
Count = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Token = Annotated[Secret | None, BeforeValidator(as_secret)]
File = Annotated[Path, BeforeValidator(sane_path)]


class Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        str_strip_whitespace=True,
    )


class ApiSettings(Section):
    """The interventions API and who speaks to it."""

    base_url: str | None = Field(
        default=None,
        description="Address of the API; in production it ends in the stage, /main. Needed to send, not to capture",
    )
    read_timeout_s: Seconds = Field(
        default=40.0,
        gt=0,
        description="Seconds to wait for an answer; the API's gateway itself gives up after about 29",
    )
    connect_timeout_s: Seconds = Field(default=10.0, gt=0, description="Seconds to wait for a connection")
    token: Token = Field(default=None, description="Bearer token (secret); better given in a file")
    token_file: File | None = Field(
        default=None, description="File holding the bearer token, read again when it changes"
    )
    session_token: Token = Field(default=None, description="Session token (secret); better given in a file")
    session_token_file: File | None = Field(
        default=None, description="File holding the session token, read again when it changes"
    )
    unplanned_path: str = Field(
        default="/interventions/v2/mb/preventive/unplanned",
        description="Path that creates an unplanned preventive intervention",
    )
    ca_file: File | None = Field(
        default=None,
        description="File of the certificate authorities to trust (PEM); without it the system's",
    )
    owner: str | None = Field(
        default=None,
        max_length=100,
        description="Whose entries these are where a capture does not say; else the token's user id",
    )

    def token_source(self) -> TokenSource:
        return TokenSource(self.token, None if self.token else self.token_file)

    def session_token_source(self) -> TokenSource:
        return TokenSource(self.session_token, None if self.session_token else self.session_token_file)

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str | None) -> str | None:
        if not value:
            return None
        if fault := address_fault(value):
            raise refused("base_url_invalid", fault)
        return value.rstrip("/")

    @field_validator("unplanned_path")
    @classmethod
    def _unplanned_path(cls, value: str) -> str:
        if fault := path_fault(value):
            raise refused("not_a_path", fault)
        return value

    @field_validator("owner")
    @classmethod
    def _owner(cls, value: str | None) -> str | None:
        if value and (not value.isprintable() or len(value.encode("utf-8", "surrogatepass")) > 100):
            raise refused("owner_invalid", "must be 1 to 100 bytes of printable text")
        return value or None


class AuthSettings(Section):
    """How fresh tokens are got when those that are here have failed."""

    command: Annotated[tuple[str, ...], BeforeValidator(as_command)] = Field(
        default=(),
        description="Program and arguments that print fresh tokens; run without a shell, AUTH_OWNER says for whom",
    )
    command_timeout_s: Seconds = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds after which that command is ended with all it started",
    )


class StorageSettings(Section):
    """Where the outbox lives."""

    dir: File = Field(
        description="Folder of the outbox, on a local disk; without it systemd's STATE_DIRECTORY or the platform's"
    )
    reserve_mib: Count = Field(
        default=32,
        ge=0,
        le=4096,
        description="MiB of disk kept back from captures so that a full disk can still be drained",
    )


class UploadSettings(Section):
    """Sending the signature image to where the receipt's address points."""

    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts, besides those of S3, that a signature may be sent to"
    )
    allow_insecure_loopback: Flag = Field(
        default=False,
        description="Allow http to this machine itself, for API and upload; for trials and tests only",
    )
    fallback: Literal["off", "anonymous", "ambient-credentials"] = Field(
        default="off",
        description='Without a usable address: "off" parks, "anonymous" sends to one without a signature, '
        '"ambient-credentials" puts with this machine\'s own AWS credentials',
    )
    reissue_path: str = Field(
        default="",
        description="Path that gives another address, with {id} for the server id; empty: there is no such call",
    )
    reissue_method: Literal["POST", "PUT", "GET"] = Field(
        default="POST", description="Method of the call for another address"
    )
    reissue_pointer: str = Field(
        default="/presignedUrl", description="JSON pointer to the address in the answer to that call"
    )
    bucket: str = Field(
        default="",
        description="Only bucket that own credentials write to; empty: the one that the spent address names",
    )
    region: str = Field(
        default="", description="Region of the bucket where neither the address nor its signature names it"
    )
    key_pattern: str = Field(
        default="",
        description="Key of a signature that never had an address: {server_id}, {entry_id}, {name}, {image_key}",
    )
    s3_endpoint: str = Field(
        default="", description="Address of an S3 that is not Amazon's, for own credentials; empty: Amazon's"
    )
    s3_path_style: Flag = Field(
        default=False, description="The bucket is the first part of the path there, and of its addresses"
    )
    instance_credentials: Flag = Field(
        default=False,
        description="Own credentials may come from the cloud's metadata service; leave it off anywhere else",
    )
    read_timeout_s: Seconds = Field(
        default=60.0, gt=0, description="Seconds to wait for the storage's answer"
    )
    connect_timeout_s: Seconds = Field(
        default=10.0, gt=0, description="Seconds to wait for a connection to the storage"
    )

    @field_validator("reissue_path")
    @classmethod
    def _reissue_path(cls, value: str) -> str:
        if value and (fault := path_fault(value.replace("{id}", "1"))):
            raise refused("not_a_path", fault)
        if value and (value.count("{id}") != 1 or set("{}") & set(value.replace("{id}", ""))):
            raise refused("not_a_path", "must hold {id} once, where the server id goes")
        return value

    @field_validator("reissue_pointer")
    @classmethod
    def _reissue_pointer(cls, value: str) -> str:
        if not value.startswith("/") or re.search(r"~(?![01])", value):
            raise refused("not_a_pointer", "must be a JSON pointer such as /data/presignedUrl")
        return value

    @field_validator("bucket")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if value and (not re.fullmatch(r"[A-Za-z0-9._-]{3,255}", value) or ".." in value):
            raise refused("not_a_bucket", "must be the name of a bucket")
        return value

    @field_validator("region")
    @classmethod
    def _region(cls, value: str) -> str:
        if value and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", value):
            raise refused("not_a_region", "must be a region such as eu-west-3")
        return value

    @field_validator("key_pattern")
    @classmethod
    def _key_pattern(cls, value: str, info: ValidationInfo) -> str:
        if value and (fault := pattern_fault(value, PLACEHOLDERS)):
            raise refused("not_a_pattern", fault)
        if value and not info.data.get("bucket", "unknown"):
            raise refused("contradiction", "needs upload.bucket as well")
        return value

    @field_validator("s3_endpoint")
    @classmethod
    def _s3_endpoint(cls, value: str, info: ValidationInfo) -> str:
        if value and (fault := address_fault(value)):
            raise refused("not_an_address", fault)
        if is_insecure(value) and not info.data.get("allow_insecure_loopback", True):
            raise refused("insecure_endpoint", INSECURE)
        return value.rstrip("/")

    @field_validator("allowed_hosts")
    @classmethod
    def _allowed_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-._:[]")
            if not host or not set(host.lower()) <= allowed or host.startswith(("-", ".")):
                raise refused("not_a_host", "must list host names only, without scheme, path or wildcard")
        return tuple(host.lower() for host in hosts)


class CaptureSettings(Section):
    """What a capture may hold."""

    max_image_bytes: Count = Field(
        default=2 * MIB, ge=1024, le=64 * MIB, description="Largest signature image in bytes"
    )
    max_image_pixels: Count = Field(
        default=4_000_000,
        ge=1,
        le=100_000_000,
        description="Largest signature image in pixels (width times height)",
    )


class SyncSettings(Section):
    """When and how entries are sent."""

    interval_s: Seconds = Field(default=15.0, ge=0.1, description="Seconds between two looks for due entries")
    concurrency: Count = Field(default=4, ge=1, le=64, description="Entries on the wire at the same time")
    backoff_base_s: Seconds = Field(
        default=2.0, gt=0, description="Seconds of the first wait before a retry; doubles each time"
    )
    backoff_cap_s: Seconds = Field(
        default=900.0, gt=0, description="Seconds of the longest wait before a retry"
    )
    start_spread_s: Seconds = Field(
        default=30.0, ge=0, description="Seconds over which devices spread their start when the link returns"
    )
    probe_cap_s: Seconds = Field(
        default=120.0, gt=0, description="Seconds of the longest wait between looks for the link"
    )
    in_doubt: Literal["lookup", "key", "resend", "hold"] = Field(
        default="lookup",
        description='What to do when an answer was lost: "lookup" sees whether the server has it, "key" sends again '
        'to a server that honours keys, "resend" may create it twice, "hold" asks a person',
    )
    settle_s: Seconds = Field(
        default=60.0, ge=0, description="Seconds to leave an entry in doubt alone before anything is done"
    )
    lookup_gap_s: Seconds = Field(
        default=60.0, ge=0, description="Seconds between two look-ups of one entry in doubt"
    )
    on_conflict: Literal["park", "send"] = Field(
        default="park",
        description='What to do with an update that waited while somebody else changed its target: "park" asks a '
        'person, "send" overwrites',
    )
    # Beyond every wait that a device in reach of the server goes through: probe, spread, settling and a look-up.
    conflict_after_s: Seconds = Field(
        default=300.0,
        ge=0,
        description="Seconds after which an update reads its target before it goes, where sync.on_conflict is park",
    )
    lease_s: Seconds = Field(
        default=120.0, ge=1, description="Seconds a worker's claim on an entry lasts; renewed at a third"
    )
    exchange_limit_s: Seconds = Field(
        default=90.0,
        gt=0,
        description="Seconds after which a whole exchange is cut off; must be less than lease_s",
    )
    max_attempts: Count = Field(
        default=12, ge=1, le=1000, description="Counted attempts of one step before an entry is parked"
    )
    max_age_days: Annotated[float, Field(strict=True, allow_inf_nan=False)] = Field(
        default=7.0,
        gt=0,
        le=3650,
        description="Days since the first attempt of a step before an entry is parked",
    )

    @field_validator("backoff_cap_s")
    @classmethod
    def _cap(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("backoff_base_s", 0):
            raise refused("contradiction", "must not be less than sync.backoff_base_s")
        return value

    @field_validator("exchange_limit_s")
    @classmethod
    def _exchange_limit(cls, value: float, info: ValidationInfo) -> float:
        # An exchange that outlives its lease could be sent by a second worker as well.
        if value >= info.data.get("lease_s", float("inf")):
            raise refused("contradiction", "must be less than sync.lease_s")
        return value


class LookupSettings(Section):
    """The list call that tells whether the server has an entry in doubt."""

    path: str = Field(default="/interventions/v2/rs", description="Path that lists interventions")
    parameters: tuple[str, ...] = Field(
        default=(),
        description='More query parameters, each "name=value"; {from} and {to} stand for the time that matters',
    )
    page_parameter: str = Field(default="page", description="Query parameter of the page number")
    page_size_parameter: str = Field(default="pageSize", description="Query parameter of the page size")
    page_size: Count = Field(default=50, ge=1, le=1000, description="Interventions asked for on one page")
    max_pages: Count = Field(
        default=40, ge=1, le=10_000, description="Most pages read; a list that goes on proves no absence"
    )
    newest_first: Flag = Field(
        default=False,
        description="The list is known to be ordered by createdAt, newest first: older pages need not be read",
    )
    details: Flag = Field(
        default=True, description="Read an intervention by its id where the list does not show whose it is"
    )

    @field_validator("path")
    @classmethod
    def _path(cls, value: str) -> str:
        if fault := path_fault(value):
            raise refused("not_a_path", fault)
        return value

    @field_validator("parameters")
    @classmethod
    def _parameters(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            name, mark, rest = value.partition("=")
            if not (mark and name and rest and _is_name(name) and value.isprintable()):
                raise refused("not_a_parameter", 'must list "name=value" texts, without ? and &')
        return values

    @field_validator("page_parameter", "page_size_parameter")
    @classmethod
    def _name(cls, value: str) -> str:
        if not _is_name(value):
            raise refused("not_a_parameter", "must be the plain name of a query parameter")
        return value


def _is_name(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and not set(value) & set(" ?#&=%+\\/")


class WebSettings(Section):
    """The local API and page."""

    enabled: Flag = Field(default=True, description="Serve the local API and page while fieldsync run runs")
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; keep it to this machine"
    )
    port: Count = Field(default=8642, ge=0, le=65_535, description="Port to listen on; 0 takes a free one")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names, besides those of this machine itself, that browsers may reach it by; "
        "with a port where a tunnel or proxy has another",
    )

    @field_validator("allowed_hosts")
    @classmethod
    def _allowed_hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(web_name_fault(name) for name in names):
            what = "must list host names or addresses, each with a port or without, and no scheme, path or wildcard"
            raise refused("not_a_host", what)
        return tuple(name.lower() for name in names)


class LogSettings(Section):
    """What is written to stderr."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(as_upper)] = (
        Field(
            default="INFO",
            description="Least weight of what is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL",
        )
    )
    format: Literal["text", "json"] = Field(
        default="text", description='"text" for people, "json" for one object a line'
    )
