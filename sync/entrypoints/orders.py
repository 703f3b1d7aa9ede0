"""What a person orders, as the command line and the local API both carry it out: settings and an open outbox in.

The rules are in `sync`; here stands what only an entry point knows, the settings, and how each refusal is told. Each
order checks what was asked; the `check_...` are for who wants to know before an outbox is opened, or made.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from storage.errors import EntryNotFound, IdConflict
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed, counted
from sync.errors import InputRefused, Problem

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.database import Database, Transaction
    from storage.folder import StorageFolder
    from storage.listed import Line
    from sync.capture import Captured, Checked, Input
    from sync.clock import Clock
    from sync.commands import Resynced, Selection
    from sync.credentials import Credentials
    from sync.repairing import Assigned
    from sync.revising import Edited, Wanted
    from sync.settling import Settled
    from sync.visitor import Visitor

MAX_SERVER_ID: Final = 9_007_199_254_740_991


def check(settings: Settings, given: Input) -> Checked:
    """What can be said of a capture without the outbox. Raises: InputRefused, UnknownKind."""
    from sync import app
    from sync.capture import check_input

    return check_input(given, app.image_limits(settings))


def store(
    settings: Settings, database: Database, clock: Clock, checked: Checked, *, owner: str | None
) -> Captured:
    """Make checked input durable; `owner` is the one that was named, None takes the device's. Raises: as `capture`."""
    from sync import app

    return _store(settings, database, clock, checked, owner=owner or app.owner(settings))


def _store(
    settings: Settings, database: Database, clock: Clock, checked: Checked, *, owner: str | None
) -> Captured:
    from sync import app
    from sync import capture as front_door
    from sync.clock_jump import present_offset_s

    with database.read() as transaction:
        offset_s = present_offset_s(transaction, clock)
    return front_door.capture(
        database,
        checked,
        clock=clock,
        new_id=app.new_id(clock),
        owner=owner,
        clock_offset_s=offset_s,
        reserve_bytes=settings.storage.reserve_mib * 1024 * 1024,
    )


def capture(settings: Settings, database: Database, clock: Clock, given: Input) -> Captured:
    """Make an intervention durable: when this returns, it survives a power cut.

    Raises:
        InputRefused: with all that is wrong, with what it hangs on too. UnknownKind.
        IdConflict: its id belongs to another input. StorageFull, StorageReadOnly: nothing was stored.
    """
    try:
        checked = check(settings, given)
    except InputRefused as refusal:
        with database.read() as transaction:
            more = hanging_problems(transaction, given)
        raise InputRefused([*refusal.problems, *more]) from None
    return store(settings, database, clock, checked, owner=given.owner)


def capture_as(
    visitor: Visitor, settings: Settings, database: Database, clock: Clock, given: Input
) -> Captured:
    """As `capture`, for somebody who may not see everybody's entries: it is theirs, and hangs on theirs alone.

    Raises: as `capture`; Failed: it names somebody else as its owner.
    """
    if visitor.everyone:
        return capture(settings, database, clock, given)
    from sync.entrypoints.own_entries import foreign_names

    if given.owner is not None and given.owner != visitor.owner:
        raise Failed(Exit.REFUSED, "forbidden", "what you capture is yours; leave the owner out")
    with database.read() as transaction:
        foreign = foreign_names(transaction, visitor, given)
    try:
        checked = check(settings, given)
    except InputRefused as refusal:
        with database.read() as transaction:
            more = foreign or hanging_problems(transaction, given)
        raise InputRefused([*refusal.problems, *more]) from None
    if foreign:
        raise InputRefused(foreign)
    try:
        done = _store(settings, database, clock, checked, owner=visitor.owner)
    except IdConflict as conflict:
        raise (conflict if _is_theirs(database, visitor, checked.id) else _taken()) from None
    if done.duplicate and not _is_theirs(database, visitor, done.id):
        raise _taken()
    return done


def _taken() -> IdConflict:
    return IdConflict("the id already belongs to another capture; a new intervention needs a new id")


def _is_theirs(database: Database, visitor: Visitor, id: str | None) -> bool:
    """Whether a capture that was made before is this visitor's. Of what was removed nobody knows it any more."""
    from storage.queries import Reader

    with database.read() as transaction:
        reader = Reader(transaction.cursor)
        try:
            return visitor.sees(reader.owner_of(id or ""))
        except EntryNotFound:
            return True


def hanging_problems(transaction: Transaction, given: Input) -> list[Problem]:
    """What is wrong with what a refused input hangs on, so that a person is told everything at once."""
    from sync import dependencies
    from sync.operations import by_kind

    operation = by_kind(given.kind)
    target = None if dependencies.check_target(operation, given.target) else given.target
    if target is None and given.after is None:
        return []
    return dependencies.outbox_problems(
        transaction, operation, target=target, after=given.after, id=given.id or ""
    )


def check_selection(selection: Selection) -> None:
    """Raises: Failed, UnknownKind: this names nothing that could be resynced."""
    from sync.explain import known_reasons
    from sync.operations import by_kind

    help_ = "fieldsync resync --help"
    if selection.ids and (selection.all or selection.states or selection.reason or selection.kinds):
        raise Failed(Exit.REFUSED, "usage", "give either IDs or a selection", next_command=help_)
    if selection.force and not selection.ids:
        message = "--force is for entries that are named by their IDs, one by one"
        raise Failed(Exit.REFUSED, "usage", message, next_command=help_)
    for kind in selection.kinds:
        by_kind(kind)
    if selection.reason is not None and selection.reason not in known_reasons():
        # A slip of the pen must not look like "nothing to do".
        near = get_close_matches(selection.reason, known_reasons(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Failed(
            Exit.REFUSED,
            "unknown_reason",
            f"no entry can wait for {selection.reason!r}{hint}",
            next_command="fieldsync status",
        )


def resync(
    database: Database, clock: Clock, selection: Selection, *, dry_run: bool = False, only: str | None = None
) -> Resynced:
    """Go on now; with a selection also release and requeue. `only`: of this owner's entries ("": nobody's).

    Raises: Failed, UnknownKind, EntryNotFound, AmbiguousId.
    """
    from sync import commands

    check_selection(selection)
    return commands.resync(database, selection, clock, dry_run=dry_run, only=only)


def edit(
    settings: Settings,
    database: Database,
    clock: Clock,
    ids: tuple[str, ...],
    wanted: Wanted,
    *,
    dry_run: bool = False,
) -> Edited:
    """Change what entries say, all of them or none. Raises: Failed, EntryNotFound, AmbiguousId."""
    from sync import revising

    rules = settings.sync
    try:
        return revising.edit(
            database, ids, wanted, clock, settle_s=rules.settle_s + rules.lookup_gap_s, dry_run=dry_run
        )
    except InputRefused as refusal:
        raise edit_refused(refusal, ids) from None
    except revising.NotEdited as refused:
        raise Failed(
            Exit.REFUSED,
            "not_edited",
            "nothing was changed",
            problems=tuple(Problem(id[-8:], code, revising.WHY[code]) for id, code in refused.problems),
            next_command=f"fieldsync show {refused.problems[0][0][-8:]}",
            retryable=all(code in revising.PASSING for _, code in refused.problems),
        ) from None


def edit_refused(refusal: InputRefused, ids: tuple[str, ...]) -> Failed:
    """What an edit is told whose outcome could not be sent, or that could not even be read."""
    return Failed(
        Exit.REFUSED,
        refusal.code,
        f"nothing was changed: what it would say has {counted(refusal.problems)}",
        problems=refusal.problems,
        next_command=f"fieldsync show {ids[0]}",
    )


def check_assignment(owner: str, ids: tuple[str, ...], from_owner: str | None) -> None:
    """Raises: Failed: it is not said whose entries, or not to whom."""
    from sync.credentials import is_owner

    help_ = "fieldsync edit --help"
    if bool(ids) == (from_owner is not None):
        raise Failed(Exit.REFUSED, "usage", "give either IDs or --from OWNER", next_command=help_)
    if not is_owner(owner):
        message = "an owner is 1 to 100 bytes of printable text"
        raise Failed(Exit.REFUSED, "owner_invalid", message, next_command=help_)


def assign(
    database: Database,
    clock: Clock,
    owner: str,
    *,
    ids: tuple[str, ...] = (),
    from_owner: str | None = None,
    dry_run: bool = False,
) -> Assigned:
    """Give entries to `owner`. Raises: Failed, EntryNotFound, AmbiguousId."""
    from sync import repairing

    check_assignment(owner, ids, from_owner)
    try:
        return repairing.assign(database, owner, clock, suffixes=ids, from_owner=from_owner, dry_run=dry_run)
    except repairing.NotAssigned as refused:
        raise Failed(
            Exit.REFUSED,
            "not_assigned",
            "nothing was changed",
            problems=tuple(Problem(id[-8:], code, repairing.WHY[code]) for id, code in refused.problems),
            next_command=f"fieldsync show {refused.problems[0][0][-8:]}",
            retryable=all(code == "being_delivered" for _, code in refused.problems),
        ) from None


def check_server_id(server_id: int) -> None:
    """Raises: Failed: no server gives such a number."""
    if not 0 < server_id <= MAX_SERVER_ID:
        raise Failed(
            Exit.REFUSED,
            "server_id_invalid",
            f"a server id is a whole number from 1 to {MAX_SERVER_ID}",
            next_command="fieldsync settle --help",
        )


def settle_arrived(database: Database, clock: Clock, id: str, server_id: int) -> Settled:
    """The server has it. Raises: Failed, EntryNotFound, AmbiguousId, EntryHeld, IllegalTransition."""
    from sync import settling

    check_server_id(server_id)
    return settling.settle_arrived(database, id, server_id, clock)


def settle_upload_url(settings: Settings, database: Database, clock: Clock, id: str, url: str) -> Settled:
    """Its signature goes to this address, a secret. Raises: as `settle_arrived`."""
    from sync import settling
    from sync.app import url_rules
    from sync.presigned_url import UrlRefused

    try:
        return settling.settle_upload_url(database, id, url, url_rules(settings), clock)
    except UrlRefused as refused:
        raise Failed(
            Exit.REFUSED,
            refused.code,
            f"that address cannot be used: {refused}",
            problems=tuple(Problem("-", refused.code, each) for each in refused.problems),
            next_command="fieldsync config show",
        ) from None


def check_why(why: str) -> None:
    """Raises: Failed: it is not said why an entry is given up, or cannot be written down."""
    help_ = "fieldsync discard --help"
    if not why.strip():
        raise Failed(Exit.REFUSED, "usage", "--reason must say why", next_command=help_)
    check_text(why, help_)


def discard(database: Database, clock: Clock, id: str, why: str) -> Settled:
    """It is given up, and kept. Raises: as `settle_arrived`."""
    from sync import settling

    check_why(why)
    return settling.discard(database, id, why.strip(), clock)


def check_text(given: str | None, help_: str = "fieldsync pause --help") -> None:
    """Raises: Failed: it cannot be written down; other bytes than UTF-8 come in as halves of characters."""
    try:
        (given or "").encode()
    except UnicodeEncodeError:
        message = "--reason is no text in UTF-8"
        raise Failed(Exit.REFUSED, "usage", message, next_command=help_) from None


def pause(database: Database, clock: Clock, reason: str | None) -> bool:
    """Hold the whole queue; whether it was not held before. Raises: Failed."""
    from sync import commands

    check_text(reason)
    return commands.pause(database, reason, clock)


def check_reference_list(content: bytes) -> tuple[Line, ...]:
    """The lines of a reference list, as CSV. Raises: Failed, with all that is wrong."""
    from sync import reference_list

    try:
        return reference_list.parse(content)
    except InputRefused as refusal:
        raise Failed(
            Exit.REFUSED,
            refusal.code,
            f"the reference list was not changed: the file has {counted(refusal.problems)}",
            problems=refusal.problems,
            next_command="fieldsync reference import --help",
        ) from None


def replace_reference_list(database: Database, clock: Clock, lines: tuple[Line, ...]) -> int:
    """Have these names instead of those there are; none of them: no list. Answers how many there were."""
    from storage import listed

    with database.write() as transaction:
        return listed.replace(transaction, lines, now=clock.now_ms())


def tokens_refused(message: str) -> Failed:
    """What is wrong with a sign-in that was handed over; the message quotes nothing of it."""
    return Failed(Exit.REFUSED, "tokens_refused", message, next_command="fieldsync auth set --help")


def keep_tokens(
    tokens: Credentials, folder: StorageFolder, owner: str | None, bearer: str, session: str
) -> None:
    """Keep a pair for `owner` (None: this device's own). Raises: Failed, StorageProblem."""
    from storage.folder import from_os_error
    from sync.credentials import TokensRefused
    from sync.secret import Secret

    try:
        folder.make()
        tokens.store(owner, Secret(bearer), Secret(session))
    except TokensRefused as refused:
        raise tokens_refused(str(refused)) from None
    except OSError as error:
        raise from_os_error(error, folder.root) from None


def wake(database: Database, clock: Clock) -> None:
    """A running worker looks at once what is new."""
    from storage import control

    with database.write() as transaction:
        control.wake(transaction, now=clock.now_ms())
