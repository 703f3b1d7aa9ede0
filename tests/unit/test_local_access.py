"""One key lets in, and a new key ends it all; a link works once; nothing that others could read or write is trusted."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.errors import StorageForbidden, StorageObstructed, StorageProblem
from storage.folder import StorageFolder
from sync import private_files
from sync.local_access import LINK_LASTS, SESSION_LASTS, Address, LocalAccess
from sync.visitor import OPS, Scope, Visitor, technician

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ANNE = technician("anne.martin")
DATABASE = "0a1b2c3d-0000-4000-8000-000000000000"
posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners are those of POSIX")


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def folder(tmp_path: Path) -> StorageFolder:
    return StorageFolder(tmp_path / "outbox")


@pytest.fixture
def access(folder: StorageFolder, clock: Hands) -> LocalAccess:
    made = LocalAccess(folder, DATABASE, now=clock.now)
    assert made.make() is False
    return made


@pytest.fixture
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def web(folder: StorageFolder, *names: str) -> Path:
    return folder.root.joinpath("web", *names)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# What is made lets in, and nothing else does.


def test_token_file_opens_everything(access: LocalAccess) -> None:
    token = access.token_file.read_text().strip()
    assert token == access.bearer().reveal()
    assert access.visitor_of_token(token) == OPS


@pytest.mark.parametrize(
    "visitor", [ANNE, technician(None), OPS, Visitor(frozenset({Scope.AUTH}), "é\u2028")]
)
def test_what_is_signed_stands_for_the_visitor_it_was_made_for(access: LocalAccess, visitor: Visitor) -> None:
    assert access.visitor_of_token(access.token(visitor).reveal()) == visitor
    cookie, session = access.new_session(visitor)
    assert access.session(cookie.reveal()) == session
    assert session.visitor == visitor
    assert access.spend(access.new_link(visitor).code.reveal()) == visitor


WRONG = ("", " ", "x", "a.b", "a.b.c", "." * 3, "é", "\x00", "\udcff", "9" * 4097, "e30.x", "Bearer x")


@pytest.mark.parametrize("text", WRONG)
def test_what_was_not_made_here_opens_nothing(access: LocalAccess, text: str) -> None:
    assert access.visitor_of_token(text) is None
    assert access.session(text) is None
    assert access.opens(text) is None
    assert access.spend(text) is None


def test_one_changed_character_opens_nothing(access: LocalAccess) -> None:
    cookie, _ = access.new_session(ANNE)
    token, bearer = access.token(ANNE).reveal(), access.bearer().reveal()
    for text, asked in (
        (cookie.reveal(), access.session),
        (token, access.visitor_of_token),
        (bearer, access.visitor_of_token),
    ):
        for place in range(0, len(text) - 1, 7):  # the last character carries bits that base64 does not read
            changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
            assert asked(changed) is None, place  # type: ignore[operator]


def test_cookie_is_no_token_and_token_is_no_cookie(access: LocalAccess) -> None:
    cookie, _ = access.new_session(OPS)
    assert access.visitor_of_token(cookie.reveal()) is None
    assert access.session(access.token(OPS).reveal()) is None
    link = access.new_link(OPS)
    (signed,) = [each.read_text() for each in access._links.iterdir()]
    assert access.session(signed) is None
    assert access.visitor_of_token(signed) is None
    assert access.session(link.code.reveal()) is None


def test_another_outbox_lets_nobody_in_with_what_is_made_here(
    access: LocalAccess, tmp_path: Path, clock: Hands
) -> None:
    other = LocalAccess(StorageFolder(tmp_path / "other"), "ffffffff-1", now=clock.now)
    other.make()
    cookie, _ = access.new_session(OPS)
    assert other.session(cookie.reveal()) is None
    assert other.visitor_of_token(access.bearer().reveal()) is None
    assert other.cookie_name != access.cookie_name


def test_scope_that_there_is_not_lets_nobody_in() -> None:
    for document in (
        None, [], {}, {"scopes": ["read", "root"], "owner": None, "everyone": False},
        {"scopes": ["read"], "owner": 1, "everyone": False}, {"scopes": ["read"], "owner": None, "everyone": 1},
        {"scopes": "read", "owner": None, "everyone": True},
    ):  # fmt: skip
        assert Visitor.from_json(document) is None, document


# Sessions end.


@pytest.mark.parametrize(
    ("moved", "lets_in"),
    [
        (SESSION_LASTS - timedelta(seconds=1), True),
        (SESSION_LASTS, False),
        (timedelta(days=3650), False),
        (-timedelta(hours=12), True),  # a clock that was set right
        (-timedelta(days=2), False),  # made by a clock that was far ahead: it would last too long
    ],
)
def test_session_ends_after_thirty_days(
    access: LocalAccess, clock: Hands, moved: timedelta, lets_in: bool
) -> None:
    cookie, _ = access.new_session(ANNE)
    clock.at += moved
    assert (access.session(cookie.reveal()) is not None) == lets_in


def test_session_that_was_left_stays_ended_for_every_copy_of_its_cookie(
    access: LocalAccess, folder: StorageFolder, clock: Hands
) -> None:
    cookie, session = access.new_session(ANNE)
    other, _ = access.new_session(ANNE)
    access.end_session(session)
    again = LocalAccess(folder, DATABASE, now=clock.now)  # the worker was started again
    again.make()
    assert again.session(cookie.reveal()) is None
    assert again.session(other.reveal()) is not None


def test_ended_sessions_are_forgotten_when_their_cookies_are_over(access: LocalAccess, clock: Hands) -> None:
    access.end_session(access.new_session(ANNE)[1])
    clock.at += SESSION_LASTS + timedelta(days=1)
    access.end_session(access.new_session(ANNE)[1])
    assert len(list(access._ended.iterdir())) == 1


# A link works once.


def test_looking_at_a_link_does_not_spend_it(access: LocalAccess) -> None:
    code = access.new_link(ANNE).code.reveal()
    for _ in range(3):
        assert access.opens(code) == ANNE
    assert access.spend(code) == ANNE
    assert access.opens(code) is None
    assert access.spend(code) is None


def test_of_many_that_spend_one_link_at_once_one_is_let_in(access: LocalAccess) -> None:
    """Two fingers on the button, or a thief who read the link over a shoulder."""
    for _ in range(20):
        code = access.new_link(ANNE).code.reveal()
        together, let_in = threading.Barrier(4), []

        def press(
            code: str = code, together: threading.Barrier = together, let_in: list[object] = let_in
        ) -> None:
            together.wait()
            if access.spend(code) is not None:
                let_in.append(code)

        threads = [threading.Thread(target=press) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(let_in) == 1


@pytest.mark.parametrize(
    ("moved", "opens"),
    [(LINK_LASTS - timedelta(seconds=1), True), (LINK_LASTS, False), (-timedelta(days=2), False)],
)
def test_link_is_over_after_ten_minutes(
    access: LocalAccess, clock: Hands, moved: timedelta, opens: bool
) -> None:
    code = access.new_link(ANNE).code.reveal()
    clock.at += moved
    assert (access.spend(code) is not None) == opens


def test_code_of_a_link_is_on_no_disk(access: LocalAccess, folder: StorageFolder) -> None:
    code = access.new_link(ANNE).code.reveal()
    for path in (each for each in folder.root.rglob("*") if each.is_file()):
        assert code.encode() not in path.read_bytes()
        assert code not in path.name


def test_page_that_leads_to_a_link_goes_with_it(access: LocalAccess) -> None:
    link = access.new_link(ANNE)
    page = access.lead_to(link.code.reveal(), "http://127.0.0.1:1/open/x")
    assert "http://127.0.0.1:1/open/x" in page.read_text()
    access.spend(link.code.reveal())
    assert list(access._links.iterdir()) == []


def test_link_that_somebody_copied_to_another_name_opens_nothing(access: LocalAccess) -> None:
    first, second = access.new_link(OPS).code.reveal(), access.new_link(ANNE).code.reveal()
    access._link_file(second).write_bytes(access._link_file(first).read_bytes())
    assert access.opens(second) is None


@pytest.mark.parametrize("code", ["../key", "..", "/etc/passwd", "a/b", "x\x00y", "é" * 4096])
def test_code_leads_to_no_other_file(access: LocalAccess, code: str) -> None:
    assert access.spend(code) is None
    assert access._key() is not None


def test_old_links_are_swept_when_a_new_one_is_made(access: LocalAccess) -> None:
    access.new_link(ANNE)
    (old,) = access._links.iterdir()
    long_ago = (NOW - timedelta(days=1)).timestamp()
    os.utime(old, (long_ago, long_ago))
    access.new_link(ANNE)
    assert not old.exists()


# A new key ends everything.


def test_new_key_ends_every_token_link_and_session(
    access: LocalAccess, folder: StorageFolder, clock: Hands
) -> None:
    """A tablet is lent, and the running worker must notice what another process ordered."""
    running = LocalAccess(folder, DATABASE, now=clock.now)
    bearer, token = access.bearer().reveal(), access.token(ANNE).reveal()
    cookie, _ = access.new_session(ANNE)
    code = access.new_link(ANNE).code.reveal()
    access.revoke()
    assert running.visitor_of_token(bearer) is None
    assert running.visitor_of_token(token) is None
    assert running.session(cookie.reveal()) is None
    assert running.opens(code) is None
    assert running.visitor_of_token(access.token_file.read_text().strip()) == OPS


def test_link_of_an_old_key_opens_nothing_where_its_file_came_back(
    access: LocalAccess, folder: StorageFolder
) -> None:
    """A copy of the folder is put back by hand."""
    code = access.new_link(OPS).code.reveal()
    kept = access._link_file(code).read_bytes()
    access.revoke()
    access._write(access._link_file(code), kept)
    assert access.opens(code) is None


def test_start_keeps_key_and_token(access: LocalAccess) -> None:
    token, (cookie, _) = access.bearer().reveal(), access.new_session(ANNE)
    assert access.make() is False
    assert access.bearer().reveal() == token
    assert access.session(cookie.reveal()) is not None


# Files of this user alone.


@posix
def test_files_are_private_under_any_umask(wide_umask: None, folder: StorageFolder, clock: Hands) -> None:
    access = LocalAccess(folder, DATABASE, now=clock.now)
    access.make()
    access.new_link(ANNE)
    access.lead_to(access.new_link(ANNE).code.reveal(), "http://127.0.0.1/")
    access.end_session(access.new_session(ANNE)[1])
    access.announce(Address("http://127.0.0.1:1", 1))
    for path in folder.root.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path


@posix
@pytest.mark.parametrize("name", ["key", "token"])
@pytest.mark.parametrize("wrong", [0o644, 0o640, 0o622])
def test_secret_that_others_could_read_or_write_is_made_anew(
    access: LocalAccess, folder: StorageFolder, name: str, wrong: int
) -> None:
    bearer = access.bearer().reveal()
    web(folder, name).chmod(wrong)
    assert access.make() is True
    assert access.visitor_of_token(bearer) is None
    assert mode(web(folder, name)) == 0o600
    assert access.visitor_of_token(access.token_file.read_text().strip()) == OPS


@posix
def test_key_that_others_can_read_lets_nobody_in_until_it_is_made_anew(
    access: LocalAccess, folder: StorageFolder
) -> None:
    bearer, (cookie, _) = access.bearer().reveal(), access.new_session(OPS)
    web(folder, "key").chmod(0o644)
    assert access.visitor_of_token(bearer) is None
    assert access.session(cookie.reveal()) is None


@posix
def test_secret_of_another_user_is_not_trusted(
    access: LocalAccess, folder: StorageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files.os, "geteuid", lambda: os.getuid() + 1)
    assert access.visitor_of_token(web(folder, "token").read_text().strip()) is None
    with pytest.raises(StorageForbidden, match="another user"):
        access.make()


def test_token_that_somebody_else_put_there_opens_nothing_and_is_replaced(access: LocalAccess) -> None:
    planted = "ab" * 32
    access._write(access.token_file, planted.encode())
    assert access.visitor_of_token(planted) is None
    assert access.make() is False
    assert access.token_file.read_text().strip() == access.bearer().reveal() != planted


@posix
@pytest.mark.parametrize("name", ["key", "token"])
def test_link_in_the_place_of_a_secret_is_not_followed(
    access: LocalAccess, folder: StorageFolder, tmp_path: Path, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("ab" * 32)
    elsewhere.chmod(0o600)
    web(folder, name).unlink()
    web(folder, name).symlink_to(elsewhere)
    assert access.make() is True
    assert elsewhere.read_text() == "ab" * 32
    assert not web(folder, name).is_symlink()


@posix
@pytest.mark.parametrize("name", ["", "links", "ended"])
def test_folder_that_is_a_link_is_refused_with_words(
    folder: StorageFolder, tmp_path: Path, clock: Hands, name: str
) -> None:
    folder.make()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    if name:
        web(folder).mkdir(mode=0o700)
    web(folder, name).symlink_to(elsewhere)
    with pytest.raises(StorageObstructed, match="is a link") as refused:
        LocalAccess(folder, DATABASE, now=clock.now).make()
    assert refused.value.next_command
    assert list(elsewhere.iterdir()) == []
    assert mode(elsewhere) == 0o755


def test_file_in_the_place_of_the_folder_is_told(folder: StorageFolder, clock: Hands) -> None:
    folder.make()
    web(folder).write_text("")
    with pytest.raises(StorageProblem, match="something else stands in its place"):
        LocalAccess(folder, DATABASE, now=clock.now).make()


@posix
def test_folder_that_others_may_enter_is_closed(access: LocalAccess, folder: StorageFolder) -> None:
    web(folder).chmod(0o777)
    access.make()
    assert mode(web(folder)) == 0o700


@posix
def test_pipe_in_the_place_of_the_key_makes_nobody_wait(access: LocalAccess, folder: StorageFolder) -> None:
    web(folder, "key").unlink()
    os.mkfifo(web(folder, "key"), 0o600)
    assert access.visitor_of_token("x") is None
    with pytest.raises(StorageObstructed):
        access.make()


@pytest.mark.parametrize("content", [b"", b"\n", b"short"])
def test_key_that_was_cut_off_is_made_anew(
    access: LocalAccess, folder: StorageFolder, content: bytes
) -> None:
    access._write(web(folder, "key"), content)
    assert access.visitor_of_token(access.token_file.read_text().strip()) is None
    access.make()
    assert len(web(folder, "key").read_bytes().strip()) == 64
    assert access.visitor_of_token(access.token_file.read_text().strip()) == OPS


# The address.


def test_address_is_the_last_one_announced(access: LocalAccess) -> None:
    assert access.address() is None
    access.announce(Address("http://127.0.0.1:8642", 7))
    assert access.address() == Address("http://127.0.0.1:8642", 7)
    access.withdraw(8)
    assert access.address() is not None, "another process withdraws only its own"
    access.withdraw(7)
    assert access.address() is None


@pytest.mark.parametrize(
    "written", [b"", b"[]", b"{}", b"null", b'{"url": "x"}', b'{"url": "x", "pid": "y"}', b"\xff"]
)
def test_address_that_cannot_be_read_is_none(
    access: LocalAccess, folder: StorageFolder, written: bytes
) -> None:
    access._write(web(folder, "address"), written)
    assert access.address() is None


# Nothing shows what it holds.


def test_no_repr_shows_a_code_token_or_cookie(access: LocalAccess) -> None:
    link, token = access.new_link(ANNE), access.token(ANNE)
    cookie, session = access.new_session(ANNE)
    shown = " ".join(f"{each!r} {each!s}" for each in (link, token, cookie, session, access, access.bearer()))
    for secret in (link.code, token, cookie, access.bearer()):
        assert secret.reveal() not in shown
