"""How a visitor of the local API or page is known: one key on this device, and what is made with it.

Everything stands and falls with `<storage>/web/key`: the bearer token is derived from it; tokens of programs, sessions
of browsers (cookies) and one-time links are signed with it. A new key ends them all. Whose server answers where is
`address`. What a visitor may is `visitor.py`. The key is read at each question, so that another process can replace it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from storage.errors import StorageProblem
from storage.folder import StorageFolder, from_os_error, sync_folder
from storage.locks import FileLock
from sync.private_files import NotPrivate, own_folder, private_bytes
from sync.secret import Secret
from sync.token_files import write_private
from sync.visitor import OPS, Visitor

if TYPE_CHECKING:
    from itsdangerous import URLSafeSerializer

SESSION_LASTS: Final = timedelta(days=30)
LINK_LASTS: Final = timedelta(minutes=10)
_KEY_BYTES: Final = 32
_CODE_BYTES: Final = 24
_LONGEST: Final = 4096  # characters of anything that is looked at; what we make has a few hundred
# A device's clock is set right by hours when it finds the network. What was signed further ahead than this was signed
# by a clock that was wrong by more, and would last for longer than it was meant to.
_AHEAD_AT_MOST: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that was let in. `name` tells sessions apart and opens nothing."""

    visitor: Visitor
    name: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """`code` is what stands in the address; whoever knows it first is let in, once."""

    code: Secret
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Address:
    """Where the running server is reached by a browser of this machine, and which process it is."""

    url: str
    pid: int


class LocalAccess:
    """The key of one outbox and what it opens. May be used from any thread and by several processes.

    `database_id` tells the cookies of several outboxes apart: browsers send a cookie to each port of a host.
    """

    def __init__(
        self,
        folder: StorageFolder,
        database_id: str,
        *,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._storage = folder
        self._web = folder.root / "web"
        self._links = self._web / "links"
        self._ended = self._web / "ended"
        self._now = now
        self._random_bytes = random_bytes
        self.cookie_name = f"fieldsync_{database_id[:8]}"

    @property
    def token_file(self) -> Path:
        """Holds the bearer token, which opens everything, for programs of this user."""
        return self._web / "token"

    def make(self) -> bool:
        """Key, token file and folders, where they are missing. True where others may have seen a secret of ours:
        then there is a new key, and everything that the old one opened has ended.

        Raises:
            StorageProblem: they cannot be made, or something else stands in their place.
        """
        self._own_folders()
        with self._changing():
            try:
                key = self._key()
                kept = private_bytes(self.token_file)
            except NotPrivate:
                self._renew()
                return True
            if key is None:
                self._renew()
            elif kept is None or not hmac.compare_digest(kept.strip(), _bearer(key)):
                # A token that is not of this key opens nothing; a program must not be left with it.
                self._write(self.token_file, _bearer(key) + b"\n")
            return False

    def revoke(self) -> None:
        """A new key: every token, link and session that there was ends now, in a running server too.

        Raises:
            StorageProblem: it cannot be written; then everything is as it was.
        """
        self._own_folders()
        with self._changing():
            self._renew()

    def bearer(self) -> Secret:
        """The token in the token file. Call `make` first."""
        return Secret(_bearer(self._needed_key()).decode())

    def token(self, visitor: Visitor) -> Secret:
        """A token for a program; it ends with the key alone."""
        return Secret(self._signed("token", {"visitor": visitor.to_json()}))

    def visitor_of_token(self, token: str) -> Visitor | None:
        """Whom a bearer token stands for; None where this key did not make it."""
        key = self._usable_key()
        if key is None or not 0 < len(token) <= _LONGEST:
            return None
        if hmac.compare_digest(token.encode("utf-8", "surrogatepass"), _bearer(key)):
            return OPS
        return Visitor.from_json(self._said("token", token).get("visitor"))

    def new_session(self, visitor: Visitor) -> tuple[Secret, Session]:
        """What the cookie holds, and what it stands for."""
        at = self._now().replace(microsecond=0)
        session = Session(visitor, self._name(), at + SESSION_LASTS)
        said = {"visitor": visitor.to_json(), "name": session.name, "at": int(at.timestamp())}
        # Not remembered: the memory that keeps the API's tokens out of the logs is small.
        return Secret(self._signed("session", said), remembered=False), session

    def session(self, cookie: str) -> Session | None:
        """The session that a cookie's value stands for; None where it is over, or was never ours."""
        said = self._said("session", cookie)
        visitor, name, at = Visitor.from_json(said.get("visitor")), said.get("name"), _instant(said.get("at"))
        if visitor is None or at is None or not isinstance(name, str):
            return None
        session = Session(visitor, name, at + SESSION_LASTS)
        lasts = at - _AHEAD_AT_MOST <= self._now() < session.ends_at
        return session if lasts and not self._mark(name).exists() else None

    def end_session(self, session: Session) -> None:
        """From now on its cookie opens nothing, whoever kept a copy.

        Raises:
            StorageProblem: that cannot be written down.
        """
        own_folder(self._ended)
        self._write(self._mark(session.name), str(int(session.ends_at.timestamp())).encode())
        for each in self._ended.iterdir():
            with suppress(OSError, ValueError):
                if not each.name.startswith(".") and int(each.read_bytes()) < self._now().timestamp():
                    each.unlink()

    def new_link(self, visitor: Visitor) -> Link:
        """A link for one use within ten minutes.

        Raises:
            StorageProblem: it cannot be kept.
        """
        from base64 import urlsafe_b64encode

        own_folder(self._links)
        self._forget_old_links()
        code = urlsafe_b64encode(self._random_bytes(_CODE_BYTES)).decode()
        until = self._now().replace(microsecond=0) + LINK_LASTS
        said = {"visitor": visitor.to_json(), "until": int(until.timestamp()), "code": _digest(code)}
        self._write(self._link_file(code), self._signed("link", said).encode())
        return Link(Secret(code, remembered=False), until)

    def opens(self, code: str) -> Visitor | None:
        """Whom a code would let in now; spends nothing. None where it is spent, over or unknown."""
        try:
            kept = private_bytes(self._link_file(code)) if 0 < len(code) <= _LONGEST else None
        except (NotPrivate, StorageProblem):
            return None
        said = self._said("link", (kept or b"").decode("ascii", "replace"))
        until = _instant(said.get("until"))
        if until is None or said.get("code") != _digest(code):
            return None
        left = until - self._now()
        return (
            Visitor.from_json(said.get("visitor"))
            if timedelta() < left <= LINK_LASTS + _AHEAD_AT_MOST
            else None
        )

    def spend(self, code: str) -> Visitor | None:
        """Whom the code lets in; the same code lets in nobody else, also of two that ask at once."""
        visitor = self.opens(code)
        if visitor is None:
            return None
        try:
            self._link_file(code).unlink()  # of several only one removes it
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os_error(error, self._links) from None
        self._link_file(code).with_suffix(".html").unlink(missing_ok=True)
        sync_folder(self._links)  # a power cut must not bring it back
        return visitor

    def lead_to(self, code: str, url: str) -> Path:
        """A page of this user alone that leads a browser to a link. On a command line all users could read the code."""
        page = self._link_file(code).with_suffix(".html")
        content = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={url}">'
        self._write(page, f'{content}<a href="{url}">fieldsync</a>\n'.encode())
        return page

    def announce(self, address: Address) -> None:
        """The server answers there now. Raises StorageProblem where that cannot be written."""
        self._write(self._web / "address", json.dumps({"url": address.url, "pid": address.pid}).encode())

    def withdraw(self, pid: int) -> None:
        """That process answers no longer; what another one announced stays."""
        found = self.address()
        if found is not None and found.pid == pid:
            with suppress(OSError):
                (self._web / "address").unlink(missing_ok=True)

    def address(self) -> Address | None:
        """What was announced last; the process may have died since."""
        try:
            said = json.loads(private_bytes(self._web / "address") or b"null")
            return Address(str(said["url"]), int(said["pid"]))
        except (NotPrivate, StorageProblem, ValueError, KeyError, TypeError):
            return None

    def _own_folders(self) -> None:
        self._storage.make()
        for each in (self._web, self._links, self._ended):
            own_folder(each)

    def _changing(self) -> Any:
        return FileLock(self._web / "lock").hold(10.0)

    def _renew(self) -> None:
        key = hashlib.sha256(self._random_bytes(_KEY_BYTES)).hexdigest().encode()
        # The key first: from here on nothing old opens anything, whatever is left lying about.
        self._write(self._web / "key", key + b"\n")
        self._write(self.token_file, _bearer(key) + b"\n")
        for left in (*self._links.iterdir(), *self._ended.iterdir()):
            with suppress(OSError):
                left.unlink()

    def _forget_old_links(self) -> None:
        long_ago = self._now() - LINK_LASTS
        for each in self._links.iterdir():
            with suppress(OSError):
                if datetime.fromtimestamp(each.lstat().st_mtime, UTC) < long_ago:
                    each.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_private(path, content)
        except OSError as error:
            raise from_os_error(error, path) from None

    def _key(self) -> bytes | None:
        key = (private_bytes(self._web / "key") or b"").strip()
        return key if len(key) >= _KEY_BYTES else None

    def _usable_key(self) -> bytes | None:
        """Without a key that only this user knows, nobody is let in."""
        try:
            return self._key()
        except (NotPrivate, StorageProblem):
            return None

    def _needed_key(self) -> bytes:
        key = self._usable_key()
        if key is None:
            raise RuntimeError("make() comes first")
        return key

    def _signer(self, key: bytes, purpose: str) -> URLSafeSerializer:
        from itsdangerous import URLSafeSerializer

        # A salt for each purpose: a link is no session, and a session no token.
        how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return URLSafeSerializer(key, salt=f"fieldsync {purpose}", signer_kwargs=how)

    def _signed(self, purpose: str, said: dict[str, Any]) -> str:
        return str(self._signer(self._needed_key(), purpose).dumps(said))

    def _said(self, purpose: str, signed: str) -> dict[str, Any]:
        """What was signed with this key for this purpose; empty where it was not."""
        from itsdangerous import BadData

        key = self._usable_key()
        if key is None or not 0 < len(signed) <= _LONGEST or not signed.isascii():
            return {}
        try:
            said = self._signer(key, purpose).loads(signed)
        except BadData:
            return {}
        return said if isinstance(said, dict) else {}

    def _name(self) -> str:
        return self._random_bytes(16).hex()

    def _mark(self, name: str) -> Path:
        return self._ended / _digest(name)

    def _link_file(self, code: str) -> Path:
        return self._links / _digest(code)


def _bearer(key: bytes) -> bytes:
    return hmac.new(key, b"fieldsync bearer", hashlib.sha256).hexdigest().encode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _instant(seconds: Any) -> datetime | None:
    """Of seconds since 1970."""
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
