"""Reads the signature image once, and freezes what everybody later relies on: bytes, type, size and hashes.

Its type is what its content says, never its name. It is decoded in full here, where the technician can still
sign again, and within bounds, because anything can be named signature.png.
"""

import hashlib
import os
import stat
import threading
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from sync.errors import IMAGE_PATH, InputRefused, Problem, shown
from sync.image_kind import described_kind
from sync.signature_name import derived_name

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
# A scan costs 14 bytes and a pass over every pixel: 2 MiB of them decode for minutes. Cameras write ten.
_MAX_JPEG_SCANS = 100
_SHOWN_PATH = 50  # of a long path, the end is what a person knows it by
# `catch_warnings` changes what the whole process shares; two threads undoing it crosswise leave it changed.
_QUIET = threading.Lock()


@dataclass(frozen=True, slots=True)
class SignatureImage:
    """A JPEG or PNG that was decoded once; `sha256` and `md5` are lower-case hex of `data`."""

    name: str
    mime_type: str
    size_bytes: int
    sha256: str
    md5: str
    data: bytes = field(repr=False)
    width: int
    height: int


def read_image(
    source: Path | str | bytes,
    *,
    max_bytes: int,
    max_pixels: int,
    file_name: str | None = None,
) -> SignatureImage:
    """The image in the file `source`, or in the bytes themselves; `file_name` is what bytes were called.

    Reads at most `max_bytes` + 1 bytes, whatever the file is.
    Raises: InputRefused; its problems have the path `--signature`.
    """
    if isinstance(source, bytes):
        data, label = source, "The signature image"
    else:
        path = str(source)
        label = (
            f"The signature image {shown(path if len(path) <= _SHOWN_PATH else '...' + path[-_SHOWN_PATH:])}"
        )
        file_name = file_name or Path(source).name
        data = _read_file(source, max_bytes, label)
    if not data:
        raise _refused("image_empty", f"{label} is empty. Sign and save it again.")
    if len(data) > max_bytes:
        raise _refused("image_too_large", f"{label} is larger than {max_bytes} bytes. Save it smaller.")
    mime_type = _mime_type(data, label)
    if fault := _png_fault(data) if mime_type == "image/png" else _jpeg_fault(data):
        raise _refused("image_broken", f"{label} is damaged: {fault}. Sign and save it again.")
    width, height = _decoded_size(data, mime_type, max_pixels, label)
    return SignatureImage(
        name=derived_name(file_name, mime_type),
        mime_type=mime_type,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        data=data,
        width=width,
        height=height,
    )


def _refused(code: str, message: str) -> InputRefused:
    return InputRefused([Problem(IMAGE_PATH, code, message)])


def _read_file(path: Path | str, max_bytes: int, label: str) -> bytes:
    # Without O_NONBLOCK, opening a FIFO waits for a writer that may never come. Windows has only O_BINARY.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        try:
            # Asked of what was opened, not of the path: nothing can be put in its place in between.
            facts = os.fstat(descriptor)
            if stat.S_ISREG(facts.st_mode):
                with open(descriptor, "rb", closefd=False) as file:
                    return file.read(max_bytes + 1)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        raise _refused("image_not_found", f"{label} does not exist. Check the path.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refused("image_unreadable", f"{label} cannot be read: {reason}. Check the file.") from None
    except ValueError:
        raise _refused("image_not_found", f"{label} is not a path that can exist. Check it.") from None
    what = "a folder" if stat.S_ISDIR(facts.st_mode) else "a pipe or device"
    raise _refused("image_not_a_file", f"{label} is {what}, not a file. Give the path of a JPEG or PNG file.")


def _mime_type(data: bytes, label: str) -> str:
    if data.startswith(_JPEG_START):
        return "image/jpeg"
    if data.startswith(_PNG_START):
        return "image/png"
    what = described_kind(data)
    raise _refused("image_type", f"{label} is {what}, whatever its name says. Save it as JPEG or PNG.")


def _jpeg_fault(data: bytes) -> str | None:
    # In pixel data FF is always followed by 00 or a restart mark, so this counts scans (thumbnails' too).
    if data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        return "it has far too many scans"
    return None


def _png_fault(data: bytes) -> str | None:
    """What Pillow overlooks: it skips the checksums of pixels, and stops before the end mark."""
    at = len(_PNG_START)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + length
        if end > len(data):
            break
        kind = data[at + 4 : at + 8]
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return "a checksum in it is wrong"
        if kind == b"IEND":
            return None
        at = end
    return "its end is missing"


def _decoded_size(data: bytes, mime_type: str, max_pixels: int, label: str) -> tuple[int, int]:
    """Width and height in pixels, after every pixel was decoded.

    The plugin is called by itself: `Image.open` would only add other formats, MPO among them (which is a JPEG
    to us), and a pixel limit of its own that warns instead of refusing.
    """
    from io import BytesIO

    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    plugin = PngImageFile if mime_type == "image/png" else JpegImageFile
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with plugin(BytesIO(data)) as image:
                width, height = image.size
                if 0 < width * height <= max_pixels:
                    image.load()
    except Exception as error:  # noqa: BLE001  hostile files make decoders raise anything; all of it means damaged
        raise _refused("image_broken", f"{label} is damaged: {error}. Sign and save it again.") from None
    if width * height > max_pixels:
        message = (
            f"{label} has {width} x {height} pixels, and {max_pixels} in all are allowed. Save it smaller."
        )
        raise _refused("image_too_many_pixels", message)
    if not width * height:
        raise _refused("image_broken", f"{label} is damaged: it has no pixels. Sign and save it again.")
    return width, height
