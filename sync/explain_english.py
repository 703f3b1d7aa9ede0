"""Every reason and every situation of an entry, explained in English.

What happened in a try is said once, in `outcome_kinds.SENTENCES`; here is what it means and what a person can do.
Only commands that exist are named. Another language is another table with the same keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sync.explain_words import Language, Words

_LOOK: Final = "See what was tried and what the server said: fieldsync show {id}"
_AGAIN: Final = "Once the cause is gone, let it go on: fieldsync resync {id}"
_SYNC: Final = "Try right now: fieldsync sync"
_HASTEN: Final = "Forget the wait and go now: fieldsync resync {id}"
_SUPPORT: Final = "Hand all that is known to support: fieldsync show {id} --json"
_SIGN_IN: Final = "Sign in: fieldsync auth set{owner}"
_HELD: Final = "Nothing happens by itself: it is kept whole until a person acts."
_LIST_PARKED: Final = "fieldsync list --state parked"
_ARRIVED: Final = "If it is there, give its number on the server: fieldsync settle {id} --arrived SERVER_ID"
_NOTICE_ARRIVED: Final = "If it was done, say so: fieldsync settle {id} --arrived SERVER_ID"
_NOT_ARRIVED: Final = (
    "If it is certainly not there, let it be sent again: fieldsync settle {id} --not-arrived"
)
_LOOKED_UP: Final = (
    "The server is asked again by itself; after a day without a clear answer a person is asked."
)
_GIVE: Final = "Or give it to somebody who is signed in: fieldsync edit {id} --owner NAME"
_END: Final = "End it without its signature at the server: fieldsync settle {id} --unsigned"
_SIGNED: Final = "Give it an address that support has signed: fieldsync settle {id} --upload-url-stdin"
_WAY: Final = (
    "When another way is set up (upload.reissue_path, upload.fallback), let it go on: fieldsync resync {id}"
)
_RELEASE: Final = "fieldsync resync --reason "


def _sentences() -> Mapping[str, str]:
    from sync.sentences import SENTENCES

    return SENTENCES


def _held(*can: str, what: str = "", command: str = _LIST_PARKED) -> Words:
    """A reason that holds an entry until a person acts."""
    return Words(what, can, _HELD, command)


def _looking(what: str, *can: str) -> Words:
    """Why a look-up has not settled an entry in doubt yet."""
    return Words(what, can, _LOOKED_UP, "fieldsync list --state in_doubt")


def _passing(*can: str, what: str = "", command: str = "fieldsync sync", of_storage: str = "") -> Words:
    """A reason to wait that ends by itself."""
    return Words(what, can, "It is tried again by itself.", command, of_storage)


def _no_tokens(what: str) -> Words:
    """The sign-in command gave no tokens."""
    return _passing(
        "Check auth.command, and run it by hand as the user of the worker: fieldsync config show",
        _SIGN_IN,
        what=f"The command that gets new tokens {what}.",
        command="fieldsync auth set",
    )


_PASSING: Final = {
    reason: _passing()
    for reason in (
        "no_free_connection", "proxy_failed", "not_sent_whole",
        "exchange_too_long", "answer_lost", "answer_late", "answer_garbled", "answer_unclear", "server_trouble",
        "server_hurried", "upload_damaged", "upload_unconfirmed", "upload_trouble", "upload_answer_lost",
    )
}  # fmt: skip
_OF_THE_NETWORK: Final = {
    reason: _passing("Sign in to this network in a browser, or change the network, then: fieldsync sync")
    for reason in ("redirected", "network_sign_in", "page_instead_of_answer", "not_storage")
}
_OF_THE_URL: Final = {
    reason: _held("Let the same address be tried again: fieldsync resync {id}", _WAY, _SIGNED, _END, _SUPPORT)
    for reason in (
        "upload_forbidden", "upload_signature_mismatch", "upload_signer_invalid", "upload_wrong_place",
        "upload_missing_place", "upload_too_large", "upload_refused",
    )
}  # fmt: skip
_NO_URL: Final = (
    "Or tell whoever runs the server that this intervention has no signature; all they need: "
    "fieldsync show {id} --json"
)
_OURS: Final = {
    "accepted": Words("", (), "Its signature follows.", "fieldsync sync"),
    "uploaded": Words("", (), "Nothing more is to do.", "fieldsync status"),
    "no_connection": _passing(of_storage="The storage could not be reached."),
    "connect_timeout": _passing(of_storage="The storage could not be reached in time."),
    "busy": _passing(command="fieldsync status", of_storage="The storage asks us to slow down."),
    "tls_untrusted": _passing(
        "Check date and time of this device and the setting api.ca_file: fieldsync config show",
        "Then try again: fieldsync sync",
        command="fieldsync config show",
        of_storage="The storage's certificate cannot be trusted, so nothing was sent.",
    ),
    "auth_required": _passing(
        _SIGN_IN,
        what="The sign-in is missing, has expired, or was refused by the server.",
        command="fieldsync auth set",
    ),
    "auth_command_missing": _no_tokens("could not be started"),
    "auth_command_failed": _no_tokens("failed"),
    "auth_command_too_slow": _no_tokens("took too long and was ended"),
    "auth_command_unreadable": _no_tokens("printed no sign-in answer"),
    "auth_command_refused": _no_tokens("printed tokens that cannot be used"),
    "auth_command_unchanged": _no_tokens("printed the same tokens again"),
    "auth_command_stopped": _no_tokens("was ended together with the worker"),
    "auth_refused_alone": _passing(
        _LOOK,
        _SIGN_IN,
        what="The server refuses the sign-in for this entry, though it takes others with the same sign-in.",
        command="fieldsync list --state pending",
    ),
    "endpoint_missing": Words(
        "",
        (
            "Check api.base_url and api.unplanned_path: fieldsync config show",
            "Then let the queue go on: fieldsync resume",
        ),
        "Nothing is sent until a person lets the queue go on.",
        "fieldsync config show",
    ),
    "rejections_suspicious": Words(
        "Several different entries in a row were refused for good, so something else may be wrong.",
        (
            "Look at what was refused, and why: fieldsync list --state dead",
            "Check which server is addressed: fieldsync config show",
            "When the cause is gone, take up what was refused: fieldsync resync --state dead",
        ),
        "Nothing is sent until a person lets the queue go on.",
        "fieldsync list --state dead",
    ),
    "person": Words("A person has paused the queue.", (), "", "fieldsync resume"),
    "paused": Words("The queue is paused.", (), "", "fieldsync resume"),
    "forbidden": _held(_LOOK, _SIGN_IN, _AGAIN, command="fieldsync list --state dead"),
    "refused": _held(
        _LOOK,
        "Correct what it says, then let it go on: fieldsync edit {id} --set PATH=VALUE",
        "If the server was wrong and is put right, send it again: fieldsync resync {id}",
        command="fieldsync list --state dead",
    ),
    "target_missing": _held(
        _LOOK,
        "If it changes another one, say which, then let it go on: fieldsync edit {id} --target SERVER_ID",
        "If it is there again, send it again: fieldsync resync {id}",
    ),
    "local_fault": _held(_LOOK, _AGAIN, _SUPPORT),
    "conflict": _held(_LOOK, _ARRIVED, _NOT_ARRIVED, _SUPPORT),
    "answer_unusable": _held(
        "It arrived and is not sent again; look for it on the server: fieldsync show {id}",
        _ARRIVED,
        _SUPPORT,
    ),
    "arrival_unknown": _held(
        "Look on the server for an intervention with the same times, people and words: fieldsync show {id}",
        _ARRIVED,
        _NOT_ARRIVED,
        "Let it be looked up again: fieldsync resync {id}",
        what="It was sent, but no answer came: nobody knows yet whether the server has it.",
    ),
    "several_matches": _held(
        "See what the server has with these times: fieldsync show {id}",
        _ARRIVED,
        _NOT_ARRIVED,
        what="The server has more than one intervention that may be this one, so nobody guesses which.",
    ),
    "lookup_missed": _looking(
        "The server was asked and does not show it. It is asked once more before anything is sent again."
    ),
    "lookup_unavailable": _looking(
        "The server does not let us look whether it has it.",
        "Check the section [lookup] and what these tokens may read: fieldsync config show",
    ),
    "lookup_unreachable": _looking("The server could not be asked whether it has it."),
    "lookup_incomplete": _looking(
        "The server's list is longer than what is read of it, so that it is not shown proves nothing.",
        "Raise lookup.max_pages, or narrow the list with lookup.parameters: fieldsync config show",
    ),
    "lookup_blind": _looking(
        "The server's list shows nothing of this kind that this device sent about then, so an absence proves nothing.",
        "Check what these tokens may read: fieldsync auth status",
    ),
    "lookup_unclear": _looking(
        "What the server shows neither is this intervention for certain nor excludes it.",
    ),
    "found_at_server": Words(
        "The server was asked, and has it.", (), "Its signature follows.", "fieldsync sync"
    ),
    "absent_at_server": _passing(what="The server was asked twice and does not have it."),
    "change_found": _passing(
        what="The server was asked and shows the change. It is sent once more without its mail or notice, which "
        "may have gone out: so nobody gets it twice.",
    ),
    "notice_withheld": _passing(
        what="Nobody can tell whether the change arrived. It is sent once more without its mail or notice, which "
        "may have gone out: so nobody gets it twice, and perhaps nobody at all.",
    ),
    "notice_unknown": _held(
        _NOTICE_ARRIVED,
        "If certainly nobody was written to, let it be sent again: fieldsync settle {id} --not-arrived",
        "Give it up: fieldsync discard {id} --reason TEXT",
        what="It does nothing but write to somebody, and no answer came: nobody knows whether that was done.",
    ),
    "changed_at_server": _held(
        "Compare what is there with what was to be sent: fieldsync show {id}",
        "Send it all the same, over what is there: fieldsync resync {id}",
        "Give it up: fieldsync discard {id} --reason TEXT",
        command="fieldsync list --state parked",
    ),
    "check_passed": _passing(),
    "check_refused": _passing("Check what these tokens may read: fieldsync auth status"),
    "check_untold": _passing(),
    "check_lost": _passing(),
    "server_id_taken": _held(
        "Compare the receipts of both entries: fieldsync show {id} --json",
        _ARRIVED,
        _SUPPORT,
        what="The server answered with an intervention that another entry of this device had made.",
    ),
    "attempts_exhausted": _held(
        _LOOK,
        "Give it a fresh set of tries: fieldsync resync {id}",
        what="It was tried as often as the settings allow.",
        command=f"{_RELEASE}attempts_exhausted",
    ),
    "target_discarded": _held(
        "Give it another target: fieldsync edit {id} --target SERVER_ID",
        "Give it up as well: fieldsync discard {id} --reason TEXT",
        _LOOK,
        what="It needs the server id of an entry that was given up before the server had it.",
    ),
    "follows_unanswered": Words(
        "An earlier change of the same intervention got no answer and may still be carried out; this one comes after.",
        (),
        "It is sent once that cannot be any more.",
        "fieldsync list",
    ),
    "parent_lost": _held(
        "Give it the number that the server has: fieldsync edit {id} --target SERVER_ID",
        _LOOK,
        what="It needs the server id of an entry that was lost here.",
    ),
    "unsigned": Words(
        "A person ended it without its signature at the server.", (), "", "fieldsync list --state done"
    ),
    "assigned": Words("A person gave it to another owner.", (), "", "fieldsync list"),
    "handed_over": _held(
        "Where the bundle was imported, it is delivered from there. When it is, give it up here: "
        "fieldsync discard {id} --reason delivered-elsewhere",
        "Where the bundle was imported nowhere, take it back with it: fieldsync import FILE",
        "Where its file is lost or was cut off, write it again: fieldsync export --again {id} -o FILE",
        "Or take it back without; were it imported after all, both devices would "
        "send it: fieldsync resync {id} --force",
        what="It was handed over to another device in a bundle, so this device does not send it.",
        command="fieldsync list --state parked",
    ),
    "perhaps_handed_over": _held(
        "See on the devices that bundles went to whether one of them has it: fieldsync show {id}",
        "When it is delivered from there, give it up here: fieldsync discard {id} --reason delivered-elsewhere",
        _ARRIVED,
        "If no other device has it, let it go on; the server is asked first: fieldsync resync {id} --force",
        what="The database was rebuilt from a copy that is older than the last hand-over of entries, so another device "
        "may have this one and send it.",
        command="fieldsync list --state parked",
    ),
    "taken_back": Words("It was handed over in a bundle, and taken back.", (), "", "fieldsync list"),
    "imported": Words("It came from another device in a bundle.", (), "", "fieldsync list"),
    "said_arrived": Words("A person said that the server has it.", (), "", "fieldsync list"),
    "said_not_arrived": Words("A person said that the server does not have it.", (), "", "fieldsync list"),
    "url_given": Words("A person gave an address for its signature.", (), "", "fieldsync list"),
    "edited": Words("A person corrected what it says.", (), "", "fieldsync list"),
    "accepted_before_edit": _held(
        "Compare what it said and what it says: fieldsync show {id} --json",
        "If the server may keep it as it was, let it go on: fieldsync resync {id}",
        "If it needed no signature, give its number on the server: fieldsync settle {id} --arrived SERVER_ID",
        what="A late answer shows that the server has it as it was before it was edited; the edited one is not sent, "
        "because that would make a second one.",
    ),
    "discarded": Words("A person gave it up.", (), "", "fieldsync list --state discarded"),
    "kind_unknown": _held(
        "Install the newer version again, then: fieldsync resync {id}",
        what="This program does not know this kind of entry; a newer one captured it.",
    ),
    "payload_damaged": _held(
        _SUPPORT, _LOOK, what="What is stored is not what was captured, so it is not sent."
    ),
    "signature_damaged": _held(
        _SUPPORT,
        _LOOK,
        what="The stored signature image is missing or is not what was captured, so it is not sent.",
    ),
    "recovered": Words(
        "The database was damaged and was rebuilt from what could be read, so nobody knows whether it was sent before.",
        (),
        "",
        "fieldsync list --state in_doubt",
    ),
    "signature_url_lost": _held(_WAY, _SIGNED, _END, _NO_URL),
    "upload_expired": _held(_WAY, _SIGNED, _END, _NO_URL),
    # How the ways out of a spent address went.
    "url_issued": Words("", (), "Its signature follows.", "fieldsync sync"),
    "reissue_unavailable": _passing(
        "Check upload.reissue_path: fieldsync config show",
        what="The server did not give another address for the signature.",
        command="fieldsync config show",
    ),
    "reissue_unusable": _passing(
        "Check upload.reissue_pointer and upload.allowed_hosts: fieldsync config show",
        command="fieldsync config show",
    ),
    "ambient_unavailable": _passing(
        "Give this machine credentials for the storage, then: fieldsync sync",
        command="fieldsync config show",
    ),
    "ambient_refused": _passing(
        "Let whoever runs the storage allow this machine to write there, then: fieldsync sync",
        command="fieldsync config show",
    ),
    "ambient_no_place": _passing(
        "Check upload.bucket, upload.region and upload.key_pattern: fieldsync config show",
        command="fieldsync config show",
    ),
    "upload_url_refused": _held(
        "If the host is right, add it to upload.allowed_hosts and check: fieldsync config show",
        "Then, while the address is valid: fieldsync resync {id}",
        _SIGNED,
        _END,
        what="The address for the signature is not one that signatures may be sent to.",
        command="fieldsync config show",
    ),
    "upload_url_unsigned": _held(
        "If that is meant, set upload.fallback to anonymous or ambient-credentials and check: fieldsync config show",
        "Then: fieldsync resync {id}",
        _SIGNED,
        _END,
        what="The address for the signature carries no permission of its own.",
        command="fieldsync config show",
    ),
    "upload_headers_unsatisfiable": _held(
        _SIGNED,
        _END,
        _SUPPORT,
        what="The address for the signature asks for headers that this program cannot give.",
    ),
    "upload_impossible": _held(
        _SIGNED, _END, _LOOK, _SUPPORT, what="The address for the signature cannot be used."
    ),
    "interrupted": _passing(what="The program ended in the middle of a try, so its answer is not known."),
    "handed_back": _passing(what="A try was given up before its first byte left."),
    # What the queue as a whole can suffer from.
    "upload_host_closed": _passing(
        what="The storage for signatures cannot be used, so nothing that needs it is sent: its address would expire.",
    ),
    "waits_for_entry": _held(
        what="They come after an entry that needs a person.",
        command="fieldsync list --needs-action",
    ),
    "worker_silent": Words(
        "The worker holds its place but has given no sign of life for over a minute; if that lasts, restart it.",
        (),
        "",
        "fieldsync sync",
    ),
    "drain_silent": Words(
        "A process that delivers keeps the outbox to itself but has given no sign of life for over a minute. While it "
        "may still send, nobody else does: let it go on (kill -CONT) or end it.",
        (),
        "",
        "fieldsync status",
    ),
    "clock_suspect": Words(
        "The clock of this device is more than two minutes off; order and waits do not depend on it, but what is "
        "captured now names a wrong time.",
        ("Put date and time of this device right before the next capture, then: fieldsync status",),
        "",
        "fieldsync status",
    ),
    "pending": Words("It waits for its turn.", (), "", "fieldsync sync"),
    "in_doubt": Words("It may or may not have arrived.", (), "", "fieldsync list --state in_doubt"),
    "parked": Words("It is held; no reason was recorded.", (), "", _LIST_PARKED),
    "dead": Words("It was refused for good; no reason was recorded.", (), "", "fieldsync list --state dead"),
}

_SITUATIONS: Final = {
    "paused": Words(
        "Nothing is sent until the queue is resumed.",
        ("Let the queue go on: fieldsync resume",),
        "It goes on when the queue does. Captures work all the same.",
    ),
    "behind_target": Words("It changes what entry {id} makes, and needs the server id of that."),
    "behind_reference": Words("Its body names what entry {id} makes, and needs the server id of that."),
    "behind_after": Words("It is to come after entry {id}."),
    "behind_order": Words("Entry {id} changes the same intervention, and its turn is first."),
    "blocked": Words(
        "That entry is {state}.",
        ("Look at that entry: fieldsync show {id}",),
        "It goes on by itself once that entry is through.",
    ),
    "blocked_for_good": Words(
        "That entry is {state} and needs a person.",
        ("Look at that entry: fieldsync show {id}", "Let that entry go on: fieldsync resync {id}"),
        "It goes on by itself once that entry is through.",
    ),
    "owner_held": Words(
        "It waits for a sign-in: the tokens are missing, have expired, or were refused.",
        (_SIGN_IN, _GIVE),
        "With new tokens it goes on at once; until then the old ones are tried only now and then.",
    ),
    "api": Words(
        "Everything for the server waits until the next look.",
        ("Look for the server right now: fieldsync sync", "Ignore the wait once: fieldsync sync --force"),
        "The server is looked for by itself, more and more rarely; this costs the entry no try.",
    ),
    "upload": Words(
        "The server has the intervention; its signature waits for the storage.",
        ("Look for the storage right now: fieldsync sync", "Ignore the wait once: fieldsync sync --force"),
        "The signature is sent by itself as soon as the storage can be used. The intervention is not sent again.",
    ),
    "upload_before_send": Words(
        "The storage for signatures cannot be used, so it is not sent yet: "
        "the address for its signature would expire unused.",
        ("Look for the storage right now: fieldsync sync", "Ignore the wait once: fieldsync sync --force"),
        "It is sent by itself as soon as the storage can be used.",
    ),
    "backoff": Words("It waits before the next try.", (_HASTEN,), "It is tried again by itself at that moment."),
    "turn": Words(
        "It waits for its turn.", (_SYNC,), "The worker sends it when the network allows, oldest capture first."
    ),
    "upload_turn": Words(
        "The server has the intervention; its signature waits for its turn.",
        (_SYNC,),
        "The worker sends the signature next, before anything new. The intervention is not sent again.",
    ),
    "url_looks_over": Words(
        "By what it says of itself, the address for its signature has ended; the storage decides.",
        (_SYNC,),
        "Where the storage refuses it, the ways out follow by themselves.",
    ),
    "reissue": Words(
        "The server has the intervention; the server is asked for another address for its signature.",
        (_HASTEN,),
        "With another address the signature is sent; without one the next way is tried. "
        "The intervention is not sent again.",
    ),
    "ambient": Words(
        "The server has the intervention; its signature goes to the storage with this machine's own credentials.",
        (_HASTEN,),
        "The storage confirms the signature, and it is done. The intervention is not sent again.",
    ),
    "uploading": Words(
        "The server has the intervention; its signature is on its way.",
        ("See where it stands: fieldsync show {id}",),
        "The storage confirms the signature, and it is done.",
    ),
    "checking": Words(
        "The intervention that it changes is being read at the server, to see whether somebody else has changed it.",
        ("See where it stands: fieldsync show {id}",),
        "Where nobody has, it is sent; else it is held for a person.",
    ),
    "sending": Words(
        "It is on its way to the server.",
        ("See where it stands: fieldsync show {id}",),
        "The answer is written down the moment it comes.",
    ),
    "cut_off": Words(
        "It was being sent when the program ended: nobody knows yet whether it arrived.",
        ("Let the next pass look into it now: fieldsync sync",),
        "The next pass treats it as in doubt; it is not simply sent again.",
    ),
    "in_doubt": Words(
        "It may or may not have arrived; it is not sent again by guessing.",
        ("Look it up now: fieldsync resync {id}", _ARRIVED, _NOT_ARRIVED),
        "After its settling time the server is asked whether it has it (or what sync.in_doubt says is done).",
    ),
    "created": Words(
        "It arrived, and is never sent again.",
        ("Look it up now: fieldsync resync {id}", _ARRIVED, _SUPPORT),
        "The server is asked for it; where it does not show it, a person is asked for its number.",
    ),
    "parked": Words("It is held.", (_LOOK, _AGAIN), _HELD),
    "dead": Words("It was refused for good.", (_LOOK, _AGAIN), _HELD),
    "done": Words("", (), "Nothing: it is delivered in full."),
    "discarded": Words("", (), "Nothing: a person gave it up."),
    "state_unknown": Words(
        "It is in a state that this program has no words for.",
        (_SUPPORT,),
        "A newer fieldsync may know what happens next.",
    ),
}  # fmt: skip

_STAGES: Final = {
    "pending": "Let go on, it is sent with a fresh set of tries.",
    "accepted": "The server has the intervention, and its signature is owed. Let go on, only its signature is sent.",
    "in_doubt": "Let go on, it is in doubt again, and that alone never sends it again.",
}

ENGLISH: Final = Language(
    reasons={**_PASSING, **_OF_THE_NETWORK, **_OF_THE_URL, **_OURS},
    sentences=_sentences,
    situations=_SITUATIONS,
    stages=_STAGES,
    unknown=Words(
        "The recorded reason is {reason}, for which this program has no words.",
        (_LOOK, _AGAIN),
        "",
        "fieldsync list --needs-action",
    ),
    states={},
    reported="{what}: {said}.",
)
