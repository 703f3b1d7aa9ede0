"""How a help page looks: as click makes it, in the language of the reader."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Final

import click

from sync.entrypoints.cli.saying import said

# What stands in columns of its own, such as a kind and what it means.
_GAP: Final = re.compile(r"(\s{2,})")
# What click adds to the help of an option: "  [default: 1000; required]".
_EXTRAS: Final = re.compile(r"(?:^|  )\[([^\]]+)\]$")


class Page(click.HelpFormatter):
    """Writes each text as `said` says it."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, said("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{said(heading)}{said(': ').rstrip(' ')}\n")

    def write_text(self, text: str) -> None:
        if text.startswith("\b"):
            text = "\n".join("".join(said(part) for part in _GAP.split(line)) for line in text.split("\n"))
        super().write_text(said(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(term, _told(text)) for term, text in rows], col_max, col_spacing)


class Group(click.Group):
    """Sums up its commands in the language of the reader before it shortens them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None:
                rows.append((name, _summary(command)))
        with formatter.section("Commands"):
            click.HelpFormatter.write_dl(formatter, rows)  # they are said already


def _summary(command: click.Command) -> str:
    """The first sentence of its help."""
    return re.split(r"(?<=[.]) |\n", said(inspect.cleandoc(command.help or "")), maxsplit=1)[0]


def _told(text: str) -> str:
    extras = _EXTRAS.search(text)
    if not extras:
        return said(text)
    told = said(text[: extras.start()])
    more = "; ".join(said(each) for each in extras[1].split("; "))
    return f"{told}  [{more}]" if told else f"[{more}]"
