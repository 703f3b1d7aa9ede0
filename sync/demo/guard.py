"""A small process that outlives a demo or torture for a moment: what that could not end itself is ended here.

It reads lines from its standard input (`child PID`, `gone PID`, `folder PATH`, `kept PATH`) until that ends, which it
also does when its starter is killed without a chance to tidy up. Run as a file; standard library only.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable


def watch(lines: Iterable[str]) -> tuple[set[int], list[str]]:
    """Which processes and folders are left when `lines` end."""
    left: set[int] = set()
    folders: list[str] = []
    for line in lines:
        word, _, value = line.rstrip("\n").partition(" ")
        if word == "child":
            left.add(int(value))
        elif word == "gone":
            left.discard(int(value))
        elif word == "folder":
            folders.append(value)
        elif word == "kept" and value in folders:
            folders.remove(value)
    return left, folders


def end(left: Iterable[int], folders: Iterable[str]) -> None:
    for pid in left:
        try:
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        except OSError:
            continue  # it ended by itself
    for folder in folders:
        # A process that is just ending may still write into it.
        for _ in range(5):
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder):
                break
            time.sleep(0.1)


if __name__ == "__main__":
    # Ctrl-C on a terminal reaches all processes at once; this one goes last.
    for each in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(each, signal.SIG_IGN)
    end(*watch(sys.stdin))
