"""`fieldsync resync`, `pause`, `resume`: what a person orders. Safe beside a running worker."""

from __future__ import annotations

import click

from sync.entrypoints.cli.output import print_json, reported
from sync.entrypoints.cli.saying import say

_STATES = ("pending", "sending", "in_doubt", "accepted", "parked", "dead")


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_", is_flag=True, help="Every entry that is not finished.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES), help="All entries in this state."
)
@click.option("--reason", metavar="CODE", help="All entries that wait for this reason.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="All entries of this kind; repeatable.")
@click.option(
    "--force",
    is_flag=True,
    help="With IDs: also what was handed over to another device, which may be sending it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def resync(
    debug: bool,
    ids: tuple[str, ...],
    all_: bool,
    states: tuple[str, ...],
    reason: str | None,
    kinds: tuple[str, ...],
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Go on now: forget the waits. With a selection, also release what is parked and requeue what is dead.

    Several selections narrow each other. An entry in doubt is never sent again by this.
    """
    with reported(as_json=as_json, debug=debug):
        from sync import commands
        from sync.entrypoints import orders
        from sync.entrypoints.cli.outbox import opened

        selection = commands.Selection(ids, all_, states, reason, kinds, force)
        orders.check_selection(selection)
        with opened() as (database, clock):
            done = orders.resync(database, clock, selection, dry_run=dry_run)
        if as_json:
            print_json(done.to_json())
            return
        would = "would be " if dry_run else ""
        say(
            f"{would}hastened {done.hastened}, {would}released {done.released}, {would}requeued {done.requeued}"
        )
        for skipped in done.skipped:
            say(f"  left alone {skipped['id'][-8:]}: {skipped['why']}")
        for id in done.taken_back:
            say(f"warning: {id[-8:]}: {commands.SENT_TWICE}", err=True)
        selected = ids or all_ or states or reason is not None or kinds
        in_vain = selected and not (done.hastened or done.released or done.requeued)
        if not in_vain and done.drain == "none" and not dry_run:
            say("no worker is running; next: fieldsync sync", err=True)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, for those who look.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def pause(debug: bool, reason: str | None, as_json: bool) -> None:
    """Hold the whole queue. Captures still work; no entry changes state."""
    with reported(as_json=as_json, debug=debug):
        from sync.entrypoints import orders
        from sync.entrypoints.cli.outbox import opened

        orders.check_text(reason)
        with opened() as (database, clock):
            changed = orders.pause(database, clock, reason)
        if as_json:
            print_json({"schema": 1, "paused": True, "changed": changed})
        else:
            say("paused; what is on the wire finishes. next: fieldsync resume")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def resume(debug: bool, as_json: bool) -> None:
    """Let the queue go on, whoever held it."""
    with reported(as_json=as_json, debug=debug):
        from sync import commands
        from sync.entrypoints.cli.outbox import opened

        with opened() as (database, clock):
            changed = commands.resume(database, clock)
        if as_json:
            print_json({"schema": 1, "paused": False, "changed": changed})
        else:
            say("the queue goes on" if changed else "the queue was not paused")
