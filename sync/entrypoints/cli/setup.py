"""`fieldsync auth` and `fieldsync config`: who this device speaks for, and which settings are in force."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from sync.entrypoints.cli.helping import Group
from sync.entrypoints.cli.output import print_json, reported
from sync.entrypoints.cli.saying import said, say
from sync.entrypoints.failures import Failed

_MOST_BYTES = 65536


@click.group(cls=Group)
def auth() -> None:
    """Sign-in tokens of this device. They come from standard input or files, never from arguments."""


@auth.command("set")
@click.option("--owner", metavar="NAME", help="Whose tokens; without it the device's own.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the bearer token.")
@click.option("--session-token-file", type=click.Path(path_type=Path), help="File with the session token.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def auth_set(
    debug: bool, owner: str | None, token_file: Path | None, session_token_file: Path | None, as_json: bool
) -> None:
    """Store a pair of tokens, readable by this user only.

    Without files, standard input holds JSON ({"accessToken": ..., "sessionToken": ...}, also inside "data", as the
    sign-in answers it) or two lines: bearer token, session token.
    """
    with reported(as_json=as_json, debug=debug):
        from config.basics import read_basics
        from storage.folder import StorageFolder
        from sync.entrypoints import orders

        if (token_file is None) != (session_token_file is None):
            raise _refused("give both --token-file and --session-token-file, or neither")
        if token_file is not None and session_token_file is not None:
            bearer, session = _from_file(token_file), _from_file(session_token_file)
        else:
            bearer, session = _from_stdin()
        basics = read_basics(os.environ)
        orders.keep_tokens(basics.credentials(), StorageFolder(basics.storage_dir), owner, bearer, session)
        _wake()
        _print_status(as_json)


def _refused(message: str) -> Failed:
    from sync.entrypoints.orders import tokens_refused

    return tokens_refused(message)


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(f"{path} cannot be read ({getattr(error, 'strerror', 'it is not text')})") from None


def _from_stdin() -> tuple[str, str]:
    if sys.stdin.isatty():
        say("paste the bearer token, then the session token (not shown):", err=True)
        import getpass

        return getpass.getpass(said("bearer: ")).strip(), getpass.getpass(said("session: ")).strip()
    try:
        text = sys.stdin.buffer.read(_MOST_BYTES).decode()
    except UnicodeDecodeError:
        raise _refused("standard input is not text") from None
    from sync.token_files import TokensNotText, pair_in_answer

    try:
        return pair_in_answer(text)
    except TokensNotText as problem:
        raise _refused(str(problem)) from None
    except ValueError:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 2:
        raise _refused(
            "standard input holds neither the API's sign-in answer, JSON with accessToken and sessionToken, "
            "nor two lines with the two tokens"
        )
    return lines[0], lines[1]


def _wake() -> None:
    """A running worker takes new tokens at once."""
    from sync.entrypoints import orders
    from sync.entrypoints.cli.outbox import opened

    with opened() as (database, clock):
        orders.wake(database, clock)


@auth.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def auth_status(debug: bool, as_json: bool) -> None:
    """Whose tokens are here, and until when."""
    with reported(as_json=as_json, debug=debug):
        _print_status(as_json)


def _print_status(as_json: bool) -> None:
    from config.basics import read_basics
    from sync.explain import iso

    known = read_basics(os.environ).credentials().status(datetime.now(UTC))
    lines = [
        {
            "owner": each.owner,
            "state": each.state,
            "expires_at": None if each.expires_at is None else iso(each.expires_at),
        }
        for each in known
    ]
    if as_json:
        print_json({"schema": 1, "auth": lines})
        return
    for line in lines:
        until = f" until {line['expires_at']}" if line["expires_at"] else ""
        say(f"{line['owner'] or 'this device'}: {line['state']}{until}")
    if any(each.state != "ok" for each in known):
        say("next: fieldsync auth set", err=True)


@auth.command("clear")
@click.option("--owner", metavar="NAME", help="Whose tokens; without it the device's own.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def auth_clear(debug: bool, owner: str | None, as_json: bool) -> None:
    """Forget a stored pair. Tokens that the configuration names stay."""
    with reported(as_json=as_json, debug=debug):
        from config.basics import read_basics
        from storage.folder import from_os_error
        from sync.credentials import TokensRefused

        basics = read_basics(os.environ)
        try:
            cleared = basics.credentials().clear(owner)
        except TokensRefused as refused:
            raise _refused(str(refused)) from None
        except OSError as error:
            raise from_os_error(error, basics.storage_dir) from None
        if as_json:
            print_json({"schema": 1, "cleared": cleared})
        else:
            say("forgotten" if cleared else "there was nothing stored")


@click.group(cls=Group)
def config() -> None:
    """The settings in force, and whether they are right."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def config_show(debug: bool, as_json: bool) -> None:
    """Every setting, its value, and where the value comes from. Secrets are only said to be set or not."""
    with reported(as_json=as_json, debug=debug):
        from config.settings import load
        from config.view import public_view

        view = public_view(load())
        if as_json:
            print_json({"schema": 1, **view})
            return
        for section, values in view["settings"].items():
            for key, value in values.items():
                source = view["sources"][section][key]
                say(f"{section}.{key} = {json.dumps(value, default=str)}  ({source})")


@config.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def config_check(debug: bool, as_json: bool) -> None:
    """Whether the settings can be used; every problem at once, and advice where something looks wrong."""
    with reported(as_json=as_json, debug=debug):
        from config.settings import load
        from config.view import advice

        found = advice(load())
        if as_json:
            print_json(
                {
                    "schema": 1,
                    "ok": True,
                    "advice": [
                        {"path": each.path, "code": each.code, "message": each.message} for each in found
                    ],
                }
            )
            return
        say("the configuration can be used")
        for each in found:
            click.echo(f"  {each.path}{said(': ')}{said(each.message)}", err=True)
