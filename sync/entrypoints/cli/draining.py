"""`fieldsync sync` and `fieldsync run`: one drain in the foreground, or the worker that drains by itself."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from sync.entrypoints.cli.output import reported
from sync.entrypoints.cli.saying import said, say
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.database import Database
    from storage.locks import Holder
    from sync.clock import Clock
    from sync.drain import Drain
    from sync.entrypoints.api.desk import Switch
    from sync.entrypoints.server import LocalServer
    from sync.report import DrainReport

Progress = Callable[[dict[str, Any]], None]

# `--wait` looks again at least this often: what it waits for may also be changed by other processes.
_WAIT_AT_MOST_S = 5.0
_LEAVE_WITHIN_S = 9.5


@click.command()
@click.option(
    "--wait", is_flag=True, help="Go on until nothing is left that can be delivered without a person."
)
@click.option("--force", is_flag=True, help="Ignore the connectivity gate once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines; the last one is the summary.")
@click.pass_obj
def sync(debug: bool, wait: bool, force: bool, as_json: bool) -> None:
    """Deliver what is due, once, in the foreground. Beside a running worker: ask it, and follow what it does."""
    with reported(as_json=as_json, debug=debug):
        summary, exit_code = _sync(wait=wait, force=force, as_json=as_json)
        _tell(summary, exit_code, as_json)
    sys.exit(exit_code)


def _sync(*, wait: bool, force: bool, as_json: bool) -> tuple[dict[str, Any], Exit]:
    from config.settings import load
    from sync import app, events
    from sync.clock import Clock

    settings = load()
    events.configure_logging(settings.log.level, settings.log.format)
    events.log_uncaught()
    clock = Clock()
    database = app.open_to_drain(settings.storage.dir, clock)
    try:
        with _shown(as_json) as progress:
            from sync.commands import worker

            if worker(database) is not None:
                summary = _follow(settings, database, clock, progress, wait=wait, force=force)
                if summary is not None:
                    return summary, _exit_code(settings, database, clock, summary)
            drain = app.build_drain(settings, database, clock)
            with _stopping(drain.stop):
                summary = _drain(drain, database, clock, settings, progress, wait=wait, force=force)
            exit_code = _exit_code(settings, database, clock, summary)
            if drain.abandoned:
                # A thread still hangs in the network: the lock goes with the process, not before.
                _leave(summary, exit_code, as_json)
            drain.close()
            return summary, exit_code
    finally:
        database.close()


def _drain(
    drain: Drain,
    database: Database,
    clock: Clock,
    settings: Settings,
    progress: Progress,
    *,
    wait: bool,
    force: bool,
) -> dict[str, Any]:
    from sync.drain import DrainBusy
    from sync.report import with_totals
    from sync.rules import Ask

    total: DrainReport | None = None
    while True:
        try:
            ask = Ask(forced=force and total is None, looked=total is None)
            report = drain.run(ask, lambda now, total=total: progress(_json(now, total)))  # type: ignore[misc]
        except DrainBusy as busy:
            raise _busy(busy.holder) from None
        total = report if total is None else with_totals(report, total)
        if not wait or drain.stopping or not _worth_waiting(settings, database, clock, total):
            return total.to_json()
        _pause_for(drain, _until_next_s(settings, database, clock))


def _json(report: DrainReport, total: DrainReport | None) -> dict[str, Any]:
    from sync.report import with_totals

    return (report if total is None else with_totals(report, total)).to_json()


def _worth_waiting(settings: Settings, database: Database, clock: Clock, report: DrainReport) -> bool:
    """Whether anything is left that time alone can deliver."""
    from sync import app
    from sync.waiting import goes_on_by_itself

    return goes_on_by_itself(database, app.credentials(settings), report.waiting, report.in_doubt, clock)


def _until_next_s(settings: Settings, database: Database, clock: Clock) -> float:
    from sync.waiting import next_moment

    moment = next_moment(database, settle_s=settings.sync.settle_s, clock=clock)
    wait_s = _WAIT_AT_MOST_S if moment is None else (moment - clock.now()).total_seconds()
    return min(max(wait_s, 0.05), _WAIT_AT_MOST_S)


def _pause_for(drain: Drain, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not drain.stopping:
        time.sleep(min(0.1, max(0.0, deadline - time.monotonic())))


def _follow(
    settings: Settings, database: Database, clock: Clock, progress: Progress, *, wait: bool, force: bool
) -> dict[str, Any] | None:
    """Let the running worker do it; None when it has gone meanwhile."""
    from sync import commands
    from sync.waiting import goes_on_by_itself

    total: dict[str, Any] | None = None
    while True:
        number = commands.ask_worker(database, clock, forced=force and total is None)
        holder = commands.worker(database)
        try:
            report = commands.follow(database, number, progress)
        except commands.WorkerSilent:
            raise _busy(holder, stopped=True) from None
        if report is None:
            return None
        if total is not None:
            for name in ("delivered", "sent", "uploaded", "duration_s"):
                report[name] = round(report[name] + total[name], 3)
        total = report
        from sync import app

        tokens = app.credentials(settings)
        if not wait or not goes_on_by_itself(database, tokens, report["waiting"], report["in_doubt"], clock):
            return total
        time.sleep(_until_next_s(settings, database, clock))


def _busy(holder: Holder | None, *, stopped: bool = False) -> Failed:
    who = f"process {holder.pid}" if holder is not None and holder.pid else "another process"
    state = "holds the outbox and gives no sign of life" if stopped else "is draining this outbox right now"
    return Failed(Exit.BUSY, "drain_busy", f"{who} {state}", next_command="fieldsync status", retryable=True)


def _exit_code(settings: Settings, database: Database, clock: Clock, summary: dict[str, Any]) -> Exit:
    """Where several fit: sign-in, then a person, then try later."""
    from sync import app
    from sync.waiting import sign_in_needed

    if summary["stopped_by"] == "interrupted":
        return Exit.INTERRUPTED
    if sign_in_needed(database, app.credentials(settings), summary["waiting"], clock):
        return Exit.SIGN_IN
    if summary["needs_action"]:
        return Exit.NEEDS_PERSON
    if summary["waiting"] or summary["in_doubt"]:
        return Exit.TEMPORARY
    return Exit.OK


def _leave(summary: dict[str, Any], exit_code: Exit, as_json: bool) -> None:
    _tell(summary, exit_code, as_json)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _tell(summary: dict[str, Any], exit_code: Exit, as_json: bool) -> None:
    click.echo(json.dumps(summary) if as_json else said(_sentence(summary)))
    if exit_code is Exit.NEEDS_PERSON and not as_json:
        say("next: fieldsync list --needs-action", err=True)


def _sentence(summary: dict[str, Any]) -> str:
    parts = [f"{summary['delivered']} delivered"]
    need = "needs a person" if summary["needs_action"] == 1 else "need a person"
    for name, words in (("waiting", "waiting"), ("in_doubt", "in doubt"), ("needs_action", need)):
        if summary[name]:
            parts.append(f"{summary[name]} {words}")
    why = f" (stopped: {summary['stopped_by']})" if summary["stopped_by"] else ""
    return ", ".join(parts) + why


@contextmanager
def _shown(as_json: bool) -> Iterator[Progress]:
    """How progress is shown: JSON lines for programs, a bar on a terminal, nothing in a pipe."""
    if as_json:
        last = 0.0

        def line(report: dict[str, Any]) -> None:
            nonlocal last
            if time.monotonic() - last >= 0.5:
                last = time.monotonic()
                click.echo(json.dumps({"progress": report}))
                sys.stdout.flush()

        yield line
    elif sys.stderr.isatty():
        from sync.entrypoints.cli.bar import bar

        with bar() as progress:
            yield progress
    else:
        yield lambda _: None


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C ask the drain to finish or hand back; it does so within ten seconds."""
    # A busy or full disk may hold the writer for longer; what is on the wire is in doubt then, and truthfully so.
    last = threading.Timer(_LEAVE_WITHIN_S, os._exit, (Exit.TEMPORARY,))
    last.daemon = True

    def asked(*_: object) -> None:
        stop()
        with suppress(RuntimeError):  # asked twice: the first time counts
            last.start()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        last.cancel()
        for number, former in before.items():
            signal.signal(number, former)


@click.command()
@click.pass_obj
def run(debug: bool) -> None:
    """The worker: deliver by itself whenever the network allows, until SIGTERM or Ctrl-C."""
    with reported(as_json=False, debug=debug):
        work()


def work(*, switch: Switch | None = None) -> None:
    """The worker, with the page beside it, until it is told to stop. `switch`: a network that the page can turn off.

    Raises:
        Failed: another worker serves this outbox. ConfigError, StorageProblem: it cannot begin.
    """
    from config.settings import load
    from sync import app, commands, events
    from sync.clock import Clock
    from sync.scheduler import Worker, WorkerRunning

    settings = load()
    events.configure_logging(settings.log.level, settings.log.format)
    events.log_uncaught()
    clock = Clock()
    database = app.open_to_drain(settings.storage.dir, clock)
    try:
        drain = app.build_drain(settings, database, clock)
        worker = Worker(
            database,
            drain,
            interval_s=settings.sync.interval_s,
            settle_s=settings.sync.settle_s,
            clock=clock,
        )
        holder = commands.worker(database)
        if holder is not None:  # before its page is announced under our name
            raise _busy(holder)
        page = _page(settings, database, clock, switch)
        with _stopping(_both(page.ask_to_stop, worker.stop) if page else worker.stop):
            try:
                if page:
                    page.start()
                worker.run()
            except WorkerRunning as running:
                raise _busy(running.holder) from None
            finally:
                page_ended = page is None or page.stop()
        if drain.abandoned or not page_ended:
            sys.stderr.flush()
            os._exit(Exit.OK)
        drain.close()
    finally:
        database.close()


def _both(*stops: Callable[[], None]) -> Callable[[], None]:
    def stop() -> None:
        for each in stops:
            each()

    return stop


def _page(settings: Settings, database: Database, clock: Clock, switch: Switch | None) -> LocalServer | None:
    """The local API and page that go beside the worker; None where they are not wanted."""
    if not settings.web.enabled:
        return None
    from sync.entrypoints.server import LocalServer

    return LocalServer(settings, database, clock, switch=switch)
