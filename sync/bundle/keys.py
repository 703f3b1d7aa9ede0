"""Passphrases and keys of a bundle: read from files or a pipe, never from arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.fernet import Fernet

from sync.bundle.errors import SecretUnusable
from sync.bundle.sealed_file import Key, Passphrase
from sync.secret import Secret

_LONGEST: Final = 4096  # bytes of a passphrase or key file
LEAST_CHARACTERS: Final = 12


def passphrase_in(raw: bytes, *, new: bool) -> Passphrase:
    """The first line of `raw`; a `new` one must not be too easy to guess.

    Raises:
        SecretUnusable: it is empty, too short, too long, several lines or no text.
    """
    if len(raw) > _LONGEST:
        raise SecretUnusable(f"the passphrase is longer than {_LONGEST} bytes; is it the right file?")
    try:
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretUnusable("the passphrase is not UTF-8 text") from None
    if not text.strip():
        raise SecretUnusable("the passphrase is empty")
    if "\n" in text or "\r" in text or "\0" in text:
        raise SecretUnusable("the passphrase must be one line; is it the right file?")
    if new and len(text) < LEAST_CHARACTERS:
        raise SecretUnusable(
            f"the passphrase has fewer than {LEAST_CHARACTERS} characters; who finds the file could guess it. Take "
            "several words"
        )
    return Passphrase(Secret(text))


def key_in(raw: bytes) -> Key:
    """The one key of a key file: the only line that is neither empty nor a comment (`#`).

    Raises:
        SecretUnusable: there is none, or it was not written down whole.
    """
    try:
        lines = raw[:_LONGEST].decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SecretUnusable("the key file is not text") from None
    words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(words) != 1:
        raise SecretUnusable(
            f"the key file must hold one key, and holds {len(words)} lines that could be one"
        )
    try:
        Fernet(words[0].encode())
    except (ValueError, UnicodeEncodeError):
        raise SecretUnusable("the key file holds no key that `fieldsync export --new-key` made") from None
    return Key(Secret(words[0]))


def new_key() -> Key:
    """A key that nobody has yet."""
    return Key(Secret(Fernet.generate_key().decode()))


def read_secret(source: Path | BinaryIO) -> bytes:
    """What a file or standard input holds, one byte more than is ever allowed at most.

    Raises:
        SecretUnusable: it cannot be read.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                return file.read(_LONGEST + 1)
        return source.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be read"
        where = source if isinstance(source, Path) else "standard input"
        raise SecretUnusable(f"{where}: {reason}") from None


def read_by_others(path: Path) -> bool:
    """Whether somebody else of this device may read the file; False where that cannot be told."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & 0o077)
    except OSError:
        return False
