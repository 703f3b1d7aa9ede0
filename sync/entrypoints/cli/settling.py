"""`fieldsync settle`, `discard`: a person's word about one entry. Safe beside a running worker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from sync.entrypoints.cli.output import print_json, reported
from sync.entrypoints.cli.saying import said as spoken
from sync.entrypoints.cli.saying import say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.presigned_url import MAX_URL_CHARS

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("id_", metavar="ID")
@click.option(
    "--arrived", "server_id", type=int, metavar="SERVER_ID", help="The server has it, under this id."
)
@click.option("--not-arrived", is_flag=True, help="The server certainly does not have it: send it again.")
@click.option("--unsigned", is_flag=True, help="End it without its signature at the server.")
@click.option(
    "--upload-url-stdin",
    "url_given",
    is_flag=True,
    help="Send its signature to the presigned address on standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def settle(
    debug: bool,
    id_: str,
    server_id: int | None,
    not_arrived: bool,
    unsigned: bool,
    url_given: bool,
    as_json: bool,
) -> None:
    """Say how an entry in doubt, or one whose signature is owed, really stands. The choice is recorded.

    Look at the server first: what is said to be missing there is sent again.
    """
    with reported(as_json=as_json, debug=debug):
        chosen = [server_id is not None, not_arrived, unsigned, url_given]
        if sum(chosen) != 1:
            raise Failed(
                Exit.REFUSED,
                "usage",
                "say one of --arrived SERVER_ID, --not-arrived, --unsigned, --upload-url-stdin",
                next_command="fieldsync settle --help",
            )
        from sync import settling
        from sync.entrypoints import orders

        if server_id is not None:
            orders.check_server_id(server_id)
        from sync.entrypoints.cli.outbox import opened

        given = _url() if url_given else None
        with opened() as (database, clock):
            if given is not None:
                from config.settings import load

                done = orders.settle_upload_url(load(), database, clock, id_, given)
            elif server_id is not None:
                done = orders.settle_arrived(database, clock, id_, server_id)
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
            "upload_url": "sends its signature to that address",
        }[done.choice]
        say(f"{done.id[-8:]} {said}; it is {done.state.value} now")
        if done.url_looks_over:
            say("by what it says of itself, that address has ended; the storage decides", err=True)


def _url() -> str:
    """The address on standard input; never an argument, which every process on this machine could read."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(spoken("presigned address (not shown): "))
    return sys.stdin.buffer.read(2 * MAX_URL_CHARS).decode("ascii", "replace")


@click.command()
@click.argument("id_", metavar="ID")
@click.option("--reason", "why", required=True, metavar="TEXT", help="Why; kept with the entry.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def discard(debug: bool, id_: str, why: str, as_json: bool) -> None:
    """Give an entry up. It is never sent again, and everything about it is kept."""
    with reported(as_json=as_json, debug=debug):
        from sync.entrypoints import orders
        from sync.entrypoints.cli.outbox import opened

        orders.check_why(why)
        with opened() as (database, clock):
            done = orders.discard(database, clock, id_, why)
        if as_json:
            print_json(done.to_json())
            return
        say(f"{done.id[-8:]} is discarded; it is kept, and never sent again")
        if done.may_exist:
            say(
                "the server has it or may have it: whoever runs the server should know that it was given up",
                err=True,
            )
