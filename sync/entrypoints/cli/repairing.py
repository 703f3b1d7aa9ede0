"""`fieldsync edit`: what a person repairs about captured entries. Safe beside a running worker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from sync.entrypoints.cli.output import plain, print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.errors import InputRefused

if TYPE_CHECKING:
    from sync.repairing import Assigned
    from sync.revising import Edited, Wanted

_HELP = "fieldsync edit --help"


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="What it says at this place from now on, such as siteIds=[4,5] or provider.firstName=Ann; repeatable.",
)
@click.option("--unset", "removals", multiple=True, metavar="PATH", help="Leave this field out; repeatable.")
@click.option("--data", metavar="FILE", help="A whole new JSON body; - reads standard input.")
@click.option(
    "--target",
    metavar="ID",
    help="The intervention that it changes: a server id, or local:ENTRY for one not created yet.",
)
@click.option("--owner", metavar="NAME", help="Whose they are from now on; only their tokens send them.")
@click.option(
    "--from", "from_owner", metavar="OWNER", help='All unfinished entries of this owner; "" is nobody\'s.'
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def edit(
    debug: bool,
    ids: tuple[str, ...],
    settings: tuple[str, ...],
    removals: tuple[str, ...],
    data: str | None,
    target: str | None,
    owner: str | None,
    from_owner: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Correct what entries say, or give them to another owner, before anything of them has arrived.

    What is corrected is checked as at capture. Of entries that are named, all are changed or none; what they said
    before is kept, and the change is recorded in their history.
    """
    with reported(as_json=as_json, debug=debug):
        says = bool(settings or removals or data is not None or target is not None)
        if says == (owner is not None):
            raise _usage("say what to change: either --set, --unset, --data or --target, or --owner NAME")
        if owner is not None:
            _assign(ids, owner, from_owner, dry_run=dry_run, as_json=as_json)
            return
        if from_owner is not None or not ids:
            raise _usage("name the entries by their IDs")
        if data is not None and (settings or removals):
            raise _usage("give either a whole body with --data, or single places with --set and --unset")
        if data is not None and len(ids) > 1:
            raise _usage("a whole body is for one entry; several would become the same intervention")
        done = _edit(ids, settings, removals, data, target, dry_run=dry_run)
        if as_json:
            print_json(done.to_json())
        else:
            _tell_edited(done, dry_run=dry_run)


def _edit(
    ids: tuple[str, ...],
    settings: tuple[str, ...],
    removals: tuple[str, ...],
    data: str | None,
    target: str | None,
    *,
    dry_run: bool,
) -> Edited:
    from config.settings import load
    from sync.entrypoints import orders
    from sync.entrypoints.cli.outbox import opened

    rules = load()
    try:
        wanted = _wanted(settings, removals, data, target)
    except InputRefused as refusal:
        raise orders.edit_refused(refusal, ids) from None
    with opened() as (database, clock):
        return orders.edit(rules, database, clock, ids, wanted, dry_run=dry_run)


def _wanted(
    settings: tuple[str, ...], removals: tuple[str, ...], data: str | None, target: str | None
) -> Wanted:
    from sync.editing import read_changes
    from sync.entrypoints.cli.capturing import read_data
    from sync.revising import Wanted

    if data is not None:
        return Wanted(data=read_data(data), target=target)
    changes, problems = read_changes(settings, removals)
    if problems:
        raise InputRefused(problems)
    return Wanted(tuple(changes), target=target)


def _tell_edited(done: Edited, *, dry_run: bool) -> None:
    would = "would change" if dry_run else "changed"
    for each in done.edits:
        say(f"{would} {each.id[-8:]}: {plain(', '.join(each.paths))}")
    for warning in done.to_json()["warnings"]:
        say(f"note: {warning['id'][-8:]}: {warning['message']}", err=True)
    for id in done.skipped:
        say(f"  left alone {id[-8:]}: it says that already")
    if dry_run or not done.edits:
        return
    held = [each.id[-8:] for each in done.edits if each.state in ("parked", "dead")]
    if held:
        say(f"next: fieldsync resync {' '.join(held)}", err=True)
    elif done.drain == "none":
        say("no worker is running; next: fieldsync sync", err=True)


def _assign(
    ids: tuple[str, ...], owner: str, from_owner: str | None, *, dry_run: bool, as_json: bool
) -> None:
    from config.basics import read_basics
    from sync.entrypoints import orders
    from sync.entrypoints.cli.outbox import opened

    orders.check_assignment(owner, ids, from_owner)
    with opened() as (database, clock):
        done = orders.assign(database, clock, owner, ids=ids, from_owner=from_owner, dry_run=dry_run)
    signed_in = read_basics(os.environ).credentials().for_owner(owner) is not None
    if as_json:
        print_json(done.to_json(signed_in=signed_in))
    else:
        _tell_assigned(done, signed_in=signed_in, dry_run=dry_run)


def _tell_assigned(done: Assigned, *, signed_in: bool, dry_run: bool) -> None:
    from shlex import quote

    from sync.repairing import WHY

    would = "would be " if dry_run else ""
    say(f"{len(done.ids)} {would}given to {plain(done.owner)}")
    for id, code in done.skipped:
        say(f"  left alone {id[-8:]}: {WHY[code]}")
    if not signed_in:
        say(f"nobody is signed in as {plain(done.owner)}", err=True)
        say(f"next: fieldsync auth set --owner {quote(plain(done.owner))}", err=True)
    elif done.drain == "none" and not dry_run:
        say("no worker is running; next: fieldsync sync", err=True)


def _usage(message: str) -> Failed:
    return Failed(Exit.REFUSED, "usage", message, next_command=_HELP)
