"""The sealed file: readable by other programs of its format and theirs by ours, and by nobody once it was touched."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Callable
from random import Random

import pytest

from sync.bundle.age_file import Opened, Passphrase, PrivateKey, Sealer
from sync.bundle.errors import BundleDamaged, BundleRefused, NotABundle, SecretUnusable, WrongSecret
from sync.bundle.keys import key_in, passphrase_in, private_text, public_text
from sync.secret import Secret

PASSPHRASE = Passphrase(Secret("correct horse battery"))
QUICK = 4  # a power of two for scrypt that costs nothing

# "sealed elsewhere", made by two other programs that write this format: `age` and a Rust one.
BY_PASSPHRASE = b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBBQmFVeW92c3lmZ0lZUmdRcU9Wd3ZRIDE4ClRBeUFva1czV0ZFTlJjV1Rh"
    "S0x6ckVJa1NldFNDN0MwNzU2U3hKQXBMaUEKLS0tIFV0dW9wU0hZbWNCWDZKVzYvWjFMTU40U2F0c2p1YVlaMDJzcVJsZUgzQTQK"
    "D+WE64yfdKQI1mtup07KTNq12OPcenmoqYWkAzvXBpXxNcsPoA07FZaGniNK/ybC"
)
BY_KEY = b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBScE9RUzVwS1B0MzVrZzZHZ05aVWllTFBrdDB1Ty9CaWhqYzZNZHFOTG5z"
    "CkpwTm56QUdwU281UDZGdEJscGlkKzdIU2c0TDZ2RG4yREl4RmRYZHNFL3cKLT4gYFZLcipJcC1ncmVhc2UgbHFBNiAqOXYKRnVH"
    "bmw0YTJldwotLS0gSC9GUkt6eEJZbWJEdnNkV2FiY0FKMW5XcmJCTkEwUHZGZmN1UnVNeW8rZwpKuhA9m9dFdB0h+D4IJAS1HKli"
    "l7db4qiPaZ+n7/sUhvt2jQNiXpfzb8qPNgSn8+o="
)
KEY_TEXT = "AGE-SECRET-KEY-1R3RSP8LVYSRFL5GXN7KSNLJ0SUTHC9H7ZPPPR2KS8NMH2MACFD4SRS4MLM"
PUBLIC_TEXT = "age17297nazun6rw5u8mv8phg2ryskthdk28se6l4uc80xku963ansksnuuu7e"


def key() -> PrivateKey:
    found = key_in(KEY_TEXT.encode())
    assert isinstance(found, PrivateKey)
    return found


def sealed(content: bytes, *, seed: int = 1, for_key: bool = True) -> bytes:
    file = io.BytesIO()
    lock = key().public if for_key else PASSPHRASE
    sealer = Sealer(file, lock, random=Random(seed).randbytes, work_factor=QUICK)
    for at in range(0, len(content), 1000):
        sealer.write(content[at : at + 1000])
    sealer.finish()
    return file.getvalue()


def opened(raw: bytes, secret: Passphrase | PrivateKey | None = None) -> bytes:
    return b"".join(Opened(io.BytesIO(raw), secret or key()).chunks())


def test_file_of_another_program_is_opened_with_its_passphrase() -> None:
    assert opened(BY_PASSPHRASE, PASSPHRASE) == b"sealed elsewhere"


def test_file_of_another_program_is_opened_with_its_key() -> None:
    assert opened(BY_KEY) == b"sealed elsewhere"


def test_keys_are_spelt_as_other_programs_spell_them() -> None:
    assert private_text(key()) == KEY_TEXT
    assert public_text(key().public) == PUBLIC_TEXT
    assert key_in(f"# made today\n\n  {PUBLIC_TEXT}\r\n".encode()) == key().public


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_001])
@pytest.mark.parametrize("for_key", [True, False])
def test_what_was_sealed_comes_back(size: int, for_key: bool) -> None:
    content = Random(size).randbytes(size)
    assert opened(sealed(content, for_key=for_key), key() if for_key else PASSPHRASE) == content


def test_file_is_read_again_from_its_beginning() -> None:
    content = Random(3).randbytes(150_000)
    file = Opened(io.BytesIO(sealed(content)), key())
    assert b"".join(file.chunks()) == b"".join(file.chunks()) == content


def test_file_cut_anywhere_is_refused() -> None:
    """A stick is pulled out while the file is copied."""
    content = Random(4).randbytes(131_072)
    whole = sealed(content)
    head = whole.index(b"--- ") + 60
    edges = [65_536 + 16, 2 * (65_536 + 16)]
    cuts = {*range(0, head + 40, 7), *(head + edge + near for edge in edges for near in range(-24, 9, 8))}
    cuts |= {len(whole) - less for less in (1, 15, 16, 17, 65_552)}
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


def test_chunks_that_changed_places_are_refused() -> None:
    whole = sealed(Random(8).randbytes(200_000))
    start = whole.index(b"\n", whole.index(b"--- ")) + 1 + 16
    chunk = 65_536 + 16
    one, two, rest = whole[start : start + chunk], whole[start + chunk : start + 2 * chunk], start + 2 * chunk
    with pytest.raises(BundleDamaged):
        opened(whole[:start] + two + one + whole[rest:])
    with pytest.raises(BundleDamaged):
        opened(whole[:start] + two + whole[rest:])


@pytest.mark.parametrize(
    ("for_key", "secret"),
    [
        (False, lambda: Passphrase(Secret("correct horse batterx"))),
        (False, key),
        (True, lambda: PASSPHRASE),
        (True, lambda: PrivateKey(Secret("\x05" * 32))),
    ],
)
def test_wrong_passphrase_or_key_opens_nothing(
    for_key: bool, secret: Callable[[], Passphrase | PrivateKey]
) -> None:
    with pytest.raises(WrongSecret) as refused:
        opened(sealed(b"x", for_key=for_key), secret())
    assert "horse" not in str(refused.value)


def test_file_that_wants_all_memory_for_its_passphrase_is_refused() -> None:
    greedy = sealed(b"x", for_key=False).replace(b" 4\n", b" 30\n", 1)
    with pytest.raises(BundleDamaged, match="memory"):
        opened(greedy, PASSPHRASE)


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"age-encryption.org/v2\n", b"{}\n" * 100_000])
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
    ["", "# nothing", f"{KEY_TEXT}\n{KEY_TEXT}", KEY_TEXT[:-1] + "Q", KEY_TEXT.title(), "ssh-ed25519 AAAA"],
)
def test_key_file_that_holds_no_key_is_refused(text: str) -> None:
    with pytest.raises(SecretUnusable) as refused:
        key_in(text.encode())
    assert KEY_TEXT[20:40] not in str(refused.value)
