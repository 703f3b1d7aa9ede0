"""Names what a file really is, when it is not the JPEG or PNG that was asked for.

Only for the sentence a person reads: nothing is decided by it.
"""

from codecs import getincrementaldecoder

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\x00\x00\x01\x00", "an icon file"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
)
_BRANDS = {b"avif": "an AVIF image", b"avis": "an AVIF image"}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_LOOKED_AT = 1024


def described_kind(data: bytes) -> str:
    """What `data` (not empty) looks like, with its article: `a GIF image`, `a text file`."""
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a WebP image"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return _BRANDS.get(brand) or ("a HEIC image" if brand in _HEIF_BRANDS else "a video or audio file")
    head = data[:_LOOKED_AT]
    if b"<svg" in head.lower():
        return "an SVG drawing"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "a text file" if _is_text(head) else "a file of unknown kind"


def _is_text(head: bytes) -> bool:
    try:
        # Not final: the cut may fall inside a character.
        text = getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\t\r\n\f\ufeff" for char in text)
