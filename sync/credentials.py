"""Which tokens serve whom: where they come from, when they end, and never those of somebody else.

A pair is configured (environment values or files) or was signed in on this device (`auth set`, kept in a private
folder). JWT payloads are read for owner and expiry only; checking them is the server's part. Standard library
only, because `fieldsync status` asks too. What was signed in is never in the database.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final, Literal, NamedTuple

from sync.secret import Secret
from sync.token_claims import ends_at, user_of
from sync.token_files import read_text, sync_folder, token_fault, token_in, write_private

FOLDER_NAME: Final = "tokens"  # inside the storage folder

_LONGEST_OWNER_BYTES = 100  # hex of it is a file name, and those end at 255


class TokensRefused(ValueError):
    """These cannot be stored as tokens of this owner; the message says why and never quotes them."""


class TokenSource(NamedTuple):
    """Where one configured token is: as a value, or in a file that may change while we run. The value wins."""

    value: Secret | None = None
    file: Path | None = None


class Tokens(NamedTuple):
    """One pair, ready to be sent. `owner` is whose it is, None where nothing says so; `expires_at` is the
    earlier end of the two, None where neither tells (opaque tokens)."""

    bearer: Secret
    session: Secret
    owner: str | None = None
    expires_at: datetime | None = None

    def fingerprint(self) -> str:
        """Tells this pair from another without holding either."""
        import hashlib

        both = f"{self.bearer.reveal()}\n{self.session.reveal()}"
        return hashlib.sha256(both.encode()).hexdigest()[:12]


class AuthStatus(NamedTuple):
    """How one owner's tokens stand; `owner` None is this device's own pair."""

    owner: str | None
    state: Literal["ok", "expired", "missing"]
    expires_at: datetime | None


class _Candidate(NamedTuple):
    tokens: Tokens
    user: str | None  # the user id inside the tokens, which may differ from the name they were stored under
    written_ns: int = 0  # when the newer of its files was written; 0 for values, which nobody wrote lately

    def serves(self, owner: str | None) -> bool:
        return owner is None or owner in {self.tokens.owner, self.user}


def is_owner(name: str) -> bool:
    """Whether tokens can be stored under this name: what cannot be signed in must not own an entry either."""
    # A lone surrogate is not printable, so what is printable can be encoded.
    return bool(name.strip()) and name.isprintable() and len(name.encode()) <= _LONGEST_OWNER_BYTES


class Credentials:
    """The tokens this device has now. Safe to share between threads; files are read again when they changed."""

    def __init__(
        self,
        *,
        bearer: TokenSource,
        session: TokenSource,
        folder: Path,
        default_owner: str | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._bearer = bearer
        self._session = session
        self._folder = folder
        self._default_owner = default_owner
        self._lock = Lock()
        self._read: dict[Path, tuple[tuple[int, int, int], str | None]] = {}

    def for_owner(self, owner: str | None) -> Tokens | None:
        """The pair to send this owner's entries with, or None. It may have expired: see `expires_at`.

        The device's own pair serves entries without owner and those of the user it belongs to; a pair that was
        stored under a name serves that name. Where several serve, see `_better`.
        """
        best = self._best(owner)
        return best.tokens if best else None

    def _best(self, owner: str | None) -> _Candidate | None:
        candidates = [] if owner is None else list(self._stored(owner))
        candidates += [found for found in self._defaults() if found.serves(owner)]
        return self._chosen(candidates)

    def status(self, now: datetime) -> list[AuthStatus]:
        """One line for the device's own pair and one for each stored name, in that order.

        A missing own pair is left out where names are stored: a shared device does not need one.
        """
        named = [_status(found.tokens, now) for found in self._all_named()]
        named.sort(key=lambda line: line.owner or "")
        if default := self._chosen(list(self._defaults())):
            return [_status(default.tokens, now), *named]
        return named or [AuthStatus(self._default_owner, "missing", None)]

    def store(self, owner: str | None, bearer: Secret, session: Secret) -> None:
        """Keep a pair for `owner` (None: this device's own), durably and readable by this user only.

        Raises:
            TokensRefused: what was given cannot be sent as a header, mixes two users, or the name is unusable.
            OSError: the folder cannot be written (disk full, read-only); what was stored before is untouched.
        """
        path = self._path(owner)
        for what, secret in (("bearer token", bearer), ("session token", session)):
            if fault := token_fault(secret.reveal()):
                raise TokensRefused(f"The {what} {fault}.")
        users = {user for user in (user_of(bearer), user_of(session)) if user}
        if len(users) > 1:
            raise TokensRefused(
                "The two tokens belong to different users. Sign in again and give both of one answer."
            )
        document = {"owner": owner, "bearer": bearer.reveal(), "session": session.reveal()}
        with self._lock:
            write_private(path, json.dumps(document).encode())

    def renew(self, owner: str | None, bearer: Secret, session: Secret) -> None:
        """Keep a fresh pair for whoever needs it to send `owner`'s entries, in the place of the one it replaces.

        That is the device's own pair where that serves this owner, else the pair of this name.

        Raises:
            TokensRefused: as `store`, or they belong to another user than those they replace.
            OSError: as `store`.
        """
        stale = self._best(owner)
        users = {user for user in (user_of(bearer), user_of(session)) if user}
        if stale is not None and stale.user and users and stale.user not in users:
            raise TokensRefused("The new tokens belong to another user than those they replace.")
        own = owner is not None and any(found.serves(owner) for found in self._defaults())
        named = owner is not None and any(True for _ in self._stored(owner))
        self.store(None if owner is None or (own and not named) else owner, bearer, session)

    def clear(self, owner: str | None) -> bool:
        """Forget what was stored for `owner`; False where there was nothing. Configured tokens stay."""
        path = self._path(owner)
        with self._lock:
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            sync_folder(path.parent)
        return True

    def _chosen(self, candidates: list[_Candidate]) -> _Candidate | None:
        return _choose(candidates, self._now())

    def _path(self, owner: str | None) -> Path:
        if owner is None:
            return self._folder / "default.json"
        if not is_owner(owner):
            raise TokensRefused(f"An owner is 1 to {_LONGEST_OWNER_BYTES} bytes of printable text.")
        # Hex, because a name may hold what a file system does not take, or differ only in case.
        return self._folder / f"owner-{owner.encode().hex()}.json"

    def _defaults(self) -> Iterator[_Candidate]:
        bearer, session = self._configured(self._bearer), self._configured(self._session)
        if bearer and session:
            written_ns = max(self._written_ns(self._bearer.file), self._written_ns(self._session.file))
            yield _candidate(bearer, session, self._default_owner, written_ns)
        yield from self._stored(None)

    def _configured(self, source: TokenSource) -> Secret | None:
        if source.value:
            return source.value if token_fault(source.value.reveal()) is None else None
        return token_in(self._text(source.file)) if source.file else None

    def _stored(self, owner: str | None) -> Iterator[_Candidate]:
        try:
            path = self._path(owner)
        except TokensRefused:  # no pair can have been stored under it
            return
        found = _parsed(self._text(path))
        if found and found[0] == owner:
            name = self._default_owner if owner is None else owner
            yield _candidate(found[1], found[2], name, self._written_ns(path))

    def _all_named(self) -> Iterator[_Candidate]:
        try:
            paths = list(self._folder.glob("owner-*.json"))
        except OSError:
            return
        for path in paths:
            found = _parsed(self._text(path))
            if found and found[0] is not None:
                yield from self._stored(found[0])

    def _written_ns(self, path: Path | None) -> int:
        """When a file that was read here was last written; 0 where there is none."""
        with self._lock:
            return self._read[path][0][0] if path in self._read else 0

    def _text(self, path: Path) -> str | None:
        """What is in a file, read again only when it is another one; None where it cannot be read."""
        with self._lock:
            try:
                stat = path.stat()
                seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                if path not in self._read or self._read[path][0] != seen:
                    self._read[path] = (seen, read_text(path))
            except OSError:
                self._read.pop(path, None)
                return None
            return self._read[path][1]


def _parsed(text: str | None) -> tuple[str | None, Secret, Secret] | None:
    """Owner, bearer and session of a stored pair; None where it is missing or damaged."""
    try:
        document = json.loads(text or "")
        owner, bearer, session = (
            document["owner"],
            token_in(document["bearer"]),
            token_in(document["session"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if bearer is None or session is None or not isinstance(owner, str | None):
        return None
    return owner, bearer, session


def _candidate(bearer: Secret, session: Secret, owner: str | None, written_ns: int) -> _Candidate:
    user = user_of(session) or user_of(bearer)
    ends = [at for at in (ends_at(bearer), ends_at(session)) if at]
    return _Candidate(Tokens(bearer, session, owner or user, min(ends, default=None)), user, written_ns)


def _choose(candidates: list[_Candidate], now: datetime) -> _Candidate | None:
    if not candidates:
        return None
    best, *others = candidates
    for found in others:
        if _better(found, best, now):
            best = found
    return best


def _better(new: _Candidate, old: _Candidate, now: datetime) -> bool:
    """Whether one pair is used rather than another: not one that has ended, else the one that ends last; where one
    does not tell its end, the one that was written last, so that a sign-in wins over a setting.

    Whether a pair has ended is judged by this device's clock: good enough to choose by, and no more than that.
    """
    new_ends, old_ends = new.tokens.expires_at, old.tokens.expires_at
    new_over, old_over = new_ends is not None and new_ends <= now, old_ends is not None and old_ends <= now
    if new_ends and old_ends:
        return new_ends > old_ends
    if new_over != old_over:
        return old_over
    return new.written_ns > old.written_ns


def _status(tokens: Tokens, now: datetime) -> AuthStatus:
    expired = tokens.expires_at is not None and tokens.expires_at <= now
    return AuthStatus(tokens.owner, "expired" if expired else "ok", tokens.expires_at)
