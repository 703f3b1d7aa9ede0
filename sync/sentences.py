"""What a person is told for each reason of an outcome. Light: `status` needs the words, not the outcomes."""

from collections.abc import Mapping
from types import MappingProxyType

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
