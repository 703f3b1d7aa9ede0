"""`fieldsync settle`, `discard`: a person's word about one entry. Safe beside a running worker."""

from __future__ import annotations

import click

from sync.entrypoints.cli.exits import Exit
from sync.entrypoints.cli.output import Failed, print_json, reported

_MAX_SERVER_ID = 9_007_199_254_740_991


@click.command()
@click.argument("id_", metavar="ID")
@click.option(
    "--arrived", "server_id", type=int, metavar="SERVER_ID", help="The server has it, under this id."
)
@click.option("--not-arrived", is_flag=True, help="The server certainly does not have it: send it again.")
@click.option("--unsigned", is_flag=True, help="End it without its signature at the server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def settle(
    debug: bool, id_: str, server_id: int | None, not_arrived: bool, unsigned: bool, as_json: bool
) -> None:
    """Say how an entry in doubt, or one whose signature is owed, really stands. The choice is recorded.

    Look at the server first: what is said to be missing there is sent again.
    """
    with reported(as_json=as_json, debug=debug):
        chosen = [server_id is not None, not_arrived, unsigned]
        if sum(chosen) != 1:
            raise Failed(
                Exit.REFUSED,
                "usage",
                "say one of --arrived SERVER_ID, --not-arrived, --unsigned",
                next_command="fieldsync settle --help",
            )
        if server_id is not None and not 0 < server_id <= _MAX_SERVER_ID:
            raise Failed(
                Exit.REFUSED,
                "server_id_invalid",
                f"a server id is a whole number from 1 to {_MAX_SERVER_ID}",
                next_command="fieldsync settle --help",
            )
        from sync import settling
        from sync.entrypoints.cli.outbox import opened

        with opened() as (database, clock):
            if server_id is not None:
                done = settling.settle_arrived(database, id_, server_id, clock)
            elif not_arrived:
                done = settling.settle_not_arrived(database, id_, clock)
            else:
                done = settling.settle_unsigned(database, id_, clock)
        if as_json:
            print_json(done.to_json())
            return
        said = {
            "arrived": "is taken for arrived",
            "not_arrived": "is sent again",
            "unsigned": "is done, without its signature at the server",
        }[done.choice]
        click.echo(f"{done.id[-8:]} {said}; it is {done.state.value} now")


@click.command()
@click.argument("id_", metavar="ID")
@click.option("--reason", "why", required=True, metavar="TEXT", help="Why; kept with the entry.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def discard(debug: bool, id_: str, why: str, as_json: bool) -> None:
    """Give an entry up. It is never sent again, and everything about it is kept."""
    with reported(as_json=as_json, debug=debug):
        if not why.strip():
            raise Failed(
                Exit.REFUSED, "usage", "--reason must say why", next_command="fieldsync discard --help"
            )
        from sync import settling
        from sync.entrypoints.cli.outbox import opened

        with opened() as (database, clock):
            done = settling.discard(database, id_, why.strip(), clock)
        if as_json:
            print_json(done.to_json())
            return
        click.echo(f"{done.id[-8:]} is discarded; it is kept, and never sent again")
        if done.may_exist:
            click.echo(
                "the server has it or may have it: whoever runs the server should know that it was given up",
                err=True,
            )
