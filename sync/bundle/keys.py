"""Passphrases and keys of a bundle: read from files or a pipe, never from arguments; keys in the spelling of age.

A private key is `AGE-SECRET-KEY-1...`, the public one `age1...`: Bech32, which notices a mistyped letter.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

from sync.bundle.age_file import Passphrase, PrivateKey, PublicKey
from sync.bundle.errors import SecretUnusable
from sync.secret import Secret

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PUBLIC: Final = "age"
_PRIVATE: Final = "age-secret-key-"
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


def key_in(raw: bytes) -> PrivateKey | PublicKey:
    """The one key of a key file: the first line that is neither empty nor a comment (`#`).

    Raises:
        SecretUnusable: there is none, or it was mistyped.
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
    prefix, key = _from_bech32(words[0])
    if prefix == _PRIVATE:
        return PrivateKey(Secret(key.decode("latin-1")))
    if prefix == _PUBLIC:
        return PublicKey(key)
    raise SecretUnusable("the key file holds a key of another kind; one begins with age1 or AGE-SECRET-KEY-1")


def public_text(key: PublicKey) -> str:
    """Such as `age1...`: may be told to everybody."""
    return _to_bech32(_PUBLIC, key.raw)


def private_text(key: PrivateKey) -> str:
    """Such as `AGE-SECRET-KEY-1...`: whoever has it can read every bundle for it."""
    return _to_bech32(_PRIVATE, key.raw.reveal().encode("latin-1")).upper()


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


def _to_bech32(prefix: str, raw: bytes) -> str:
    values = _regrouped(raw, 8, 5, pad=True)
    assert values is not None, "padding takes every length"
    code = _checked([*_spread(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    check = [(code >> 5 * (5 - at)) & 31 for at in range(6)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in [*values, *check])


def _from_bech32(text: str) -> tuple[str, bytes]:
    wrong = SecretUnusable("the key was not written down right: its letters do not fit together")
    if text not in (text.lower(), text.upper()) or not text.isascii():
        raise wrong
    prefix, separator, coded = text.lower().rpartition("1")
    values = [_ALPHABET.find(letter) for letter in coded]
    if not separator or not prefix or len(values) < 6 or -1 in values:
        raise wrong
    raw = _regrouped(bytes(values[:-6]), 5, 8, pad=False)
    if _checked([*_spread(prefix), *values]) != 1 or raw is None or len(raw) != 32:
        raise wrong
    return prefix, raw


def _checked(values: list[int]) -> int:
    code = 1
    for value in values:
        top = code >> 25
        code = (code & 0x1FFFFFF) << 5 ^ value
        for bit, constant in enumerate(_GENERATOR):
            if top >> bit & 1:
                code ^= constant
    return code


def _spread(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _regrouped(raw: bytes, wide: int, to: int, *, pad: bool) -> bytes | None:
    """The same bits in groups of another width; None where bits that mean nothing are left and not zero."""
    held = bits = 0
    groups = bytearray()
    for value in raw:
        held = held << wide | value
        bits += wide
        while bits >= to:
            bits -= to
            groups.append(held >> bits & ((1 << to) - 1))
        held &= (1 << bits) - 1
    if pad and bits:
        groups.append(held << (to - bits) & ((1 << to) - 1))
    elif not pad and (bits >= wide or held):
        return None
    return bytes(groups)
