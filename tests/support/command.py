"""`fieldsync` in this process, for the tests to which a process of its own would only be a cost.

Goes through the same `main()` as the installed command: same arguments, environment, streams and exit codes.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from storage.folder import StorageFolder
from storage.queries import reading


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The last JSON document on stdout."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def error(self) -> dict[str, Any]:
        """The error that the one document on stdout tells."""
        assert len(self.out.splitlines()) == 1, (self.code, self.out, self.err)
        assert list(self.document) == ["error"], self.out
        error: dict[str, Any] = self.document["error"]
        return error


def run_here(environment: Mapping[str, str], *arguments: str, stdin: bytes | str = b"") -> Ended:
    """One command to its end. Whatever it raises instead of ending is the test's failure."""
    from sync.entrypoints.cli.main import main

    given = stdin.encode() if isinstance(stdin, str) else stdin
    out, err = _stream(), _stream()
    code = 0
    with (
        _logging_put_back(),
        patch.dict(os.environ, environment, clear=True),
        patch.multiple(sys, argv=["fieldsync", *arguments], stdin=_stream(given), stdout=out, stderr=err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ended(code, _text(out), _text(err))


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextmanager
def _logging_put_back() -> Iterator[None]:
    """The command takes over the logging of its process; this process is the tests'."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class Tablet:
    """A device that knows no server and has no tokens: nothing but a scratch folder. Commands run in this process."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.storage = folder / "outbox"
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "FIELDSYNC_STORAGE__DIR": str(self.storage),
            "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
            "FIELDSYNC_WEB__ENABLED": "false",
            **{f"FIELDSYNC_{name}": str(value) for name, value in settings.items()},
        }

    def run(self, *arguments: str, stdin: bytes | str = b"") -> Ended:
        return run_here(self.environment, *arguments, stdin=stdin)

    def file(self, name: str, content: bytes) -> Path:
        """A file of the person who captures."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def entries(self) -> list[dict[str, Any]]:
        """Every entry in the shape of `list --json`."""
        with reading(StorageFolder(self.storage)) as reader:
            return [] if reader is None else reader.entries()

    def payload(self, id: str) -> str:
        """The body as it is stored, and will be sent."""
        with reading(StorageFolder(self.storage)) as reader:
            assert reader is not None
            (row,) = reader.rows(("payload",), "SELECT payload FROM entry WHERE id = ?", (id,))
            return str(row["payload"])
