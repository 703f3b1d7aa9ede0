"""The sealed file: readable by whoever has the passphrase or key, and by nobody once it was touched."""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random

import pytest

from sync.bundle.errors import (
    BundleDamaged,
    BundleNewer,
    BundleRefused,
    NotABundle,
    SecretUnusable,
    WrongSecret,
)
from sync.bundle.keys import key_in, new_key, passphrase_in
from sync.bundle.sealed_file import Key, Lock, Opened, Passphrase, Sealer
from sync.secret import Secret

PASSPHRASE = Passphrase(Secret("correct horse battery"))
QUICK = 4  # a power of two for scrypt that costs nothing

KEY_TEXT = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
KEY = Key(Secret(KEY_TEXT))
OTHER_KEY = Key(Secret("CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg="))


def sealed(content: bytes, *, seed: int = 1, for_key: bool = True) -> bytes:
    file = io.BytesIO()
    lock = KEY if for_key else PASSPHRASE
    sealer = Sealer(file, lock, random=Random(seed).randbytes, work_factor=QUICK)
    for at in range(0, len(content), 1000):
        sealer.write(content[at : at + 1000])
    sealer.finish()
    return file.getvalue()


def opened(raw: bytes, secret: Lock | None = None) -> bytes:
    return b"".join(Opened(io.BytesIO(raw), secret or KEY).chunks())


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_001])
@pytest.mark.parametrize("for_key", [True, False])
def test_what_was_sealed_comes_back(size: int, for_key: bool) -> None:
    content = Random(size).randbytes(size)
    assert opened(sealed(content, for_key=for_key), KEY if for_key else PASSPHRASE) == content


def test_file_is_read_again_from_its_beginning() -> None:
    content = Random(3).randbytes(150_000)
    file = Opened(io.BytesIO(sealed(content)), KEY)
    assert b"".join(file.chunks()) == b"".join(file.chunks()) == content


def test_file_cut_anywhere_is_refused() -> None:
    """A stick is pulled out while the file is copied."""
    content = Random(4).randbytes(131_072)
    whole = sealed(content)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    cuts = {*range(0, 400, 7), *(end + near for end in ends for near in range(-24, 9, 8))}
    cuts |= {len(whole) - less for less in (1, 2, 15, 65_552)}
    for cut in sorted(cut for cut in cuts if 0 <= cut < len(whole)):
        with pytest.raises(BundleRefused):
            opened(whole[:cut])


def test_byte_changed_anywhere_is_refused() -> None:
    whole = sealed(Random(5).randbytes(70_000))
    for at in [*range(0, 240, 3), 10_000, 65_900, len(whole) - 1]:
        changed = bytearray(whole)
        changed[at] ^= 1
        with pytest.raises(BundleRefused):
            opened(bytes(changed))


def test_chunks_of_two_files_do_not_mix() -> None:
    """Two bundles for the same key are put together byte by byte."""
    first, second = (sealed(Random(seed).randbytes(200_000), seed=seed) for seed in (6, 7))
    assert len(first) == len(second)
    half = len(first) // 2
    with pytest.raises(BundleDamaged):
        opened(first[:half] + second[half:])
    with pytest.raises(BundleDamaged):
        opened(first + second)


def test_pieces_that_changed_places_are_refused() -> None:
    head, one, two, *rest = sealed(Random(8).randbytes(200_000)).splitlines(keepends=True)
    for pieces in ([two, one, *rest], [one, *rest], [one, two, two, *rest], [one, two, *rest, rest[-1]]):
        with pytest.raises(BundleDamaged):
            opened(head + b"".join(pieces))


@pytest.mark.parametrize(
    ("for_key", "secret"),
    [
        (False, lambda: Passphrase(Secret("correct horse batterx"))),
        (False, lambda: KEY),
        (True, lambda: PASSPHRASE),
        (True, lambda: OTHER_KEY),
    ],
)
def test_wrong_passphrase_or_key_opens_nothing(for_key: bool, secret: Callable[[], Lock]) -> None:
    with pytest.raises(WrongSecret) as refused:
        opened(sealed(b"x", for_key=for_key), secret())
    assert "horse" not in str(refused.value)


def test_file_that_wants_all_memory_for_its_passphrase_is_refused() -> None:
    greedy = sealed(b"x", for_key=False).replace(b" 4 ", b" 30 ", 1)
    with pytest.raises(BundleDamaged, match="memory"):
        opened(greedy, PASSPHRASE)


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"fieldsync\n", b"{}\n" * 100_000])
def test_anything_else_is_no_bundle(raw: bytes) -> None:
    with pytest.raises(NotABundle):
        opened(raw)


@pytest.mark.parametrize("raw", [b"", b" \n", b"two\nlines of it", b"\xff\xfe", b"x" * 5000, b"eleven char"])
def test_passphrase_that_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(SecretUnusable):
        passphrase_in(raw, new=True)


def test_only_a_new_passphrase_has_to_be_long() -> None:
    assert passphrase_in(b"short\r\n", new=False) == Passphrase(Secret("short"))


@pytest.mark.parametrize(
    "text",
    ["", "# nothing", f"{KEY_TEXT}\n{KEY_TEXT}", KEY_TEXT[:-4] + "=", "é" * 44, "ssh-ed25519 AAAA"],
)
def test_key_file_that_holds_no_key_is_refused(text: str) -> None:
    with pytest.raises(SecretUnusable) as refused:
        key_in(text.encode())
    assert KEY_TEXT[20:40] not in str(refused.value)


def test_key_file_holds_what_was_made() -> None:
    key = new_key()
    assert key != new_key()
    assert key_in(f"# of the office\n\n  {key.text.reveal()}\r\n".encode()) == key


def test_file_of_a_newer_format_says_so() -> None:
    with pytest.raises(BundleNewer):
        opened(sealed(b"x").replace(b"bundle/1 ", b"bundle/2 ", 1))
