"""The age format, version 1: one file sealed for a passphrase or an X25519 key, written and read as a stream.

The ciphers are those of `cryptography`; here is only how the public format puts them together. Nothing is given out
that was not authenticated, chunk by chunk, and a file that was cut is refused at its end.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sync.bundle.errors import BundleDamaged, NotABundle, WrongSecret
from sync.secret import Secret

MAGIC: Final = b"age-encryption.org/"
_FIRST_LINE: Final = MAGIC + b"v1\n"
# What scrypt is asked for, as a power of two: 17 takes 128 MiB and about half a second on a tablet.
WORK_FACTOR: Final = 17
# A file may not make a small device run out of memory; 18 is what other programs of this format write.
_MOST_WORK: Final = 18
_CHUNK: Final = 64 * 1024
_TAG: Final = 16
_KEY_BYTES: Final = 16
_BODY_BYTES: Final = _KEY_BYTES + _TAG
_NONCE_BYTES: Final = 16
_ZERO_NONCE: Final = bytes(12)
_LINE: Final = 64  # characters of base64 in one line
_LONGEST_LINE: Final = 1024
_MOST_STANZAS: Final = 20


@dataclass(frozen=True, slots=True)
class Passphrase:
    """What a person knows. Seals and opens."""

    text: Secret


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Seals for the one who has the private key: 32 bytes of X25519."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Opens, and seals for itself: 32 bytes of X25519, as latin-1 text so that nothing prints them."""

    raw: Secret

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._key().public_key().public_bytes_raw())

    def _key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.raw.reveal().encode("latin-1"))

    def shared_with(self, other: bytes) -> bytes:
        """
        Raises:
            ValueError: no public key of anybody.
        """
        return self._key().exchange(X25519PublicKey.from_public_bytes(other))


@dataclass(frozen=True, slots=True)
class _Stanza:
    """One way to the file's key: what it is for, and the key sealed with that."""

    words: tuple[str, ...]
    body: bytes


class Sealer:
    """Writes one sealed file; without `finish` it has no end and nobody can read it."""

    def __init__(
        self,
        stream: BinaryIO,
        lock: Passphrase | PublicKey,
        *,
        random: Callable[[int], bytes],
        work_factor: int = WORK_FACTOR,
    ) -> None:
        key = random(_KEY_BYTES)
        match lock:
            case Passphrase(text=text):
                stanza = _for_passphrase(key, text, random(16), work_factor)
            case PublicKey(raw=raw):
                stanza = _for_public_key(key, raw, random(32))
        header = _FIRST_LINE + _written(stanza) + b"---"
        stream.write(header + b" " + _base64(_mac(key, header)) + b"\n")
        nonce = random(_NONCE_BYTES)
        stream.write(nonce)
        self._stream = stream
        self._cipher = ChaCha20Poly1305(_derived(key, nonce, b"payload"))
        self._kept = bytearray()
        self._chunks = 0

    def write(self, data: bytes) -> None:
        self._kept += data
        # A full last chunk is kept back: only the end says which one is the last.
        while len(self._kept) > _CHUNK:
            self._seal(bytes(self._kept[:_CHUNK]), last=False)
            del self._kept[:_CHUNK]

    def finish(self) -> None:
        """Write the last chunk, marked as such."""
        self._seal(bytes(self._kept), last=True)
        self._kept.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._stream.write(self._cipher.encrypt(_chunk_nonce(self._chunks, last=last), chunk, None))
        self._chunks += 1


class Opened:
    """A sealed file whose key was found. `chunks` may be read several times."""

    def __init__(self, stream: BinaryIO, secret: Passphrase | PrivateKey) -> None:
        """
        Raises:
            NotABundle: no file of this format.
            WrongSecret: it is sealed for another passphrase or key.
            BundleDamaged: its head is broken.
        """
        stanzas, signed, mac = _head(stream)
        key = _key_for(secret, stanzas)
        if not hmac.compare_digest(_mac(key, signed), mac):
            raise BundleDamaged("the head of the file was changed")
        nonce = stream.read(_NONCE_BYTES)
        if len(nonce) != _NONCE_BYTES:
            raise _cut()
        self._stream = stream
        self._start = stream.tell()
        self._cipher = ChaCha20Poly1305(_derived(key, nonce, b"payload"))

    def chunks(self) -> Iterator[bytes]:
        """What was sealed, from its beginning, at most 64 KiB at a time.

        Raises:
            BundleDamaged: a chunk was changed, moved or left out, or the end is missing.
        """
        self._stream.seek(self._start)
        number = 0
        sealed = self._stream.read(_CHUNK + _TAG)
        while True:
            following = self._stream.read(_CHUNK + _TAG)
            last = not following
            try:
                chunk = self._cipher.decrypt(_chunk_nonce(number, last=last), sealed, None)
            except (InvalidTag, ValueError):
                if last:
                    raise _cut() from None
                raise BundleDamaged("the file was changed after it was made") from None
            if not chunk and number:
                raise BundleDamaged("the file has an end that no program writes")
            yield chunk
            if last:
                return
            number, sealed = number + 1, following


def _head(stream: BinaryIO) -> tuple[list[_Stanza], bytes, bytes]:
    """The stanzas, the bytes that the head's own code is over, and that code."""
    first = stream.readline(_LONGEST_LINE)
    if not first.startswith(MAGIC):
        raise NotABundle("it does not begin as a bundle does")
    if first != _FIRST_LINE:
        raise NotABundle("it is sealed in another version of the format than this program reads")
    signed = bytearray(first)
    stanzas: list[_Stanza] = []
    while True:
        line = _line_of(stream)
        if line.startswith(b"--- "):
            signed += b"---"
            if not stanzas:
                raise BundleDamaged("the head of the file names no key")
            return stanzas, bytes(signed), _from_base64(line[4:-1])
        if not line.startswith(b"-> ") or len(stanzas) == _MOST_STANZAS:
            raise BundleDamaged("the head of the file is not as the format wants it")
        signed += line
        body = bytearray()
        while True:
            part = _line_of(stream)
            signed += part
            body += part[:-1]
            if len(part) - 1 < _LINE:
                break
            if len(body) > _LONGEST_LINE:
                raise BundleDamaged("the head of the file is too long")
        stanzas.append(_Stanza(tuple(_text(line[3:-1]).split(" ")), _from_base64(bytes(body))))


def _line_of(stream: BinaryIO) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise _cut()
    return line


def _text(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise BundleDamaged("the head of the file holds what is no text") from None


def _key_for(secret: Passphrase | PrivateKey, stanzas: list[_Stanza]) -> bytes:
    kinds = [stanza.words[0] for stanza in stanzas]
    if "scrypt" in kinds:
        if len(stanzas) > 1:
            raise BundleDamaged("a file with a passphrase has no other key")
        if not isinstance(secret, Passphrase):
            raise WrongSecret("the bundle is sealed with a passphrase, not for a key")
        return _by_passphrase(secret, stanzas[0])
    if not isinstance(secret, PrivateKey):
        raise WrongSecret("the bundle is sealed for a key, not with a passphrase")
    for stanza in stanzas:
        if stanza.words[0] == "X25519" and (key := _by_private_key(secret, stanza)) is not None:
            return key
    raise WrongSecret("the bundle is sealed for another key than this one")


def _for_passphrase(key: bytes, text: Secret, salt: bytes, work_factor: int) -> _Stanza:
    wrapping = _from_passphrase(text, salt, work_factor)
    words = ("scrypt", _base64(salt).decode(), str(work_factor))
    return _Stanza(words, ChaCha20Poly1305(wrapping).encrypt(_ZERO_NONCE, key, None))


def _by_passphrase(secret: Passphrase, stanza: _Stanza) -> bytes:
    if len(stanza.words) != 3 or len(stanza.body) != _BODY_BYTES:
        raise BundleDamaged("the head of the file is not as the format wants it")
    salt, work = _from_base64(stanza.words[1].encode()), stanza.words[2]
    if len(salt) != 16 or not (work.isdecimal() and work.isascii() and len(work) <= 2) or work[0] == "0":
        raise BundleDamaged("the head of the file is not as the format wants it")
    if int(work) > _MOST_WORK:
        raise BundleDamaged(f"the file wants more memory for its passphrase than is allowed (2^{work})")
    wrapping = _from_passphrase(secret.text, salt, int(work))
    try:
        return ChaCha20Poly1305(wrapping).decrypt(_ZERO_NONCE, stanza.body, None)
    except InvalidTag:
        raise WrongSecret("the passphrase is not the one that the bundle was sealed with") from None


def _from_passphrase(text: Secret, salt: bytes, work_factor: int) -> bytes:
    scrypt = Scrypt(salt=MAGIC + b"v1/scrypt" + salt, length=32, n=2**work_factor, r=8, p=1)
    return scrypt.derive(text.reveal().encode())


def _for_public_key(key: bytes, public: bytes, ephemeral: bytes) -> _Stanza:
    own = PrivateKey(Secret(ephemeral.decode("latin-1")))
    share = own.public.raw
    wrapping = _derived(own.shared_with(public), share + public, MAGIC + b"v1/X25519")
    words = ("X25519", _base64(share).decode())
    return _Stanza(words, ChaCha20Poly1305(wrapping).encrypt(_ZERO_NONCE, key, None))


def _by_private_key(secret: PrivateKey, stanza: _Stanza) -> bytes | None:
    if len(stanza.words) != 2 or len(stanza.body) != _BODY_BYTES:
        raise BundleDamaged("the head of the file is not as the format wants it")
    share = _from_base64(stanza.words[1].encode())
    try:
        shared = secret.shared_with(share)
    except ValueError:
        raise BundleDamaged("the head of the file names a key that is none") from None
    wrapping = _derived(shared, share + secret.public.raw, MAGIC + b"v1/X25519")
    try:
        return ChaCha20Poly1305(wrapping).decrypt(_ZERO_NONCE, stanza.body, None)
    except InvalidTag:
        return None


def _derived(key: bytes, salt: bytes, what_for: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=what_for).derive(key)


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(_derived(key, b"", b"header"), signed, "sha256")


def _chunk_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _written(stanza: _Stanza) -> bytes:
    body = _base64(stanza.body)
    lines = [body[at : at + _LINE] for at in range(0, len(body) + 1, _LINE)]
    return b"-> " + " ".join(stanza.words).encode() + b"\n" + b"".join(line + b"\n" for line in lines)


def _base64(raw: bytes) -> bytes:
    return b64encode(raw).rstrip(b"=")


def _from_base64(text: bytes) -> bytes:
    try:
        raw = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (NotBase64, ValueError):
        raise BundleDamaged("the head of the file is not as the format wants it") from None
    if _base64(raw) != text:  # one value has one spelling
        raise BundleDamaged("the head of the file is not as the format wants it")
    return raw


def _cut() -> BundleDamaged:
    return BundleDamaged("the file is not whole: its end is missing or was changed")
