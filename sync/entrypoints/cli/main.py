"""The `fieldsync` command: finds the subcommand and imports only that.

A person who asks "did it go?" gets the answer in a tenth of a second: nothing heavy is imported before it is used.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import BufferedWriter, RawIOBase, TextIOWrapper

import click

from sync.entrypoints.cli.helping import Page
from sync.version import VERSION

click.Context.formatter_class = Page

# Command -> module and attribute. One file a group of commands; the order is the one of `--help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "capture": ("sync.entrypoints.cli.capturing", "capture"),
    "import": ("sync.entrypoints.cli.importing", "import_file"),
    "sync": ("sync.entrypoints.cli.draining", "sync"),
    "run": ("sync.entrypoints.cli.draining", "run"),
    "open": ("sync.entrypoints.cli.opening", "open_page"),
    "status": ("sync.entrypoints.cli.seeing", "status"),
    "list": ("sync.entrypoints.cli.seeing", "list_entries"),
    "show": ("sync.entrypoints.cli.seeing", "show"),
    "receipts": ("sync.entrypoints.cli.receipts", "receipts"),
    "resync": ("sync.entrypoints.cli.steering", "resync"),
    "pause": ("sync.entrypoints.cli.steering", "pause"),
    "resume": ("sync.entrypoints.cli.steering", "resume"),
    "edit": ("sync.entrypoints.cli.repairing", "edit"),
    "settle": ("sync.entrypoints.cli.settling", "settle"),
    "discard": ("sync.entrypoints.cli.settling", "discard"),
    "export": ("sync.entrypoints.cli.bundling", "export"),
    "reference": ("sync.entrypoints.cli.naming", "reference"),
    "auth": ("sync.entrypoints.cli.setup", "auth"),
    "config": ("sync.entrypoints.cli.setup", "config"),
    "db": ("sync.entrypoints.cli.care", "db"),
    "sandbox": ("sync.entrypoints.cli.trying", "sandbox"),
    "demo": ("sync.entrypoints.cli.trying", "demo"),
    "torture": ("sync.entrypoints.cli.torturing", "torture"),
}
_SUMMARIES = {
    "capture": "Make an intervention and its signature durable.",
    "import": "Capture many interventions from one file.",
    "sync": "Deliver what is due, once, in the foreground.",
    "run": "The worker: deliver by itself, until told to stop.",
    "open": "The local page, in the browser.",
    "status": "Where everything stands.",
    "list": "Entries, oldest first.",
    "show": "The whole story of one entry.",
    "receipts": "The proof of each delivery.",
    "resync": "A person orders: go on now; release and requeue.",
    "pause": "Hold the whole queue.",
    "resume": "Let the queue go on.",
    "edit": "Correct what was captured, or give it to another owner.",
    "settle": "Say how an entry in doubt really stands.",
    "discard": "Give an entry up; it is kept.",
    "export": "Hand entries to another device, in one encrypted file.",
    "reference": "What companies, sites and rules are called, for forms.",
    "auth": "Sign-in tokens of this device.",
    "config": "The settings in force, and whether they are right.",
    "db": "Check, back up, tidy or recover the database.",
    "sandbox": "A stand-in for the API and the storage, on this machine.",
    "demo": "The whole story, on the sandbox.",
    "torture": "Everything goes wrong on purpose, on the sandbox.",
}


class _Lazy(click.Group):
    """Lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SUMMARIES[name]) for name in COMMANDS])


@click.command(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Keeps signed field interventions until the interventions API and its storage have them.",
)
@click.version_option(VERSION, prog_name="fieldsync")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    ctx.obj = debug


def main() -> None:
    """Run the command line; usage errors end with 2 and, with --json, as a document too."""
    as_json = "--json" in sys.argv
    _keep_what_is_not_taken()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that the console cannot write is spelt out; it is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(prog_name="fieldsync", standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.Abort:  # Ctrl-C or Ctrl-D where a command asks for something
        from sync.entrypoints.cli.output import fail
        from sync.entrypoints.exits import Exit
        from sync.entrypoints.failures import Failed

        fail(Failed(Exit.INTERRUPTED, "interrupted", "interrupted"), as_json=as_json)
    except BrokenPipeError:
        # Whoever reads us has heard enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except click.ClickException as error:
        from sync.entrypoints.cli.output import fail
        from sync.entrypoints.exits import Exit
        from sync.entrypoints.failures import Failed

        usage = getattr(error, "ctx", None)
        fail(
            Failed(
                Exit.REFUSED,
                "usage",
                error.format_message(),
                next_command=f"{usage.command_path} --help" if usage else "fieldsync --help",
            ),
            as_json=as_json,
        )


def _keep_what_is_not_taken() -> None:
    """Buffer standard output also under PYTHONUNBUFFERED: what a full disk refuses must still be there to tell by."""
    bare = getattr(sys.stdout, "buffer", None)
    if isinstance(bare, RawIOBase):
        # The old one lives on as sys.__stdout__; if it were closed, so would be the descriptor.
        sys.stdout = TextIOWrapper(
            BufferedWriter(bare), encoding=sys.stdout.encoding, line_buffering=sys.stdout.isatty()
        )
