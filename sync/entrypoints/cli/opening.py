"""`fieldsync open`: a link to the page, a token for a program, or the end of all of them.

A link is made here and spent in a browser. The running worker reads the same files, so nothing has to be asked of it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from sync.entrypoints.cli.output import print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from config.basics import Basics
    from sync.local_access import Link, LocalAccess

_PATIENCE_S = 5.0
_SCOPES = ("capture", "read", "control", "auth")


@click.command("open")
@click.option("--ops", is_flag=True, help="The page of ops: everybody's entries, and what can be ordered.")
@click.option("--owner", metavar="NAME", help="Whose entries; without it this device's.")
@click.option("--no-browser", is_flag=True, help="Print the link and open nothing.")
@click.option("--token", "as_token", is_flag=True, help="Print a token for a program instead of a link.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(_SCOPES), help="What the token is for; repeatable."
)
@click.option("--revoke", is_flag=True, help="End every token, link and session that there is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and open nothing.")
@click.pass_obj
def open_page(
    debug: bool,
    ops: bool,
    owner: str | None,
    no_browser: bool,
    as_token: bool,
    scopes: tuple[str, ...],
    revoke: bool,
    as_json: bool,
) -> None:
    """Open the local page in the browser, by a link that works once and within ten minutes."""
    with reported(as_json=as_json, debug=debug):
        from config.basics import read_basics

        _check(ops=ops, owner=owner, as_token=as_token, scopes=scopes, revoke=revoke, no_browser=no_browser)
        basics = read_basics(os.environ)
        access = _access(basics)
        if revoke:
            access.revoke()
            done = "every token, link and session has ended; fieldsync open makes a new link"
            _print({"schema": 1, "revoked": True}, done, as_json)
        elif as_token:
            _token(access, scopes, owner, as_json)
        else:
            _link(access, basics, ops=ops, owner=owner, show=not (no_browser or as_json), as_json=as_json)


def _check(
    *, ops: bool, owner: str | None, as_token: bool, scopes: tuple[str, ...], revoke: bool, no_browser: bool
) -> None:
    """Raises: Failed with what does not go together."""
    from sync.credentials import is_owner

    faults = {
        "--revoke ends everything and goes with nothing else": revoke
        and bool(ops or owner or as_token or scopes or no_browser),
        "--token needs at least one --scope: capture, read, control, auth": as_token and not scopes,
        "--scope goes with --token; what a link is for is fixed": bool(scopes) and not as_token,
        "--ops is for a link; a token takes --scope": ops and as_token,
        "--ops sees everybody's entries and takes no --owner": ops and owner is not None,
        "an owner is 1 to 100 bytes of printable text": owner is not None and not is_owner(owner),
    }
    found = [fault for fault, holds in faults.items() if holds]
    if found:
        raise Failed(Exit.REFUSED, "usage", "; ".join(found), next_command="fieldsync open --help")


def _access(basics: Basics) -> LocalAccess:
    from storage.folder import StorageFolder
    from sync.clock import Clock
    from sync.local_access import LocalAccess

    folder = StorageFolder(basics.storage_dir)
    return LocalAccess(folder, folder.marked_id() or "", now=Clock().now)


def _token(access: LocalAccess, scopes: tuple[str, ...], owner: str | None, as_json: bool) -> None:
    from sync.visitor import Scope, Visitor

    visitor = Visitor(frozenset(Scope(scope) for scope in scopes), owner, everyone=owner is None)
    access.make()
    token = access.token(visitor).reveal()
    _print({"schema": 1, "token": token, **visitor.to_json()}, token, as_json)
    if not as_json:
        say("it holds until fieldsync open --revoke; keep it where only its program reads it", err=True)


def _link(
    access: LocalAccess, basics: Basics, *, ops: bool, owner: str | None, show: bool, as_json: bool
) -> None:
    from sync.explain import iso
    from sync.visitor import OPS, technician

    address = _address(access, basics)
    # A key that others can read lets nobody in, also where the worker has long been running.
    if access.make():
        say(
            "the key could be read by others: there is a new one, and every token, link and session has ended",
            err=True,
        )
    visitor = OPS if ops else technician(owner or _device_owner(basics))
    link = access.new_link(visitor)
    url = f"{address}/open/{link.code.reveal()}"
    _print({"schema": 1, "url": url, "ends_at": iso(link.ends_at), **visitor.to_json()}, url, as_json)
    if not as_json:
        say("it works once, within ten minutes", err=True)
    if show:
        _show(access, link, url)


def _device_owner(basics: Basics) -> str | None:
    """Whose entries this device captures: as `sync.app.owner`, without loading all the settings."""
    tokens = None if basics.owner else basics.credentials().for_owner(None)
    return basics.owner or (None if tokens is None else tokens.owner)


def _address(access: LocalAccess, basics: Basics) -> str:
    """Where the worker of this outbox serves the page.

    Raises:
        Failed: there is no worker, or it serves none.
    """
    from storage.folder import StorageFolder
    from storage.locks import FileLock

    folder = StorageFolder(basics.storage_dir)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        worker = FileLock.holder(folder.worker_lock)
        if worker is None:
            message = "no worker runs on this device, and the page is served by it"
            raise Failed(
                Exit.TEMPORARY, "page_not_running", message, next_command="fieldsync run", retryable=True
            )
        address = access.address()
        if address is not None and address.pid == worker.pid:
            return address.url
        if time.monotonic() > deadline:  # a worker that has just been started takes a second or two
            message = (
                "the worker runs without the page: web.enabled is off, or its port is taken (see its log)"
            )
            raise Failed(
                Exit.TEMPORARY,
                "page_not_served",
                message,
                next_command="fieldsync config show",
                retryable=True,
            )
        time.sleep(0.1)


def _show(access: LocalAccess, link: Link, url: str) -> None:
    """In the browser of this session, if it has one. By a file of this user: other users read command lines."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return  # what would be found is a text browser, in the middle of this terminal
    import webbrowser

    page = access.lead_to(link.code.reveal(), url)
    if webbrowser.open(page.as_uri()):
        say("opening it in the browser; if nothing comes up, follow the link", err=True)


def _print(document: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        click.echo(text)
