"""`fieldsync export`, and the part of `fieldsync import` that takes a bundle in: work goes from device to device.

A passphrase or key comes from a file, a pipe or a hidden prompt, never from an argument that others can see.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from sync.entrypoints.cli.delivered import STDOUT, export_csv
from sync.entrypoints.cli.output import folder_is_there, plain, print_json, reported
from sync.entrypoints.cli.saying import said, say
from sync.entrypoints.cli.since import Since
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from sync.bundle.handing import HandedOver
    from sync.bundle.sealed_file import Lock
    from sync.bundle.taking import TakenIn

_SHOWN: Final = 20
_EXPORT_HELP: Final = "fieldsync export --help"
_IMPORT_HELP: Final = "fieldsync import --help"
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Secret(NamedTuple):
    """Where the passphrase or key is to be read, as given on the command line."""

    passphrase_file: Path | None
    passphrase_stdin: bool
    key_file: Path | None

    @property
    def given(self) -> int:
        return bool(self.passphrase_file) + self.passphrase_stdin + bool(self.key_file)


def secret_options(command: _Command) -> _Command:
    """The three ways to give a passphrase or key, for `export` and `import`."""
    for option in (
        click.option(
            "--key-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A bundle's key, the same to export and to import; made by export --new-key.",
        ),
        click.option(
            "--passphrase-stdin", is_flag=True, help="Read a bundle's passphrase from standard input."
        ),
        click.option(
            "--passphrase-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Read a bundle's passphrase from this file; else it is asked for.",
        ),
    ):
        command = option(command)
    return command


def import_bundle(path: Path, secret: Secret, *, owner: str | None, dry_run: bool, as_json: bool) -> None:
    """Take the bundle `path` in, all of it or nothing, and tell what became of it.

    Raises:
        Failed: it cannot be read or does not fit to what is here.
    """
    from config.settings import load
    from sync import app
    from sync.bundle.taking import take_in
    from sync.clock import Clock
    from sync.commands import worker
    from sync.credentials import is_owner

    if owner is not None and not is_owner(owner):
        raise Failed(
            Exit.REFUSED,
            "owner_invalid",
            "an owner is 1 to 100 bytes of printable text",
            next_command=_IMPORT_HELP,
        )
    with _told(_IMPORT_HELP):
        opener = _read(secret, new=False)
        settings = load()
        clock = Clock()
        database = app.open_outbox(settings.storage.dir, clock)
        try:
            with _opened(path) as stream:
                done = take_in(
                    database,
                    stream,
                    opener,
                    clock=clock,
                    owner=owner,
                    reserve_bytes=settings.storage.reserve_mib * 1024 * 1024,
                    dry_run=dry_run,
                )
            done.drain = "none" if worker(database) is None else "worker"
        finally:
            database.close()
        tokens = app.credentials(settings, clock)
        strangers = [each for each in done.owners if tokens.for_owner(each or None) is None]
    if as_json:
        print_json({**done.to_json(), "dry_run": dry_run})
        return
    _tell_taken(done, strangers, dry_run=dry_run)


def _tell_taken(done: TakenIn, strangers: list[str], *, dry_run: bool) -> None:
    from storage.handovers import Became
    from sync.bundle.taking import GIVEN_UP_WARNING, TAKEN_BACK_WARNING

    would = "would be " if dry_run else ""
    say(f"{done.count(Became.IMPORTED)} {would}imported, {done.count(Became.DUPLICATE)} were here before")
    if taken := done.count(Became.TAKEN_BACK):
        say(f"{taken} {would}taken back: this device had handed them over in this bundle")
        say(f"WARNING: {TAKEN_BACK_WARNING}.", err=True)
    if returned := done.count(Became.RETURNED):
        say(f"{returned} {would}back from the device that they had been handed to")
    if moved_on := done.count(Became.MOVED_ON):
        say(f"{moved_on} left alone: this device has handed them over since, in a later bundle")
    if given_up := done.count(Became.GIVEN_UP):
        named = ", ".join(id[-8:] for id in done.ids[Became.GIVEN_UP][:_SHOWN])
        say(f"{given_up} not taken in: {named}")
        say(f"WARNING: {GIVEN_UP_WARNING}.", err=True)
    for owner in strangers:
        who = f"{plain(owner)} has" if owner else "this device has"
        say(
            f"note: {who} no sign-in here. Sign in (fieldsync auth set), or give them to somebody who is signed in "
            "(fieldsync edit --from OWNER --owner NAME)",
            err=True,
        )
    if done.drain == "none" and not dry_run:
        say("no worker is running; next: fieldsync sync", err=True)


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; must not exist yet."
)
@click.option("--kind", metavar="KIND", help="Only entries of this kind.")
@click.option("--owner", metavar="NAME", help='Only entries of this owner; "" is nobody\'s.')
@secret_options
@click.option(
    "--new-key", type=click.Path(path_type=Path), metavar="FILE", help="Make a key, and nothing else."
)
@click.option("--again", metavar="ID", help="Write the bundle once more that this entry was handed over in.")
@click.option("--csv", "as_csv", is_flag=True, help="A table of what was delivered, instead; -o - prints it.")
@click.option("--since", type=Since(), help="With --csv: only since then; an instant, or like 2h, 3d.")
@click.option("--dry-run", is_flag=True, help="Say what would be handed over, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def export(
    debug: bool,
    ids: tuple[str, ...],
    output: Path | None,
    kind: str | None,
    owner: str | None,
    passphrase_file: Path | None,
    passphrase_stdin: bool,
    key_file: Path | None,
    new_key: Path | None,
    again: str | None,
    as_csv: bool,
    since: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Hand entries that were never sent to another device, in one encrypted file. They are not sent from here then.

    Without IDs: all that can go, or those of a kind or owner. What waits for them goes along. Import it on ONE device.

    Ends with 3 where something that was asked for had to stay.
    """
    with reported(as_json=as_json, debug=debug):
        if new_key is not None:
            folder_is_there(new_key, next_command=_EXPORT_HELP)
            _make_key(new_key, as_json=as_json)
            return
        selected = kind is not None or owner is not None
        if ids and selected:
            raise _usage("give either IDs or a selection", _EXPORT_HELP)
        if output is None:
            raise _usage("say where to: -o FILE", _EXPORT_HELP)
        if not output.name:
            raise _usage(f"{output} is a folder; name a file in it", _EXPORT_HELP)
        folder_is_there(output, next_command=_EXPORT_HELP)
        secret = Secret(passphrase_file, passphrase_stdin, key_file)
        if as_csv:
            if ids or selected or secret.given or dry_run or again is not None:
                raise _usage("--csv goes with -o, --since and --json alone", _EXPORT_HELP)
            export_csv(output, since, as_json=as_json)
            return
        if since is not None or output == STDOUT:
            raise _usage("--since and -o - are for --csv", _EXPORT_HELP)
        if again is not None and (ids or selected or dry_run):
            raise _usage("--again writes what was handed over, and selects nothing", _EXPORT_HELP)
        done = _export(output, ids, kind, owner, secret, again=again, dry_run=dry_run)
        if as_json:
            print_json({**done.to_json(), "dry_run": dry_run})
        else:
            _tell_handed(done, dry_run=dry_run)
    sys.exit(Exit.NEEDS_PERSON if done.choice.staying else Exit.OK)


def _export(
    output: Path,
    ids: tuple[str, ...],
    kind: str | None,
    owner: str | None,
    secret: Secret,
    *,
    again: str | None,
    dry_run: bool,
) -> HandedOver:
    from uuid import uuid4

    from sync.bundle.handing import Wanted, hand_over, look, write_again
    from sync.entrypoints.cli.outbox import opened
    from sync.operations import KINDS, by_kind

    if kind is not None and kind not in KINDS:
        by_kind(kind)  # says which there are
    wanted = Wanted(ids, kind, owner)
    with _told(_EXPORT_HELP), opened() as (database, clock):
        if dry_run:
            return look(database, wanted, clock, output)
        lock = _read(secret, new=True)
        if again is not None:
            return write_again(database, again, output, lock, clock=clock)
        return hand_over(database, wanted, output, lock, clock=clock, bundle=str(uuid4()))


def _tell_handed(done: HandedOver, *, dry_run: bool) -> None:
    from sync.bundle.choice import WHY

    going = len(done.choice.going)
    if dry_run:
        say(f"{going} would be handed over")
    elif done.bundle is None:
        say("nothing was handed over, and no file was made")
        if not done.choice.staying:
            say("  there is nothing here that was never sent and has not left yet")
    else:
        say(f"{going} handed over in {plain(str(done.path))} ({done.size_bytes} bytes)")
    if done.choice.brought:
        say(f"  {len(done.choice.brought)} of them go along because they wait for others of them")
    for each in done.choice.staying[:_SHOWN]:
        say(f"  stays {each.id[-8:]}: {WHY[each.code]}")
    if len(done.choice.staying) > _SHOWN:
        say(f"  ... and {len(done.choice.staying) - _SHOWN} more (with --json: all)")
    if done.bundle is not None:
        say(
            "They are not sent from this device any more. Import the file on ONE other device: two would send them "
            "twice.",
            err=True,
        )
        say(f"next, there: fieldsync import {plain(done.path.name)}", err=True)


def _make_key(path: Path, *, as_json: bool) -> None:
    from storage.folder import from_os_error
    from sync.bundle.keys import new_key

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{new_key().text.reveal()}\n")
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            # Nobody has used it yet, and half a key would stand in the way of the next try.
            with suppress(OSError):
                path.unlink()
            raise
    except FileExistsError:
        raise Failed(
            Exit.REFUSED,
            "file_exists",
            f"{path} exists; a key never overwrites anything, name another file",
            next_command=_EXPORT_HELP,
        ) from None
    except OSError as error:
        raise from_os_error(error, path) from None
    if as_json:
        print_json({"schema": 1, "path": str(path)})
        return
    say(
        f"{plain(str(path))} seals bundles and opens them. Bring it to both devices by another way than the bundles."
    )


def _read(secret: Secret, *, new: bool) -> Lock:
    """The passphrase or key from where it is said to be, else from a hidden prompt."""
    from sync.bundle import keys

    next_command = _EXPORT_HELP if new else _IMPORT_HELP
    if secret.given > 1:
        raise _usage("give one of --passphrase-file, --passphrase-stdin and --key-file", next_command)
    for path in (secret.key_file, secret.passphrase_file):
        if path is not None and keys.read_by_others(path):
            say(f"note: others on this device can read {plain(str(path))}: chmod 600", err=True)
    if secret.key_file is not None:
        return keys.key_in(keys.read_secret(secret.key_file))
    if secret.passphrase_file is not None:
        return keys.passphrase_in(keys.read_secret(secret.passphrase_file), new=new)
    if secret.passphrase_stdin:
        return keys.passphrase_in(keys.read_secret(sys.stdin.buffer), new=new)
    if not sys.stdin.isatty():
        raise _usage("give --passphrase-file, --passphrase-stdin or --key-file", next_command)
    asked = click.prompt(
        said("Passphrase of the bundle"),
        hide_input=True,
        confirmation_prompt=said("Repeat for confirmation") if new else False,
        err=True,
    )
    return keys.passphrase_in(str(asked).encode(), new=new)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise Failed(
            Exit.TEMPORARY,
            "file_unreadable",
            f"{path} cannot be read ({error.strerror or error})",
            next_command=_IMPORT_HELP,
        ) from None
    with stream:
        yield stream


@contextmanager
def _told(next_command: str) -> Iterator[None]:
    """Refusals of bundles as errors of a command."""
    from sync.bundle.errors import BundleRefused
    from sync.bundle.handing import LeftParked

    try:
        yield
    except LeftParked as left:
        raise Failed(
            Exit.NEEDS_PERSON, left.code, str(left), next_command="fieldsync list --state parked"
        ) from None
    except BundleRefused as refused:
        raise Failed(Exit.REFUSED, refused.code, str(refused), next_command=next_command) from None


def _usage(message: str, next_command: str) -> Failed:
    return Failed(Exit.REFUSED, "usage", message, next_command=next_command)
