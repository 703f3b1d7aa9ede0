"""The closed set of outcomes, and what a person is told for each reason.

Names and words only. Which answer is which outcome is said in `sync/outcome.py`, what follows from it in
`sync/policy.py`. Match on these classes and end with `assert_never`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sync.sentences import SENTENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """`reason` is a stable code, `sentence` says it to a person (from SENTENCES unless given).

    `detail` is at most 1 kB of what was answered or went wrong, redacted.
    """

    name: ClassVar[str]
    reason: str
    sentence: str = ""
    status: int | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if not self.sentence:
            object.__setattr__(self, "sentence", SENTENCES[self.reason])


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(_Told):
    """The server has it. `answer` is its body without the presigned URL, which is a secret."""

    name: ClassVar[str] = "accepted"
    server_id: int
    presigned_url: str | None = field(repr=False)
    answer: dict[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded(_Told):
    """The signature is stored, and what was stored was compared where that is possible."""

    name: ClassVar[str] = "uploaded"
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retryable(_Told):
    """Certainly not carried out, or harmless to repeat. `counts`: does it use up an attempt?"""

    name: ClassVar[str] = "retryable"
    retry_after_s: float | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable(_Told):
    """The whole request certainly did not reach the server."""

    name: ClassVar[str] = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOurs(_Told):
    """Somebody else answered: a portal, a proxy, a page."""

    name: ClassVar[str] = "not_ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt(_Told):
    """It may have been carried out; where `certainly_created`, it was, and must never be sent again."""

    name: ClassVar[str] = "in_doubt"
    certainly_created: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRequired(_Told):
    """The tokens are missing, expired or refused. `perhaps_only_this`: for this entry, nothing was said of tokens."""

    name: ClassVar[str] = "auth_required"
    perhaps_only_this: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(_Told):
    """The server will never take it as it is."""

    name: ClassVar[str] = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointMissing(_Told):
    """The route is not there: no fault of this entry."""

    name: ClassVar[str] = "endpoint_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMissing(_Told):
    """What a PATCH changes is not there."""

    name: ClassVar[str] = "target_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSpent(_Told):
    """The presigned URL, or the session that signed it, is over."""

    name: ClassVar[str] = "url_spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRefused(_Told):
    """No retry helps with this URL."""

    name: ClassVar[str] = "upload_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFault(_Told):
    """Our own bug or data."""

    name: ClassVar[str] = "local_fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlIssued(_Told):
    """The server gave another address for the signature. It is a secret."""

    name: ClassVar[str] = "url_issued"
    url: str = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WayClosed(_Told):
    """A way out of a spent address leads nowhere now; `lasting`: nor will it by itself."""

    name: ClassVar[str] = "way_closed"
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetShown(_Told):
    """The intervention that an update changes, as the server shows it now."""

    name: ClassVar[str] = "target_shown"
    item: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRefused(_Told):
    """The server does not show the intervention that an update changes."""

    name: ClassVar[str] = "read_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLost(_Told):
    """The intervention that an update changes was asked for, and the answer was lost."""

    name: ClassVar[str] = "read_lost"


Outcome = (
    Accepted
    | Uploaded
    | Retryable
    | Unreachable
    | NotOurs
    | InDoubt
    | AuthRequired
    | Rejected
    | EndpointMissing
    | TargetMissing
    | UrlSpent
    | UploadRefused
    | LocalFault
    | UrlIssued
    | WayClosed
    | TargetShown
    | ReadRefused
    | ReadLost
)
