"""A file sealed with a passphrase or a key, written and read as a stream.

The sealing is `cryptography`'s recipe Fernet, which knows one message. Here is only what a file needs beyond it: a key
of its own, and the place of each piece. Nothing is given out that was not authenticated as this piece of this file.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sync.bundle.errors import BundleDamaged, BundleNewer, NotABundle, WrongSecret
from sync.secret import Secret

MAGIC: Final = b"fieldsync-bundle/"
VERSION: Final = b"1"
# What scrypt is asked for, as a power of two: 17 takes 128 MiB and about half a second on a tablet.
WORK_FACTOR: Final = 17
# A file may not make a small device run out of memory.
_MOST_WORK: Final = 18
_SALT_BYTES: Final = 16
_PIECE: Final = 64 * 1024
_LONGEST_LINE: Final = 128 * 1024
_PLACE_BYTES: Final = 9  # number and whether it is the last


@dataclass(frozen=True, slots=True)
class Passphrase:
    """What a person knows."""

    text: Secret


@dataclass(frozen=True, slots=True)
class Key:
    """What a key file holds: one that Fernet made."""

    text: Secret


Lock = Passphrase | Key


class Sealer:
    """Writes one sealed file; without `finish` it has no end and nobody can read it."""

    def __init__(
        self,
        stream: BinaryIO,
        lock: Lock,
        *,
        random: Callable[[int], bytes],
        work_factor: int = WORK_FACTOR,
    ) -> None:
        salt = random(_SALT_BYTES)
        kind = b"passphrase %d" % work_factor if isinstance(lock, Passphrase) else b"key"
        stream.write(MAGIC + VERSION + b" " + kind + b" " + urlsafe_b64encode(salt) + b"\n")
        self._cipher = _cipher(lock, salt, work_factor)
        self._stream = stream
        self._kept = bytearray()
        self._pieces = 0

    def write(self, data: bytes) -> None:
        self._kept += data
        # A full last piece is kept back: only the end says which one is the last.
        while len(self._kept) > _PIECE:
            self._seal(bytes(self._kept[:_PIECE]), last=False)
            del self._kept[:_PIECE]

    def finish(self) -> None:
        """Write the last piece, marked as such."""
        self._seal(bytes(self._kept), last=True)
        self._kept.clear()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._stream.write(self._cipher.encrypt(_place(self._pieces, last=last) + piece) + b"\n")
        self._pieces += 1


class Opened:
    """A sealed file whose first piece could be read. `chunks` may be read several times."""

    def __init__(self, stream: BinaryIO, secret: Lock) -> None:
        """
        Raises:
            NotABundle: no file of this kind. BundleNewer: a newer program made it.
            WrongSecret: it is sealed with another passphrase or key.
            BundleDamaged: its first line is broken.
        """
        self._cipher = _cipher_of(stream.readline(_LONGEST_LINE), secret)
        self._stream = stream
        self._start = stream.tell()
        if self._opened(self._line(0)) is None:
            what = "passphrase" if isinstance(secret, Passphrase) else "key"
            raise WrongSecret(
                f"the {what} is not the one that the bundle was sealed with, or its beginning was changed"
            )

    def chunks(self) -> Iterator[bytes]:
        """What was sealed, from its beginning, at most 64 KiB at a time.

        Raises:
            BundleDamaged: a piece was changed, moved or left out, or the end is missing.
        """
        self._stream.seek(self._start)
        number, last = 0, False
        while not last:
            piece = self._opened(self._line(number))
            last = piece is not None and piece.startswith(_place(number, last=True))
            if piece is None or not (last or piece.startswith(_place(number, last=False))):
                raise BundleDamaged("the file was changed after it was made")
            yield piece[_PLACE_BYTES:]
            number += 1
        if self._stream.read(1):
            raise BundleDamaged("something stands behind the end of the file")

    def _line(self, number: int) -> bytes:
        line = self._stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise BundleDamaged(f"the file is not whole: it was cut in or before piece {number + 1}")
        return line[:-1]

    def _opened(self, line: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(line)
        except InvalidToken:
            return None


def _cipher_of(line: bytes, secret: Lock) -> Fernet:
    """What opens the file with this first line."""
    if not line.startswith(MAGIC):
        raise NotABundle("it does not begin as a bundle does")
    version, *words = line[len(MAGIC) :].split()
    if version != VERSION:
        raise BundleNewer("it is sealed in another version of the format than this program reads")
    broken = BundleDamaged("the first line of the file is not as it has to be")
    try:
        salt = urlsafe_b64decode(words[-1]) if words else b""
    except (NotBase64, ValueError):
        raise broken from None
    if len(salt) != _SALT_BYTES or not line.endswith(b"\n"):
        raise broken
    match words[:-1]:
        case [b"key"]:
            if isinstance(secret, Passphrase):
                raise WrongSecret("the bundle is sealed with a key file, not with a passphrase")
            return _cipher(secret, salt, 0)
        case [b"passphrase", work] if work.isdigit() and len(work) <= 2:
            if isinstance(secret, Key):
                raise WrongSecret("the bundle is sealed with a passphrase, not with a key file")
            if not 1 <= int(work) <= _MOST_WORK:
                raise BundleDamaged(
                    f"the file wants more memory for its passphrase than is allowed (2^{int(work)})"
                )
            return _cipher(secret, salt, int(work))
        case _:
            raise broken


def _cipher(lock: Lock, salt: bytes, work_factor: int) -> Fernet:
    """Keys of this file alone: pieces of two files never fit together."""
    if isinstance(lock, Passphrase):
        scrypt = Scrypt(salt=salt, length=32, n=2**work_factor, r=8, p=1)
        raw = scrypt.derive(lock.text.reveal().encode())
    else:
        expand = HKDF(algorithm=SHA256(), length=32, salt=salt, info=MAGIC + VERSION)
        raw = expand.derive(urlsafe_b64decode(lock.text.reveal()))
    return Fernet(urlsafe_b64encode(raw))


def _place(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_PLACE_BYTES - 1, "big") + bytes([last])
