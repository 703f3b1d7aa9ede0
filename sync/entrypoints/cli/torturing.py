"""`fieldsync torture`: everything goes wrong on purpose, on this machine alone, before a rollout."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from sync.entrypoints.cli.output import answer_is_stuck, print_json, reported
from sync.entrypoints.cli.saying import say
from sync.entrypoints.cli.trying import interruptible
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync.torture.summary import Played, Summary

_SHOWN: Final = 20


@click.command()
@click.option(
    "--rounds",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="How many rounds to play.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="The same seed plays the same rounds. Default: a new one.",
)
@click.option("--round", "only", type=click.IntRange(min=1), help="Play this round of the run alone.")
@click.option(
    "--fault", "chosen", multiple=True, metavar="NAME", help="Only this fault; may be given several times."
)
@click.option("--keep", is_flag=True, help="Leave the scratch folder; after a failure it stays anyway.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON line for each round; the last is the summary."
)
@click.pass_obj
def torture(
    debug: bool,
    rounds: int,
    seed: int | None,
    only: int | None,
    chosen: tuple[str, ...],
    keep: bool,
    as_json: bool,
) -> None:
    """Kill, cut off, lie to and confuse real processes against the sandbox, and see whether every promise holds.

    Touches neither the outbox nor the settings nor the network of this device. Exit code 0 only if nothing was lost,
    doubled, leaked or left unexplained; 3 if a promise did not hold. Ten rounds meet every fault at least once.
    """
    with reported(as_json=as_json, debug=debug), interruptible():
        if not hasattr(os, "fork"):
            raise Failed(
                Exit.REFUSED,
                "not_on_this_system",
                "torture needs a system that can fork and stop processes, such as Linux or macOS",
                next_command="fieldsync demo",
            )
        names = _names(chosen)
        run_seed = secrets.randbits(31) if seed is None else seed
        numbers = range(1, rounds + 1) if only is None else range(only, only + 1)
        summary = _play(run_seed, numbers, names, chosen=chosen, keep=keep, as_json=as_json)
        if as_json:
            print_json(summary.to_json())
        else:
            _tell(summary, chosen)
    sys.exit(Exit.OK if summary.ok else Exit.NEEDS_PERSON)


def _names(chosen: Sequence[str]) -> tuple[str, ...]:
    from sync.torture.catalogue import FAULTS

    unknown = [name for name in chosen if name not in FAULTS]
    if unknown:
        raise Failed(
            Exit.REFUSED,
            "unknown_fault",
            f"there is no fault named {', '.join(unknown)}; there are: {', '.join(FAULTS)}",
            next_command="fieldsync torture --help",
        )
    return tuple(dict.fromkeys(chosen)) or tuple(FAULTS)


def _play(
    seed: int, numbers: range, names: Sequence[str], *, chosen: Sequence[str], keep: bool, as_json: bool
) -> Summary:
    from sync.demo.children import DemoBroken
    from sync.torture.rounds import run, torturing

    say(f"seed {seed}: {_command(seed, chosen)} --rounds {len(numbers)}", err=True)
    try:
        with torturing(keep=keep) as (torture, children):
            summary = run(
                torture,
                seed=seed,
                rounds=numbers,
                names=names,
                told=lambda played: _tell_round(played, chosen, as_json=as_json),
            )
            if summary.violations:
                children.keep()
            if keep or summary.violations:
                say(f"kept for a look: {children.folder}", err=True)
    except DemoBroken as broken:
        raise Failed(
            Exit.UNEXPECTED,
            "torture_broken",
            f"the torture could not go on: {broken}",
            next_command=_command(seed, chosen),
        ) from broken
    except BrokenPipeError:
        raise
    except OSError as error:
        if answer_is_stuck():
            raise
        raise Failed(
            Exit.UNEXPECTED,
            "torture_broken",
            f"the torture could not go on in its scratch folder: {_why(error)}; name a roomier folder in TMPDIR",
            next_command=_command(seed, chosen),
        ) from error
    return summary


def _why(error: OSError) -> str:
    """One reason, also where a whole folder could not be copied: then each file has its own."""
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return error.strerror or str(error)


def _tell_round(played: Played, chosen: Sequence[str], *, as_json: bool) -> None:
    hand = played.hand
    if as_json:
        print_json(played.to_json())
    else:
        figures = played.tally
        verdict = "FAILED" if played.violations else "clean"
        say(
            f"round {hand.round}: {verdict}; {figures.captured} captured, {figures.delivered} delivered, "
            f"{figures.in_doubt} in doubt, {figures.needs_action} for a person ({hand.strategy}: "
            f"{', '.join(hand.faults)}; {played.duration_s:.1f} s)"
        )
        for violation in played.violations:
            say(f"  {violation.invariant}: {violation.detail}")
    if played.violations:
        say(f"again: {_command(hand.seed, chosen)} --round {hand.round}", err=True)
    sys.stdout.flush()


def _command(seed: int, chosen: Sequence[str]) -> str:
    """What to run to have the same again."""
    faults = [part for name in chosen for part in ("--fault", name)]
    return shlex.join(["fieldsync", "torture", "--seed", str(seed), *faults])


def _tell(summary: Summary, chosen: Sequence[str]) -> None:
    figures: dict[str, Any] = summary.tally.to_json()
    say(
        f"{summary.rounds} rounds in {summary.duration_s:.0f} s: {figures['captured']} captured, "
        f"{figures['delivered']} delivered, {figures['in_doubt']} in doubt, {figures['needs_action']} for a person, "
        f"{figures['lost']} lost, {figures['duplicates']} doubled, {figures['leaks']} leaks, "
        f"{figures['out_of_order']} out of order."
    )
    if summary.ok:
        say("Every promise held.")
        return
    say(f"{len(summary.violations)} times a promise did NOT hold; do not roll this out:")
    for hand, violation in summary.violations[:_SHOWN]:
        say(f"  round {hand.round}: {violation.invariant}: {violation.detail}")
    for number in sorted({hand.round for hand, _ in summary.violations})[:_SHOWN]:
        say(f"again: {_command(summary.seed, chosen)} --round {number}")
