"""Tokens in files: read without trusting what is there, written so that nobody else ever reads them.

Whose tokens they are and when they end is `credentials.py`. Standard library only.
"""

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sync.secret import Secret

LONGEST_TOKEN: Final = 16_384  # characters; what the usual servers take as one header
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_STALE_S = 60  # a temporary file this much older than the newest is left from a crash


def read_token(path: Path) -> Secret | None:
    """The token in a file, white space around it removed; None where there is no usable one."""
    try:
        return token_in(read_text(path))
    except OSError:
        return None


def token_fault(token: str) -> str | None:
    """What is wrong with a token, as the end of a sentence that does not quote it; None where it can be sent."""
    if not token:
        return "is empty"
    if token.lower().startswith("bearer "):
        return "begins with the word Bearer; give only what follows it"
    if not _HEADER_SAFE.fullmatch(token):
        return "holds a space, a line break or another character that no token has"
    if len(token) > LONGEST_TOKEN:
        return f"is longer than {LONGEST_TOKEN} characters"
    return None


def read_text(path: Path) -> str | None:
    """A small text file; None where it is too large for tokens or not UTF-8. Raises OSError as `open` does."""
    with path.open("rb") as file:
        raw = file.read(4 * LONGEST_TOKEN + 1)
    try:
        return raw.decode("utf-8-sig") if len(raw) <= 4 * LONGEST_TOKEN else None
    except UnicodeDecodeError:
        return None


def token_in(text: str | None) -> Secret | None:
    """The token that a text holds, white space around it removed; None where it is not usable."""
    token = (text or "").strip()
    return Secret(token) if token_fault(token) is None else None


def pair_in_answer(text: str) -> tuple[str, str]:
    """Bearer and session token of a sign-in answer: JSON with `accessToken` and `sessionToken`, also inside `data`.

    Raises:
        ValueError: it is no such answer; the message does not quote it.
    """
    try:
        document: Any = json.loads(text)
        document = document.get("data", document)
        bearer, session = document["accessToken"], document["sessionToken"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("not a sign-in answer") from None
    if not isinstance(bearer, str) or not isinstance(session, str):
        raise TokensNotText("the tokens in the sign-in answer are not text")
    return bearer.strip(), session.strip()


class TokensNotText(ValueError):
    """A sign-in answer whose tokens are something else than text."""


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step that survives a power cut; nobody else can read it at any moment."""
    import tempfile  # here only: it is heavy, and `status` never writes

    folder = path.parent
    # One by one: `parents=True` would give the storage folder above the wide default permissions.
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        folder.chmod(0o700)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        newest = temporary.stat().st_mtime
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    for left in folder.glob(".*.tmp"):
        # Left by a crash, and there are tokens in it. A younger one may be another process's, still writing.
        with suppress(FileNotFoundError):
            if newest - left.stat().st_mtime > _STALE_S:
                left.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename or removal in `folder` survive a power cut."""
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
