"""What an entry hangs on: the intervention it changes, the entry it follows, and those that its body names.

`check_target` says what can be said without the outbox, `resolve` all the rest, in the transaction that stores the
entry. Resolved are suffixes to full ids; a server id that is not known yet is filled in when the entry is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from storage import chains
from storage.chains import MOST_CANDIDATES, Parent
from storage.database import Transaction
from sync.errors import InputRefused, Problem, json_path, shown
from sync.operations import Operation, Subject, UnknownKind, by_kind
from sync.references import REFERENCE_KEY, filled, references

if TYPE_CHECKING:
    from sync.capture import Checked

LOCAL: Final = "local:"
TARGET_PATH: Final = "--target"
AFTER_PATH: Final = "--after"
_MOST_SERVER_ID: Final = 2**53 - 1
_NOUNS: Final[Mapping[Subject, str]] = {
    Subject.PREVENTIVE: "a preventive intervention",
    Subject.CURATIVE: "a curative intervention",
    Subject.TRAINING: "a training session",
}


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What is stored of it. `data` is the body with full ids where it names entries; `references` are those ids.

    `target_id` is the server id of the target where it was given, or is all that is left of a purged entry;
    `target_entry` the entry that makes the target. `chain_key` is that of everything that changes the same target.
    """

    data: dict[str, Any]
    target_id: int | None = None
    target_entry: str | None = None
    after_entry: str | None = None
    chain_key: str | None = None
    references: tuple[str, ...] = ()


def check_target(operation: Operation, target: str | None) -> list[Problem]:
    """What is wrong with `--target` whatever the outbox holds."""
    if target is None:
        if not operation.needs_target:
            return []
        what = f"is missing: {operation.kind} changes an intervention. Give its server id, or local:ENTRY."
        return [Problem(TARGET_PATH, "target_missing", what)]
    if not operation.needs_target:
        what = f"is not wanted: {operation.kind} makes a new intervention. Leave it out."
        return [Problem(TARGET_PATH, "target_not_wanted", what)]
    if _local(target) is None and _server_id(target) is None:
        what = f"is {shown(target)}, and must be the server id of an intervention, or local:ENTRY."
        return [Problem(TARGET_PATH, "target_invalid", what)]
    return []


def leans(target: str | None, after: str | None, data: Any) -> bool:
    """Whether there is anything to resolve."""
    return target is not None or after is not None or next(references(data), None) is not None


def resolve(transaction: Transaction, checked: Checked, *, id: str) -> Dependencies:
    """What the entry `id` will hang on. Call it in the transaction that stores or changes the entry.

    Raises:
        InputRefused: with every problem of target, order and references at once.
    """
    found, problems = look(
        transaction, checked.operation, checked.given, target=checked.target, after=checked.after, id=id
    )
    if problems:
        raise InputRefused(problems)
    return found


def outbox_problems(
    transaction: Transaction, operation: Operation, *, target: str | None, after: str | None, id: str
) -> list[Problem]:
    """What the outbox says against these, for an input that is refused anyhow. None of `check_target` is repeated."""
    looking = _Looking(transaction, id)
    if target is not None:
        looking.target(operation, target)
    if after is not None:
        looking.after(after)
    return looking.problems


def look(
    transaction: Transaction,
    operation: Operation,
    data: dict[str, Any],
    *,
    target: str | None,
    after: str | None,
    id: str,
) -> tuple[Dependencies, list[Problem]]:
    """As `resolve`, with the problems as an answer, for who has others to report as well."""
    problems = check_target(operation, target)
    looking = _Looking(transaction, id)
    target_id, target_entry = (
        (None, None) if target is None or problems else looking.target(operation, target)
    )
    after_entry = None if after is None else looking.after(after)
    named = {name: looking.named(name, json_path(where)) for where, name in references(data)}
    full_ids = {name: parent.id for name, parent in named.items() if parent is not None}
    data = filled(data, lambda name: {REFERENCE_KEY: full_ids.get(name, name)}) if full_ids else data
    parents = tuple(dict.fromkeys(full_ids.values()))
    key = looking.chain_key(target_id, target_entry)
    if not (problems or looking.problems):
        waits_for = [parent for parent in (target_entry, after_entry, *parents) if parent is not None]
        if chains.leads_back(transaction, id, waits_for, key):
            looking.say(TARGET_PATH if target else AFTER_PATH, "cycle", "waits for this entry itself.")
    found = Dependencies(data, target_id, target_entry, after_entry, key, parents)
    return found, [*problems, *looking.problems]


class _Looking:
    """One resolution: what it finds in the outbox, and the problems it has come upon."""

    def __init__(self, transaction: Transaction, id: str) -> None:
        self._transaction = transaction
        self._id = id
        self.problems: list[Problem] = []

    def say(self, path: str, code: str, what: str) -> None:
        field = path.removeprefix("$").removeprefix(".")
        named = what if path.startswith("--") else f"{field} {what}"
        self.problems.append(Problem(path, code, named))

    def target(self, operation: Operation, target: str) -> tuple[int | None, str | None]:
        """The server id or the entry that it means."""
        name = _local(target)
        if name is None:
            server_id = _server_id(target)
            assert server_id is not None, "check_target has passed it"
            maker = chains.maker(self._transaction, server_id)
            if maker is not None:
                self._fits(operation, maker)
            return server_id, None
        parent = self._maker(name, TARGET_PATH, "target")
        if parent is None or not self._fits(operation, parent):
            return None, None
        return (parent.server_id, None) if parent.purged else (None, parent.id)

    def chain_key(self, target_id: int | None, target_entry: str | None) -> str | None:
        """One key for one intervention, by whichever name it was given."""
        if target_entry is not None:
            target_id = chains.server_id_of(self._transaction, target_entry)
            if target_id is None:
                return chains.key_of_entry(target_entry)
        return None if target_id is None else chains.key_of_server_id(target_id)

    def after(self, name: str) -> str | None:
        """The full id of the entry that comes first; whatever became of it, it can be followed."""
        parent = self._one(_local(name) or name, AFTER_PATH, "after")
        return None if parent is None else parent.id

    def named(self, name: str, path: str) -> Parent | None:
        """The entry that a place in the body means."""
        return self._maker(_local(name) or name, path, "reference")

    def _maker(self, name: str, path: str, what: str) -> Parent | None:
        """The entry whose server id is needed, if it can ever have one."""
        parent = self._one(name, path, what)
        if parent is None:
            return None
        short = parent.id[-8:]
        if _makes(parent.kind) is None:
            self.say(
                path,
                f"{what}_creates_nothing",
                f"names entry {short}, which is {parent.kind} and creates no intervention. Name the entry that does.",
            )
        elif parent.server_id is None and parent.state == "discarded":
            self.say(
                path,
                f"{what}_discarded",
                f"names entry {short}, which was discarded and will never have a server id. If the server has it all "
                "the same, give its server id.",
            )
        elif parent.server_id is None and parent.purged:
            self.say(
                path,
                f"{what}_unknown",
                f"names entry {short}, of which nothing is left but that it was {parent.state}. Give its server id.",
            )
        else:
            return parent
        return None

    def _fits(self, operation: Operation, parent: Parent) -> bool:
        makes = _makes(parent.kind)
        if makes is None or makes in operation.changes:
            return True
        wanted = " or ".join(_NOUNS[subject] for subject in Subject if subject in operation.changes)
        self.say(
            TARGET_PATH,
            "target_wrong_kind",
            f"names {_NOUNS[makes]} (entry {parent.id[-8:]}), and {operation.kind} changes {wanted}.",
        )
        return False

    def _one(self, name: str, path: str, what: str) -> Parent | None:
        """The one entry that `name` means."""
        if name.strip().lower() == self._id:
            self.say(path, "cycle", "names this entry itself. Name another one.")
            return None
        found = chains.find(self._transaction, name)
        if len(found) == 1:
            return found[0]
        if not found:
            self.say(path, f"{what}_unknown", f"names {shown(name)}, and no entry's id ends in that.")
        else:
            self.say(
                path,
                f"{what}_ambiguous",
                f"names {shown(name)}, which several entries end in: {_list(found)}.",
            )
        return None


def _list(found: Sequence[Parent]) -> str:
    more = ", ..." if len(found) > MOST_CANDIDATES else ""
    return ", ".join(parent.id for parent in found[:MOST_CANDIDATES]) + more


def _makes(kind: str) -> Subject | None:
    try:
        return by_kind(kind).makes
    except UnknownKind:
        return None


def _local(name: str) -> str | None:
    return name[len(LOCAL) :] if name.startswith(LOCAL) else None


def _server_id(target: str) -> int | None:
    """The number of an intervention; None where it is none."""
    if not (target.isascii() and target.isdecimal() and len(target) <= len(str(_MOST_SERVER_ID))):
        return None
    number = int(target)
    return number if 0 < number <= _MOST_SERVER_ID else None
