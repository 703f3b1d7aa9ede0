"""The story on a terminal: a board of entries that moves with the outbox, and time to read. Enter goes on sooner."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sync.demo.handwriting import dots
from sync.demo.telling import Board, Row

# State -> colour, mark, and what a technician would say.
_WORDS: Final = {
    "pending": ("cyan", "\N{MIDDLE DOT}", "waits on this device"),
    "sending": ("bold yellow", "\N{RIGHTWARDS ARROW}", "being sent"),
    "in_doubt": ("yellow", "?", "sent, answer unknown"),
    "accepted": ("bold cyan", "\N{RIGHTWARDS ARROW}", "arrived, signature on its way"),
    "done": ("green", "\N{CHECK MARK}", "delivered with its signature"),
    "parked": ("magenta", "!", "needs a person"),
    "dead": ("magenta", "!", "needs a person"),
}
_UNKNOWN: Final = ("red", "!", "given up")
_SKETCH_COLUMNS: Final = 44
# A narrower terminal does without the technician's name.
_WIDE: Final = 100


class ScreenTeller:
    """Tells with colour and at reading speed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._scenes = 0

    def scene(self, title: str) -> None:
        self._scenes += 1
        self._console.print()
        self._console.rule(f"[bold]{self._scenes}. {escape(title)}", align="left", style="dim")
        self.breathe(0.6)

    def say(self, text: str) -> None:
        self._console.print(Padding(escape(text), (0, 2)))
        self.breathe(0.6)

    def fact(self, text: str, *, good: bool = True) -> None:
        mark = Text("\N{CHECK MARK} ", "bold green") if good else Text("! NOT OK ", "bold red")
        self._console.print(Padding(mark.append(text, "default"), (0, 2)))
        self.breathe(0.3)

    def command(self, command: str, lines: Sequence[str]) -> None:
        body = Group(Text(f"$ {command}", "bold"), *(Text(line) for line in lines))
        self._console.print(Padding(Panel(body, border_style="dim", expand=False), (0, 2)))
        self.breathe(0.8)

    def link(self, label: str, text: str) -> None:
        line = Text(f"  {label}: ", "bold").append(text, "default")
        self._console.print(line, soft_wrap=True)

    def sketch(self, image: bytes) -> None:
        if not self._console.encoding.startswith("utf"):
            return
        drawn = Text("\n".join(dots(image, _SKETCH_COLUMNS)), "blue", no_wrap=True)
        self._console.print(Padding(Panel(drawn, title="signed", border_style="dim", expand=False), (0, 2)))
        self.breathe(0.8)

    @contextmanager
    def board(self) -> Iterator[Board]:
        shown: Sequence[Row] = ()
        wide = self._console.width >= _WIDE
        with Live(_table((), wide=wide), console=self._console, refresh_per_second=12) as live:

            def show(look: Callable[[], Sequence[Row]]) -> None:
                nonlocal shown
                rows = look()
                if rows != shown:
                    shown = rows
                    live.update(_table(rows, wide=wide))

            yield show

    def breathe(self, seconds: float) -> None:
        """Wait, or until Enter."""
        if not _hears():
            time.sleep(seconds)
        elif select.select([sys.stdin], [], [], seconds)[0]:
            sys.stdin.readline()


def _hears() -> bool:
    """Whether Enter would reach us: a terminal in the foreground, on a system that can wait for one."""
    if os.name != "posix" or sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        # Reading a terminal from the background would stop the demo.
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def _table(rows: Sequence[Row], *, wide: bool) -> RenderableType:
    table = Table(box=None, padding=(0, 2), show_header=True, header_style="dim")
    table.add_column("", justify="right", style="dim")
    table.add_column("intervention", no_wrap=True)
    if wide:
        table.add_column("technician", no_wrap=True)
    table.add_column("where it stands", no_wrap=True)
    table.add_column("server id", justify="right", style="dim")
    for row in rows:
        colour, mark, words = _WORDS.get(row.state, _UNKNOWN)
        server_id = "" if row.server_id is None else str(row.server_id)
        who = [row.person] if wide else []
        table.add_row(str(row.number), row.title, *who, Text(f"{mark} {words}", colour), server_id)
    return table


@contextmanager
def screen() -> Iterator[ScreenTeller]:
    """The terminal behind stderr, left as it was found."""
    console = Console(stderr=True, highlight=False)
    console.print(
        Panel(
            "fieldsync keeps signed interventions until the server has them.\n"
            "What follows is real: real captures, a real worker, a real SIGKILL. Only the server is a sandbox on this "
            "machine.\nEnter goes on sooner, Ctrl-C ends it and leaves nothing behind.",
            border_style="blue",
            expand=False,
        )
    )
    try:
        yield ScreenTeller(console)
    finally:
        console.show_cursor()
