"""The closed set of outcomes, and what a person is told for each reason.

Names and words only. Which answer is which outcome is said in `sync/outcome.py`, what follows from it in
`sync/policy.py`. Match on these classes and end with `assert_never`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "accepted": "The server has the intervention.",
        "signature_url_lost": "The server has the intervention, but gave no address for the signature.",
        "conflict": "The server says that it already holds something like this.",
        "answer_unusable": "The server accepted the intervention, but its answer could not be read.",
        "answer_unclear": "The server answered without saying that it has the intervention.",
        "answer_lost": "The intervention was sent, but the connection ended before the answer came.",
        "answer_late": "The intervention was sent, but no answer came in time.",
        "answer_garbled": "The intervention was sent, but what came back is not an answer.",
        "server_trouble": "The server had trouble and does not say whether it took the intervention.",
        "server_hurried": "The server gave up waiting and does not say whether it took the intervention.",
        "page_instead_of_answer": "A page came back in place of the API's answer.",
        "busy": "The server asks us to slow down.",
        "no_connection": "The server could not be reached.",
        "connect_timeout": "The server could not be reached in time.",
        "no_free_connection": "No connection was free to send on.",
        "proxy_failed": "The proxy of this network did not let us through.",
        "tls_untrusted": "The server's certificate cannot be trusted, so nothing was sent. "
        "A sign-in page of the network or a wrong device clock can be the cause.",
        "not_sent_whole": "The connection ended before everything was sent.",
        "exchange_too_long": "The exchange took too long and was ended.",
        "redirected": "Something on the way answered with a redirect; the API never does.",
        "network_sign_in": "The network asks for a sign-in of its own.",
        "auth_required": "The server asks for a new sign-in.",
        "forbidden": "The server refuses this to the person who is signed in.",
        "refused": "The server will not take this as it is.",
        "endpoint_missing": "The server does not know this address; the configured path may be wrong.",
        "target_missing": "The server no longer has the intervention that this changes.",
        "local_fault": "The request could not be built on this device.",
        "uploaded": "The signature is stored.",
        "upload_expired": "The address for the signature is no longer valid.",
        "upload_forbidden": "The storage refuses this upload.",
        "upload_signature_mismatch": "The storage says that the upload does not match its address.",
        "upload_signer_invalid": "The storage does not accept who made the address for the signature.",
        "upload_wrong_place": "The address for the signature leads to the wrong place.",
        "upload_missing_place": "The place for the signature does not exist.",
        "upload_too_large": "The storage finds the signature too large.",
        "upload_refused": "The storage will not take the signature at this address.",
        "upload_damaged": "The signature was damaged on its way and is sent again.",
        "upload_unconfirmed": "The storage did not confirm the signature in a way that we can check.",
        "upload_trouble": "The storage had trouble.",
        "upload_answer_lost": "The signature was sent, but the storage did not confirm it.",
        "not_storage": "Something on the way answered in place of the storage.",
    }
)


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
    """The tokens are missing, expired or refused."""

    name: ClassVar[str] = "auth_required"


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
)
