"""`fieldsync status`, `list`, `show`: where everything stands. Reads only, and imports nothing heavy."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from storage.queries import STATES
from sync.entrypoints.cli.output import plain, reported
from sync.entrypoints.cli.saying import said, say, tongue
from sync.entrypoints.cli.since import Since
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from storage.queries import Narrowed, Reader
    from sync.causes import Group


@click.command()
@click.option("--check", is_flag=True, help="Say it by the exit code too, for monitors: 8, 4, 3, 5 or 0.")
@click.option("--alive", is_flag=True, help="Only: is there a worker that works? Exit code 0 or 1.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def status(debug: bool, check: bool, alive: bool, as_json: bool) -> None:
    """Where everything stands: what waits and why, and what needs a person.

    With --check the exit code is 8 when the database cannot be used or a setting is misspelt, 4 when a sign-in is
    needed, 3 when entries need a person, 5 when they wait for the network or the queue is paused, else 0.
    """
    from sync.entrypoints.cli import telling

    if alive:
        sys.exit(_alive(as_json))
    with reported(as_json=as_json, debug=debug):
        from sync.status import Level

        if check:
            _check_settings()
        found = _status()
        telling.tell(found.document if as_json else telling.status_text(found))
    if found.level is Level.BROKEN:
        sys.exit(Exit.UNUSABLE)
    if check:
        # Where several fit: sign-in, a person, try later.
        exits = (
            (found.sign_in_needed, Exit.SIGN_IN),
            (found.needs_person, Exit.NEEDS_PERSON),
            (found.held_up, Exit.TEMPORARY),
        )
        sys.exit(next((code for fits, code in exits if fits), Exit.OK))


def _check_settings() -> None:
    """Raises: ConfigError, where a setting is misspelt: the worker would not start with it.

    What a setting may be is only looked at where a name is wrong, because that loads much.
    """
    from config.names import any_unknown
    from config.sources import read_toml

    if any_unknown(os.environ, read_toml(os.environ)):
        from config.settings import load

        load()


def _status() -> Any:
    from config.basics import read_basics
    from storage.folder import StorageFolder
    from sync.status import conclude
    from sync.status_facts import look

    basics = read_basics(os.environ)
    return conclude(look(StorageFolder(basics.storage_dir), basics.credentials(), datetime.now(UTC)))


def _alive(as_json: bool) -> Exit:
    """For health checks: whatever is wrong is one line and a 1."""
    from config.problems import ConfigError
    from storage.errors import StorageProblem
    from sync.entrypoints.cli import telling

    try:
        found = _status()
        alive, why = found.alive, telling.alive_text(found)
    except (ConfigError, StorageProblem) as problem:
        alive, why = False, str(problem)
    telling.tell({"schema": 1, "alive": alive, "why": why} if as_json else plain(said(why)))
    return Exit.OK if alive else Exit.UNEXPECTED


@click.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only this state; repeatable."
)
@click.option("--kind", metavar="KIND", help="Only this kind.")
@click.option("--needs-action", is_flag=True, help="Only what needs a person: parked or dead.")
@click.option(
    "--by-cause",
    is_flag=True,
    help="With --needs-action: each cause once, also with --json; a person always gets it so.",
)
@click.option("--since", type=Since(), help="Only what was captured since; an instant, or like 2h, 3d.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="At most so many."
)
@click.option("--after-id", metavar="ID", help="Only what was captured after this entry; for the next page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def list_entries(
    debug: bool,
    states: tuple[str, ...],
    kind: str | None,
    needs_action: bool,
    by_cause: bool,
    since: int | None,
    limit: int,
    after_id: str | None,
    as_json: bool,
) -> None:
    """Entries in the order of their capture, oldest first. Those that need a person are told cause by cause."""
    with reported(as_json=as_json, debug=debug):
        from config.basics import read_basics
        from storage.errors import EntryNotFound
        from storage.folder import StorageFolder
        from storage.queries import Narrowed, reading
        from storage.receipts import receipts
        from sync.entrypoints import documents
        from sync.entrypoints.cli import telling

        if by_cause and not needs_action:
            raise Failed(
                Exit.REFUSED,
                "usage",
                "--by-cause is about what needs a person; give --needs-action too",
                next_command="fieldsync list --help",
            )
        if kind is not None and not kind.isascii():
            from sync.operations import by_kind

            by_kind(kind)  # it is none, and may be no text at all
        found: list[Any] = []
        before = False
        causes = needs_action and (by_cause or not as_json)
        with reading(StorageFolder(read_basics(os.environ).storage_dir)) as reader:
            if reader is None:
                if after_id is not None:
                    raise EntryNotFound("nothing was ever captured here")
            else:
                after = None if after_id is None else reader.resolve(after_id)
                narrowed = Narrowed(states, kind, since, after)
                found = (
                    _causes(reader, narrowed)
                    if causes
                    else reader.listed(narrowed, needs_action=needs_action, limit=limit)
                )
                before = not (found or as_json) and next(receipts(reader), None) is not None
        if kind is not None and not found:
            # Nothing found for a misspelt kind would read as "all is well".
            from sync.operations import by_kind

            by_kind(kind)
        if as_json:
            telling.tell(documents.causes_document(found) if causes else found)
        elif causes and found:
            telling.tell(telling.causes_text(found))
        elif found:
            telling.tell(telling.list_text(found))
            if len(found) == limit:
                next_page = f"there may be more; next: fieldsync list --after-id {found[-1]['id'][-8:]}"
                say(next_page, err=True)
        else:
            is_narrowed = states or kind or needs_action or since is not None or after_id
            say("no entry fits" if is_narrowed else _empty(before), err=True)


def _empty(delivered_before: bool) -> str:
    if delivered_before:
        return "no entries: what was captured is delivered and removed; next: fieldsync receipts"
    return "no entries: nothing was captured yet"


def _causes(reader: Reader, narrowed: Narrowed) -> list[Group]:
    from storage.held import held
    from sync.causes import grouped

    return grouped(held(reader, narrowed))


@click.command()
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def show(debug: bool, id: str, as_json: bool) -> None:
    """The whole story of one entry: what it waits for, what was tried, what the server said, what you can do.

    ID is any end of the entry's id that is unique; people are shown the last 8 characters.
    """
    with reported(as_json=as_json, debug=debug):
        from config.basics import read_basics
        from storage.errors import EntryNotFound
        from storage.folder import StorageFolder
        from storage.queries import reading
        from storage.story import story
        from sync.entrypoints import documents
        from sync.entrypoints.cli import telling
        from sync.explain import explain

        with reading(StorageFolder(read_basics(os.environ).storage_dir)) as reader:
            if reader is None:
                raise EntryNotFound("nothing was ever captured here")
            told = story(reader, reader.resolve(id))
            spoken = "en" if as_json else tongue()
            explained = explain(told, reader.control(), datetime.now(UTC), language=spoken)
        telling.tell(
            documents.show_document(told, explained) if as_json else telling.show_text(told, explained)
        )
