"""Images that are not what they seem: bombs, padded and cut files, made on the spot and always the same bytes."""

from __future__ import annotations

import struct
import zlib

from tests.support.builders import signature_jpeg

PNG_START = b"\x89PNG\r\n\x1a\n"


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, each with a true checksum."""
    return PNG_START + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def header(width: int, height: int) -> tuple[bytes, bytes]:
    """One bit a pixel."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)


def bomb_of_pixels(side: int = 60_000) -> bytes:
    """A few hundred bytes that claim to be billions of pixels."""
    return png(header(side, side), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))


def bomb_of_text(size: int = 80_000_000) -> bytes:
    """A small image with a comment that unpacks to `size` bytes."""
    pixels = zlib.compress(b"\0\xff" * 8)
    comment = b"Comment\0\0" + zlib.compress(bytes(size))
    return png(header(8, 8), (b"zTXt", comment), (b"IDAT", pixels), (b"IEND", b""))


def jpeg_of_size(size: int) -> bytes:
    """A valid JPEG of exactly `size` bytes: a small drawing, filled up with a comment."""
    image = signature_jpeg(1, width=16, height=8)
    missing = size - len(image) - 4
    assert 0 <= missing < 65_534, f"the drawing alone takes {len(image)} bytes"
    comment = b"\xff\xfe" + struct.pack(">H", missing + 2) + b" " * missing
    return image[:2] + comment + image[2:]
