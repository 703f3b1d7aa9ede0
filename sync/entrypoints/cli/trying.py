"""`fieldsync sandbox` and `fieldsync demo`: try everything on this machine alone, without a real API."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import click

from sync.entrypoints.cli.output import print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from datetime import datetime

    from sync.demo.comparison import Compared
    from sync.demo.story import Stage
    from sync.demo.telling import Teller

# The product sends over plain http to these alone.
_LOOPBACK: Final = ("127.0.0.1", "localhost")
_PORT: Final = click.IntRange(0, 65_535)


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen: 127.0.0.1 or localhost."
)
@click.option("--api-port", type=_PORT, default=0, help="Port of the API. Default: a free one.")
@click.option(
    "--store-port", type=_PORT, default=0, help="Port of the signature storage. Default: a free one."
)
@click.option(
    "--honour-keys", is_flag=True, help="A second POST with the same Idempotency-Key makes no second record."
)
@click.option(
    "--reissue-urls",
    is_flag=True,
    help="POST .../mb/ID/signature-url gives another address; the real API has no such call.",
)
@click.option("--seed", hidden=True, help="The same seed gives the same keys and tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def sandbox(
    debug: bool,
    host: str,
    api_port: int,
    store_port: int,
    honour_keys: bool,
    reissue_urls: bool,
    seed: str | None,
    as_json: bool,
) -> None:
    """A stand-in for the API and the signature storage, until Ctrl-C. It forgets everything at its end.

    Copy the lines it prints into another terminal, and what you capture there is delivered here.
    """
    with reported(as_json=as_json, debug=debug):
        if host not in _LOOPBACK:
            raise Failed(
                Exit.REFUSED,
                "host_not_loopback",
                f"the sandbox has no protection and listens on this machine alone: 127.0.0.1 or localhost, not {host}",
                next_command="fieldsync sandbox",
            )
        from sync.sandbox.options import Options
        from sync.sandbox.server import run

        def ready(facts: dict[str, Any]) -> None:
            _announce(facts, as_json=as_json)

        options = Options(honour_keys=honour_keys, reissue_urls=reissue_urls)
        try:
            run(host, api_port, store_port, ready, seed=seed, options=options)
        except OSError as error:
            why = error.strerror or str(error)
            raise Failed(
                Exit.REFUSED,
                "port_unusable",
                f"the sandbox cannot listen on {host} with the ports {api_port} and {store_port} ({why}); 0 takes a "
                "free one",
                next_command="fieldsync sandbox",
            ) from error


def _announce(facts: dict[str, Any], *, as_json: bool) -> None:
    addresses = {name: facts[name] for name in ("api_url", "store_url", "control_url")}
    environment = {
        "FIELDSYNC_API__BASE_URL": facts["api_url"],
        "FIELDSYNC_UPLOAD__ALLOW_INSECURE_LOOPBACK": "true",
        "FIELDSYNC_API__TOKEN": facts["token"],
        "FIELDSYNC_API__SESSION_TOKEN": facts["session_token"],
    }
    if as_json:
        print_json({"schema": 1, **addresses, "environment": environment})
    else:
        for name, url in addresses.items():
            click.echo(f"{name}: {url}")
        click.echo()
        for name, value in environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        say("Copy the export lines into another terminal. There:", err=True)
        say("  fieldsync capture unplanned-preventive --data visit.json --signature signature.png", err=True)
        say("  fieldsync sync", err=True)
        say("Ctrl-C ends the sandbox, and it forgets everything.", err=True)
    sys.stdout.flush()


@click.command()
@click.option("--script", is_flag=True, help="Plain lines, nothing moves, nobody is waited for.")
@click.option("--open", "opens", is_flag=True, help="Open the technician's page in the browser.")
@click.option("--keep", is_flag=True, help="Leave the scratch folder for a look afterwards.")
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON object: the result.")
@click.pass_obj
def demo(debug: bool, script: bool, opens: bool, keep: bool, as_json: bool) -> None:
    """The whole story on a sandbox: no network, a power cut in the middle, everything arrives by itself.

    Then the page stays open to try it by hand, until Ctrl-C; with --script or --json the end of the story is the end.
    Exit code 0 only if nothing was lost or doubled and every byte is the one that was captured.
    """
    with reported(as_json=as_json, debug=debug), interruptible():
        started_s = time.monotonic()

        def told(found: Compared) -> None:
            if as_json:
                print_json({**found.to_json(), "duration_s": round(time.monotonic() - started_s, 3)})
            else:
                say(_sentence(found))
            sys.stdout.flush()

        found = _demo(told, script=script, page=not (script or as_json), opens=opens, keep=keep)
    sys.exit(Exit.OK if found.good else Exit.UNEXPECTED)


def _demo(told: Callable[[Compared], None], *, script: bool, page: bool, opens: bool, keep: bool) -> Compared:
    from datetime import UTC, datetime

    from sync.demo.children import DemoBroken
    from sync.demo.story import play, staged

    now = datetime.now(UTC)
    try:
        with _teller(script) as teller, staged(teller, keep=keep, now=now) as stage:
            found = play(stage)
            told(found)
            if page and found.good:
                _show_page(stage, now=now, opens=opens)
            return found
    except DemoBroken as broken:
        raise Failed(
            Exit.UNEXPECTED,
            "demo_broken",
            f"the demo could not go on: {broken}",
            next_command="fieldsync demo",
        ) from broken


def _show_page(stage: Stage, *, now: datetime, opens: bool) -> None:
    """Until somebody ends it, which is how it is meant to end."""
    from sync.demo.page import show

    with suppress(KeyboardInterrupt):
        show(stage, now=now, opens=opens)


@contextmanager
def _teller(script: bool) -> Iterator[Teller]:
    if script or not _is_terminal():
        from sync.demo.telling import PlainTeller

        yield PlainTeller()
        return
    from sync.demo.screen import screen

    with screen() as teller:
        yield teller


def _is_terminal() -> bool:
    return (
        sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    )


def _sentence(found: Compared) -> str:
    verdict = "Nothing lost, nothing doubled." if found.good else "The comparison FAILED."
    return (
        f"{verdict} {found.captured} captured, {found.delivered} delivered, {found.signatures_verified} signatures "
        f"verified, {found.duplicates} doubled, {found.lost} lost, {found.needs_action} kept for a person."
    )


@contextmanager
def interruptible() -> Iterator[None]:
    """Whoever ends a trial, by Ctrl-C or otherwise, leaves no process and no folder behind."""

    def interrupt(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    before = {
        number: signal.signal(number, interrupt)
        for number in (getattr(signal, name) for name in names if hasattr(signal, name))
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
