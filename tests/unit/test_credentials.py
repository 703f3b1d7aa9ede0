"""Whose tokens are sent for whom, and that nobody else can read them."""

import base64
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.credentials import AuthStatus, Credentials, Tokens, TokenSource, TokensRefused
from sync.secret import Secret
from sync.token_files import read_token

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NONE = TokenSource()


def jwt(*, user: object = None, ends: datetime | None = None, **claims: object) -> str:
    if user is not None:
        claims["userId"] = user
    if ends is not None:
        claims["exp"] = int(ends.timestamp())
    encode = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "x"}, claims)
    ]
    return ".".join([*encode, "signature"])


def credentials(tmp_path: Path, bearer: str = "", session: str = "", owner: str | None = None) -> Credentials:
    return Credentials(
        bearer=TokenSource(Secret(bearer)) if bearer else NONE,
        session=TokenSource(Secret(session)) if session else NONE,
        folder=tmp_path / "state" / "tokens",
        default_owner=owner,
    )


def one(found: Tokens | None) -> Tokens:
    assert found is not None
    return found


def pair(found: Tokens | None) -> tuple[str, str] | None:
    return (found.bearer.reveal(), found.session.reveal()) if found else None


def test_configured_pair_serves_entries_without_owner(tmp_path: Path) -> None:
    assert pair(credentials(tmp_path, "b", "s").for_owner(None)) == ("b", "s")


def test_half_a_pair_serves_nobody(tmp_path: Path) -> None:
    half = credentials(tmp_path, "b")
    assert half.for_owner(None) is None
    assert half.status(NOW) == [AuthStatus(None, "missing", None)]


def test_opaque_pair_without_a_name_serves_no_named_owner(tmp_path: Path) -> None:
    assert credentials(tmp_path, "b", "s").for_owner("anna") is None


def test_pair_serves_the_user_inside_its_token_and_nobody_else(tmp_path: Path) -> None:
    found = credentials(tmp_path, "opaque", jwt(user=42))
    assert one(found.for_owner("42")).owner == "42"
    assert found.for_owner("43") is None


def test_configured_name_wins_over_the_user_inside_the_token(tmp_path: Path) -> None:
    found = credentials(tmp_path, "opaque", jwt(user=42), owner="anna")
    assert one(found.for_owner(None)).owner == "anna"
    assert found.for_owner("anna") == found.for_owner("42")
    assert found.for_owner("bert") is None


def test_stored_pair_serves_its_name_only(tmp_path: Path) -> None:
    store = credentials(tmp_path)
    store.store("anna", Secret("ba"), Secret("sa"))
    store.store("bert", Secret("bb"), Secret("sb"))
    fresh = credentials(tmp_path)
    assert pair(fresh.for_owner("anna")) == ("ba", "sa")
    assert pair(fresh.for_owner("bert")) == ("bb", "sb")
    assert fresh.for_owner("carl") is None
    assert fresh.for_owner(None) is None


def test_stored_pair_without_a_name_is_the_devices_own(tmp_path: Path) -> None:
    store = credentials(tmp_path)
    store.store(None, Secret("b"), Secret("s"))
    assert pair(store.for_owner(None)) == ("b", "s")


@pytest.mark.parametrize("owner", ["Ana/../x", "anna", "Anna", "Łukasz Ż.", "a" * 100, "con", "."])
def test_any_printable_name_has_a_file_of_its_own(tmp_path: Path, owner: str) -> None:
    store = credentials(tmp_path)
    store.store(owner, Secret("b"), Secret("s"))
    (file,) = (tmp_path / "state" / "tokens").iterdir()
    assert file.parent == tmp_path / "state" / "tokens"
    assert pair(store.for_owner(owner)) == ("b", "s")
    assert store.for_owner(owner.swapcase() + "x") is None


@pytest.mark.parametrize("owner", ["", "  ", "a\nb", "é" * 51])
def test_unusable_name_is_refused_and_serves_nothing(tmp_path: Path, owner: str) -> None:
    with pytest.raises(TokensRefused):
        credentials(tmp_path).store(owner, Secret("b"), Secret("s"))
    assert credentials(tmp_path).for_owner(owner) is None


@pytest.mark.parametrize("token", ["", "Bearer abc", "a b", "a\nb", "ä", "x" * 16_385])
def test_token_that_no_header_can_carry_is_refused_unquoted(tmp_path: Path, token: str) -> None:
    with pytest.raises(TokensRefused) as refused:
        credentials(tmp_path).store(None, Secret("good"), Secret(token))
    assert "session token" in str(refused.value)
    assert not token or f" {token}" not in str(refused.value)
    assert not (tmp_path / "state").exists()


def test_tokens_of_two_users_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TokensRefused, match="different users"):
        credentials(tmp_path).store(None, Secret(jwt(user=1)), Secret(jwt(user=2)))


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_stored_files_are_readable_by_this_user_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        credentials(tmp_path).store(None, Secret("b"), Secret("s"))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*")}
    assert modes == {"tokens": 0o700, "default.json": 0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_failed_store_leaves_the_former_pair_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up in the middle of a sign-in: the tokens that worked a minute ago still do."""
    store = credentials(tmp_path)
    store.store(None, Secret("old-b"), Secret("old-s"))

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.store(None, Secret("new-b"), Secret("new-s"))
    monkeypatch.undo()
    assert pair(credentials(tmp_path).for_owner(None)) == ("old-b", "old-s")
    assert [path.name for path in (tmp_path / "state" / "tokens").iterdir()] == ["default.json"]


def test_litter_of_a_crash_goes_with_the_next_store(tmp_path: Path) -> None:
    store = credentials(tmp_path)
    store.store(None, Secret("b"), Secret("s"))
    folder = tmp_path / "state" / "tokens"
    (folder / ".old.tmp").write_text("token")
    os.utime(folder / ".old.tmp", (1, 1))
    (folder / ".young.tmp").write_text("another process at work")
    store.store(None, Secret("b"), Secret("s"))
    assert {path.name for path in folder.iterdir()} == {"default.json", ".young.tmp"}


def test_clear_forgets_and_says_whether_there_was_something(tmp_path: Path) -> None:
    store = credentials(tmp_path, "b", "s")
    store.store("anna", Secret("ba"), Secret("sa"))
    assert store.clear("anna") is True
    assert store.clear("anna") is False
    assert store.for_owner("anna") is None
    assert pair(store.for_owner(None)) == ("b", "s")


def test_token_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    """A rotated secret reaches a running worker without a restart."""
    bearer, session = tmp_path / "bearer", tmp_path / "session"
    bearer.write_text("b1\n")
    session.write_text("s1")
    found = Credentials(
        bearer=TokenSource(file=bearer),
        session=TokenSource(file=session),
        folder=tmp_path / "t",
        default_owner=None,
    )
    assert pair(found.for_owner(None)) == ("b1", "s1")
    (tmp_path / "new").write_text("  b2\r\n")
    (tmp_path / "new").replace(bearer)
    assert pair(found.for_owner(None)) == ("b2", "s1")
    bearer.unlink()
    assert found.for_owner(None) is None


def test_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = credentials(tmp_path)
    store.store(None, Secret("b"), Secret("s"))
    assert store.for_owner(None)
    monkeypatch.setattr(Path, "open", None)
    assert store.for_owner(None)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a b", b"x" * 70_000], ids=repr)
def test_file_without_a_usable_token_counts_as_missing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read_token(tmp_path / "file") is None
    assert read_token(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        '{"owner": null}',
        '{"owner": 1, "bearer": "b", "session": "s"}',
        '{"owner": null, "bearer": 1, "session": "s"}',
        "[" * 50_000,
    ],
)
def test_damaged_pair_counts_as_missing(tmp_path: Path, content: str) -> None:
    store = credentials(tmp_path)
    store.store(None, Secret("b"), Secret("s"))
    store.store("anna", Secret("b"), Secret("s"))
    for file in (tmp_path / "state" / "tokens").iterdir():
        file.write_text(content)
    assert store.for_owner(None) is store.for_owner("anna") is None
    assert store.status(NOW) == [AuthStatus(None, "missing", None)]


def test_pair_ends_with_the_earlier_of_its_two_tokens(tmp_path: Path) -> None:
    early, late = NOW + timedelta(hours=1), NOW + timedelta(hours=24)
    found = credentials(tmp_path, jwt(ends=early), jwt(ends=late, user=7))
    assert one(found.for_owner(None)).expires_at == early
    assert found.status(NOW) == [AuthStatus("7", "ok", early)]
    assert found.status(early) == [AuthStatus("7", "expired", early)]


@pytest.mark.parametrize("exp", [None, True, "soon", 1e300, -1e300, float("nan"), [], {}])
def test_expiry_that_is_no_time_is_unknown(tmp_path: Path, exp: object) -> None:
    found = credentials(tmp_path, "opaque", jwt(exp=exp))
    assert one(found.for_owner(None)).expires_at is None
    assert found.status(NOW) == [AuthStatus(None, "ok", None)]


@pytest.mark.parametrize("user", [None, True, 1.5, "", [], {"a": 1}])
def test_user_that_is_no_id_is_unknown(tmp_path: Path, user: object) -> None:
    assert one(credentials(tmp_path, "opaque", jwt(userId=user)).for_owner(None)).owner is None


@pytest.mark.parametrize(
    "token", ["a.b.c", "..", "a.%%%.c", "a.W10.c", "a." + "W1tb" * 4000 + ".c", "a.Nw.c"]
)
def test_token_that_only_looks_like_a_jwt_is_opaque(tmp_path: Path, token: str) -> None:
    assert credentials(tmp_path, token, "s").for_owner(None) == Tokens(Secret(token), Secret("s"))


def test_fresh_sign_in_beats_an_older_configured_pair(tmp_path: Path) -> None:
    old, new = jwt(ends=NOW), jwt(ends=NOW + timedelta(hours=1))
    found = credentials(tmp_path, old, old)
    found.store(None, Secret(new), Secret(new))
    assert pair(found.for_owner(None)) == (new, new)


def test_rotated_configured_pair_beats_an_old_sign_in(tmp_path: Path) -> None:
    old, new = jwt(ends=NOW), jwt(ends=NOW + timedelta(hours=1))
    found = credentials(tmp_path, new, new)
    found.store(None, Secret(old), Secret(old))
    assert pair(found.for_owner(None)) == (new, new)


def test_fresh_sign_in_of_another_user_serves_nobody_else(tmp_path: Path) -> None:
    """Two technicians share a tablet: what one captured never goes out in the other's name."""
    mine, theirs = jwt(user=1, ends=NOW), jwt(user=2, ends=NOW + timedelta(days=1))
    found = credentials(tmp_path, mine, mine)
    found.store(None, Secret(theirs), Secret(theirs))
    assert pair(found.for_owner("1")) == (mine, mine)
    assert pair(found.for_owner("2")) == (theirs, theirs)


def test_status_lists_the_own_pair_first_and_names_in_order(tmp_path: Path) -> None:
    found = credentials(tmp_path, "b", "s")
    for owner in ("bert", "anna"):
        found.store(owner, Secret("b"), Secret("s"))
    assert [line.owner for line in found.status(NOW)] == [None, "anna", "bert"]


def test_missing_own_pair_is_no_trouble_where_names_are_stored(tmp_path: Path) -> None:
    found = credentials(tmp_path)
    found.store("anna", Secret("b"), Secret("s"))
    assert found.status(NOW) == [AuthStatus("anna", "ok", None)]


def test_tokens_show_no_token(tmp_path: Path) -> None:
    assert "canary" not in repr(credentials(tmp_path, "canary-b", "canary-s").for_owner(None))


def stored(tmp_path: Path, bearer: str, session: str) -> None:
    credentials(tmp_path).store(None, Secret(bearer), Secret(session))


def test_sign_in_wins_over_a_setting_that_tells_no_end(tmp_path: Path) -> None:
    """Somebody signs in because the fixed tokens are refused: what they gave is what is sent."""
    stored(tmp_path, "opaque-b", "opaque-s")
    assert pair(credentials(tmp_path, "fixed-b", "fixed-s").for_owner(None)) == ("opaque-b", "opaque-s")


def test_sign_in_that_has_ended_does_not_win_over_a_setting_that_tells_no_end(tmp_path: Path) -> None:
    stored(tmp_path, "b", jwt(user=7, ends=datetime.now(UTC) - timedelta(hours=1)))
    assert pair(credentials(tmp_path, "fixed-b", "fixed-s").for_owner(None)) == ("fixed-b", "fixed-s")


def test_of_opaque_pairs_the_one_that_was_written_last_wins(tmp_path: Path) -> None:
    """An agent rotates two files; the sign-in of last week does not stand in their way, nor the other way round."""
    bearer, session = tmp_path / "b", tmp_path / "s"
    for path in (bearer, session):
        path.write_text(f"file-{path.name}")
    stored(tmp_path, "stored-b", "stored-s")
    both = Credentials(
        bearer=TokenSource(file=bearer),
        session=TokenSource(file=session),
        folder=tmp_path / "state" / "tokens",
        default_owner=None,
    )
    (kept,) = (tmp_path / "state" / "tokens").iterdir()
    os.utime(kept, (2_000_000_000, 2_000_000_000))
    assert pair(both.for_owner(None)) == ("stored-b", "stored-s")
    os.utime(session, (2_000_000_001, 2_000_000_001))
    assert pair(both.for_owner(None)) == ("file-b", "file-s")


def test_fresh_pair_takes_the_place_of_the_one_that_it_replaces(tmp_path: Path) -> None:
    own = jwt(user=7, ends=NOW)
    stored(tmp_path, "b", own)
    known = credentials(tmp_path)
    known.renew("7", Secret("new-b"), Secret(jwt(user=7, ends=NOW + timedelta(hours=1))))
    assert one(known.for_owner(None)).bearer.reveal() == "new-b", "the device's own pair served this user"
    known.renew("Zoé", Secret("zoe-b"), Secret("zoe-s"))
    assert pair(known.for_owner("Zoé")) == ("zoe-b", "zoe-s")
    assert one(known.for_owner(None)).bearer.reveal() == "new-b"
    known.renew("Zoé", Secret("zoe-2"), Secret("zoe-s"))
    assert pair(known.for_owner("Zoé")) == ("zoe-2", "zoe-s")
    assert len(list((tmp_path / "state" / "tokens").iterdir())) == 2


def test_fresh_pair_of_another_user_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, "b", jwt(user=7, ends=NOW))
    with pytest.raises(TokensRefused, match="another user"):
        credentials(tmp_path).renew("7", Secret("b2"), Secret(jwt(user=8)))
    assert one(credentials(tmp_path).for_owner("7")).bearer.reveal() == "b"
