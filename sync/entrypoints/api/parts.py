"""The parts of a multipart body, each as the bytes that it is: nothing is decoded or guessed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING, Final

from python_multipart.multipart import MultipartParser, parse_options_header

from storage.folder import from_os_error
from sync.errors import InputRefused, Problem, shown

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_AT_ONCE: Final = 64 * 1024
_IN_MEMORY: Final = 256 * 1024


@dataclass(slots=True)
class Part:
    """`name` is the field, `filename` what the sender calls the file, "" for none; it is never a name of ours.

    `path` is where it lies, if a folder was given for that, and `file` is closed then.
    """

    file: IO[bytes]
    path: Path = Path()
    name: str = ""
    filename: str = ""

    def bytes(self) -> bytes:
        self.file.seek(0)
        return self.file.read()


@contextmanager
def read_parts(
    body: IO[bytes], boundary: str, *, most: int, into: Path | None = None
) -> Iterator[list[Part]]:
    """The parts in their order, at most `most` of them; many are written into the folder `into`.

    Without a folder their files are gone when the block has ended.

    Raises:
        InputRefused: it is broken, or there are more.
    """
    reading = _Reading(most, into)
    try:
        _parse(reading, body, boundary)
        yield reading.parts
    finally:
        for part in reading.parts:
            part.file.close()


def _parse(reading: _Reading, body: IO[bytes], boundary: str) -> None:
    try:
        parser = MultipartParser(boundary.encode("latin-1"), reading.callbacks())
        while chunk := body.read(_AT_ONCE):
            parser.write(chunk)
        parser.finalize()
    except OSError as error:
        raise from_os_error(error, Path(gettempdir())) from None
    except ValueError:  # what the parser raises is one
        raise _refused(
            "broken_multipart", "The parts of the body cannot be told apart. Is it complete?"
        ) from None
    if not reading.ended:
        raise _refused("broken_multipart", "The body ends in the middle of a part.")


class _Reading:
    """Takes what the parser finds, in pieces."""

    def __init__(self, most: int, into: Path | None) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._most = most
        self._into = into
        self._name, self._value = io.BytesIO(), io.BytesIO()
        self._headers: dict[bytes, bytes] = {}

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == self._most:
            raise _refused("too_many_parts", f"The body has more than {self._most} parts.")
        if self._into is None:
            self.parts.append(Part(SpooledTemporaryFile(max_size=_IN_MEMORY)))  # noqa: SIM115
        else:
            path = self._into / str(len(self.parts))
            self.parts.append(Part(path.open("wb"), path))
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name.write(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value.write(data[start:end])

    def _header_end(self) -> None:
        self._headers[self._name.getvalue().lower()] = self._value.getvalue()
        self._name, self._value = io.BytesIO(), io.BytesIO()

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise _refused("broken_multipart", "A part does not say which field it is.")
        part = self.parts[-1]
        part.name = name.decode("utf-8", "replace")
        part.filename = options.get(b"filename", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].file.write(data[start:end])

    def _part_end(self) -> None:
        if self._into is not None:
            self.parts[-1].file.close()

    def _end(self) -> None:
        self.ended = True


def one_of_each(parts: list[Part], names: tuple[str, ...]) -> dict[str, Part]:
    """The parts by name.

    Raises:
        InputRefused: one has another name, or a name stands there twice.
    """
    found: dict[str, Part] = {}
    problems = []
    for part in parts:
        if part.name not in names:
            known = " and ".join(names)
            what = f"{shown(part.name)} is not a part that is known here. Known: {known}."
            problems.append(Problem("$", "unknown_field", what))
        elif part.name in found:
            problems.append(
                Problem(f"$.{part.name}", "given_twice", f"There is more than one part {part.name}.")
            )
        found[part.name] = part
    if problems:
        raise InputRefused(problems)
    return found


def _refused(code: str, message: str) -> InputRefused:
    return InputRefused([Problem("$", code, message)])
