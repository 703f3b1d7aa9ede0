"""`fieldsync edit`: what a person repairs about captured entries. Safe beside a running worker."""

from __future__ import annotations

import os

import click

from sync.entrypoints.cli.exits import Exit
from sync.entrypoints.cli.output import Failed, print_json, reported


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
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
    owner: str | None,
    from_owner: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Give entries that were not sent yet to another owner. The change is recorded in their history.

    Of entries that are named, all are changed or none.
    """
    with reported(as_json=as_json, debug=debug):
        from config.basics import read_basics
        from sync import repairing
        from sync.credentials import is_owner
        from sync.entrypoints.cli.outbox import opened
        from sync.errors import Problem

        if owner is None:
            raise _usage("say what to change: --owner NAME")
        if bool(ids) == (from_owner is not None):
            raise _usage("give either IDs or --from OWNER")
        if not is_owner(owner):
            raise Failed(
                Exit.REFUSED,
                "owner_invalid",
                "an owner is 1 to 100 bytes of printable text",
                next_command="fieldsync edit --help",
            )
        try:
            with opened() as (database, clock):
                done = repairing.assign(
                    database, owner, clock, suffixes=ids, from_owner=from_owner, dry_run=dry_run
                )
        except repairing.NotAssigned as refused:
            raise Failed(
                Exit.REFUSED,
                "not_assigned",
                "nothing was changed",
                problems=tuple(Problem(id[-8:], code, repairing.WHY[code]) for id, code in refused.problems),
                next_command=f"fieldsync show {refused.problems[0][0][-8:]}",
                retryable=all(code == "being_delivered" for _, code in refused.problems),
            ) from None
        signed_in = read_basics(os.environ).credentials().for_owner(owner) is not None
        if as_json:
            print_json(done.to_json(signed_in=signed_in))
            return
        from shlex import quote

        from sync.entrypoints.cli.output import plain

        would = "would be " if dry_run else ""
        click.echo(f"{len(done.ids)} {would}given to {plain(owner)}")
        for id, code in done.skipped:
            click.echo(f"  left alone {id[-8:]}: {repairing.WHY[code]}")
        if not signed_in:
            click.echo(f"nobody is signed in as {plain(owner)}", err=True)
            click.echo(f"next: fieldsync auth set --owner {quote(plain(owner))}", err=True)
        elif done.drain == "none" and not dry_run:
            click.echo("no worker is running; next: fieldsync sync", err=True)


def _usage(message: str) -> Failed:
    return Failed(Exit.REFUSED, "usage", message, next_command="fieldsync edit --help")
