"""What a signature image is called: a name that is safe wherever it may turn up as a file name.

The name goes into the request body and may end up as a file on somebody's disk or in a page, so it holds no
path, nothing invisible that changes how it reads, and is no longer than the API's short texts.
"""

import re
import unicodedata

from sync.utf16 import utf16_units

MAX_NAME_UNITS = 250
_EXTENSIONS = {"image/jpeg": ("jpg", "jpeg", "jpe", "jfif"), "image/png": ("png",)}
_IMAGE_EXTENSIONS = re.compile(r"\.(?:jpe?g?|jfif|png|gif|webp|svg|bmp|tiff?|heic|heif|avif)", re.IGNORECASE)
# Marks that turn the reading direction: "signature-gpj.exe" can be made to read "signature-exe.jpg".
_DIRECTION_MARKS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_safe_name(name: str) -> bool:
    """Whether `name` can be used exactly as it is."""
    return (
        name.strip() not in {"", ".", ".."}
        and utf16_units(name) <= MAX_NAME_UNITS
        and all(map(_is_safe, name))
    )


def derived_name(file_name: str | None, mime_type: str) -> str:
    """The last part of `file_name` made safe, its extension that of the type; else `signature.jpg`/`.png`."""
    extensions = _EXTENSIONS[mime_type]
    last_part = re.split(r"[/\\]", file_name or "")[-1]
    cleaned = "".join(char if _is_safe(char) else "_" for char in last_part).strip()
    stem, dot, extension = cleaned.rpartition(".")
    if not (dot and stem.strip(" .") and extension.lower() in extensions):
        stem = stem if _IMAGE_EXTENSIONS.fullmatch(dot + extension) else cleaned
        extension = extensions[0]
    stem = stem.strip(" .")
    while utf16_units(stem) + 1 + len(extension) > MAX_NAME_UNITS:
        stem = stem[:-1]
    return f"{stem or 'signature'}.{extension}"


def _is_safe(char: str) -> bool:
    return (
        char not in "/\\"
        and char not in _DIRECTION_MARKS
        and unicodedata.category(char) not in _UNSAFE_CATEGORIES
    )
