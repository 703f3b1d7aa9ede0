"""The signature image: what is taken, and what is refused before it can hurt."""

import hashlib
import io
import os
import struct
import time
import tracemalloc
import zlib

import pytest
from PIL import Image

from sync.errors import InputRefused
from sync.image import SignatureImage, read_image
from sync.signature_name import MAX_NAME_UNITS, derived_name, is_safe_name
from sync.utf16 import utf16_units
from tests.support.builders import signature_jpeg, signature_png

MAX_BYTES = 2**21
MAX_PIXELS = 4_000_000
PNG_START = b"\x89PNG\r\n\x1a\n"


def read(source, **limits) -> SignatureImage:
    return read_image(source, **{"max_bytes": MAX_BYTES, "max_pixels": MAX_PIXELS} | limits)


def refused(source, **limits):
    with pytest.raises(InputRefused) as caught:
        read(source, **limits)
    (problem,) = caught.value.problems
    assert problem.path == "--signature"
    assert problem.message.endswith(".")
    return problem


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    return PNG_START + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png_with(*chunks: bytes) -> bytes:
    plain = signature_png()
    return plain[:33] + b"".join(chunks) + plain[33:]


def encoded(image_format: str, **options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 20), "white").save(file, image_format, **options)
    return file.getvalue()


# What is taken


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [(signature_png(), "image/png"), (signature_jpeg(), "image/jpeg")],
    ids=["png", "jpeg"],
)
def test_image_is_frozen_with_its_facts(tmp_path, data, mime_type):
    path = tmp_path / "whatever.gif"
    path.write_bytes(data)
    image = read(path)
    path.write_bytes(b"changed later")
    assert image.data == data
    assert image.size_bytes == len(data)
    assert image.mime_type == mime_type
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert image.md5 == hashlib.md5(data).hexdigest()
    assert (image.width, image.height) == (640, 240)
    assert str(data[:8])[2:-1] not in repr(image)


def test_signature_images_are_of_the_size_they_have_in_the_field():
    assert 15_000 < len(signature_jpeg()) < 25_000
    assert signature_jpeg() != signature_jpeg(2)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_common_png_mode_is_taken(mode):
    file = io.BytesIO()
    Image.new(mode, (30, 20)).save(file, "PNG")
    assert read(file.getvalue()).mime_type == "image/png"


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 95}], ids=["progressive", "baseline"])
def test_jpeg_variants_are_taken(options):
    assert read(encoded("JPEG", **options)).mime_type == "image/jpeg"


def test_mpo_is_taken_as_the_jpeg_it_is():
    second = Image.new("RGB", (40, 20), "black")
    data = encoded("MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(data)).format == "MPO"
    assert read(data).mime_type == "image/jpeg"


def test_image_of_exactly_the_limits_is_taken():
    data = signature_png()
    assert read(data, max_bytes=len(data), max_pixels=640 * 240).data == data
    assert refused(data, max_bytes=len(data) - 1).code == "image_too_large"
    assert refused(data, max_pixels=640 * 240 - 1).code == "image_too_many_pixels"


def test_what_pillow_only_warns_about_stays_silent():
    """An animation control without frames makes Pillow warn; warnings are errors in these tests."""
    assert read(png_with(chunk(b"acTL", struct.pack(">II", 0, 0)))).mime_type == "image/png"


# What is refused by its content


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (encoded("GIF"), "a GIF image"),
        (encoded("WEBP"), "a WebP image"),
        (encoded("BMP"), "a BMP image"),
        (encoded("TIFF"), "a TIFF image"),
        (encoded("AVIF"), "an AVIF image"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a HEIC image"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"hello, this is no image\r\n", "a text file"),
        ("é".encode() * 800, "a text file"),
        (b"\x00\x01\x02\x03" * 9, "a file of unknown kind"),
        (b"\xff\xd8", "a file of unknown kind"),
    ],
    ids=[
        "gif",
        "webp",
        "bmp",
        "tiff",
        "avif",
        "heic",
        "svg",
        "html",
        "pdf",
        "text",
        "utf8",
        "binary",
        "two-bytes",
    ],
)
def test_other_content_is_refused_by_what_it_is(tmp_path, data, named):
    path = tmp_path / "signature.png"
    path.write_bytes(data)
    problem = refused(path)
    assert problem.code == "image_type"
    assert named in problem.message
    assert "signature.png" in problem.message


def test_empty_file_is_refused(tmp_path):
    path = tmp_path / "signature.png"
    path.touch()
    assert refused(path).code == "image_empty"
    assert refused(b"").code == "image_empty"


@pytest.mark.parametrize("data", [signature_png(), signature_jpeg()], ids=["png", "jpeg"])
def test_image_cut_anywhere_is_refused(data):
    cuts = {*range(8, 60), *range(60, len(data), 611), *range(len(data) - 30, len(data))}
    assert {refused(data[:cut]).code for cut in cuts} == {"image_broken"}


def test_png_with_a_flipped_bit_is_refused():
    data = bytearray(signature_png())
    data[len(data) // 2] ^= 1
    assert refused(bytes(data)).code == "image_broken"


@pytest.mark.parametrize(
    "data",
    [
        PNG_START + chunk(b"IEND", b""),
        png_header(0, 0) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        png_header(10, 10) + chunk(b"IEND", b""),
        png_header(10, 10) + chunk(b"IDAT", b"rubbish") + chunk(b"IEND", b""),
        PNG_START + b"\xff\xff\xff\xff" + b"IHDR" * 9,
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xc0\x00\x02" * 9,
        b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00garbage!" + signature_jpeg()[2:4000],
    ],
    ids=[
        "no-header",
        "no-pixels",
        "no-data",
        "rubbish",
        "lying-length",
        "nothing-in-it",
        "frames",
        "bad-exif",
    ],
)
def test_hollow_image_is_refused(data):
    assert refused(data).code == "image_broken"


@pytest.mark.parametrize("side", [2_001, 20_000, 60_000, 2**31 - 1])
def test_bomb_is_refused_by_its_header_before_it_is_decoded(side):
    """30 KB of PNG that would unpack to gigabytes, and a JPEG header that lies as well."""
    pixels = zlib.compress(b"\x00" * 10_000_000)
    png = png_header(side, side) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        problem = refused(png)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert problem.code == "image_too_many_pixels"
    assert str(side) in problem.message


def test_jpeg_with_a_huge_header_is_refused_before_it_is_decoded():
    data = bytearray(encoded("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    assert refused(bytes(data)).code == "image_too_many_pixels"


def test_jpeg_of_thousands_of_scans_is_refused_at_once():
    file = io.BytesIO()
    Image.new("L", (2000, 2000)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    started = time.monotonic()
    assert refused(data[:-2] + scan * 50_000 + data[-2:]).code == "image_broken"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(b"x" * 30_000_000)),
        chunk(b"iTXt", b"Comment\x00\x01\x00\x00\x00" + zlib.compress(b"x" * 30_000_000)),
        chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(b"x" * 1_000_000)) * 100,
    ],
    ids=["zTXt", "iTXt", "many"],
)
def test_png_with_text_that_unpacks_without_end_is_refused(text):
    assert refused(png_with(text)).code == "image_broken"


# What is refused by what the path is


def test_large_file_is_read_no_further_than_the_limit(tmp_path):
    path = tmp_path / "signature.png"
    with path.open("wb") as file:
        file.write(signature_png())
        file.truncate(50 * 2**20)
    tracemalloc.start()
    try:
        assert refused(path).code == "image_too_large"
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BYTES
    finally:
        tracemalloc.stop()


def test_path_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "none.png", tmp_path / "file" / "x.png", "", "a\x00b", "\ud800.png"):
        assert refused(path).code == "image_not_found"
    assert refused(tmp_path / ("x" * 5000)).code == "image_unreadable"


def test_folder_is_refused(tmp_path):
    problem = refused(tmp_path)
    assert problem.code == "image_not_a_file"
    assert "a folder" in problem.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only POSIX has named pipes in the file system")
def test_pipe_without_a_writer_is_refused_at_once(tmp_path):
    path = tmp_path / "signature.png"
    os.mkfifo(path)
    assert refused(path).code == "image_not_a_file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(tmp_path):
    path = tmp_path / "signature.png"
    path.write_bytes(signature_png())
    path.chmod(0)
    assert refused(path).code == "image_unreadable"


# Names


@pytest.mark.parametrize(
    "name", ["a.png", "Zoé Nguyễn.jpeg", "no extension", "..a", "👩\u200d🔧.png", "x" * 250]
)
def test_safe_name_is_kept(name):
    assert is_safe_name(name)


UNSAFE = [
    "",
    " ",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a\nb",
    "a\x00",
    "a\x7f",
    "a\x85",
    "a\ud800",
    "a\u2028",
    "\u202egpj",
]


@pytest.mark.parametrize("name", [*UNSAFE, "x" * 251, "🔧" * 126])
def test_unsafe_name_is_not_kept(name):
    assert not is_safe_name(name)


@pytest.mark.parametrize(
    ("file_name", "mime_type", "name"),
    [
        (None, "image/jpeg", "signature.jpg"),
        ("", "image/png", "signature.png"),
        ("..", "image/png", "signature.png"),
        (".png", "image/png", "signature.png"),
        ("Scan.JPEG", "image/jpeg", "Scan.JPEG"),
        ("photo.png", "image/jpeg", "photo.jpg"),
        ("visit.2024", "image/png", "visit.2024.png"),
        ("no extension", "image/png", "no extension.png"),
        ("/home/a/../s.png", "image/png", "s.png"),
        ("C:\\temp\\s.png", "image/png", "s.png"),
        ("a\nb\x00.png", "image/png", "a_b_.png"),
        ("\ud800.png", "image/png", "_.png"),
    ],
)
def test_name_is_derived_from_the_file_and_the_type(file_name, mime_type, name):
    assert derived_name(file_name, mime_type) == name
    assert is_safe_name(name)


@pytest.mark.parametrize("stem", ["x" * 400, "🔧" * 200, "." * 300, "x" * 244 + "." * 50])
def test_derived_name_is_cut_to_the_limit(stem):
    name = derived_name(stem + ".jpg", "image/jpeg")
    assert is_safe_name(name)
    assert name.endswith(".jpg")
    assert utf16_units(name) <= MAX_NAME_UNITS
