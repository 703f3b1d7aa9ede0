"""Secrets that are easy to find again: planted where real ones are, looked for wherever anything is written."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path


def _jwt(mark: str, **claims: object) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"userId": "77", **claims, "note": mark}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, f"sig{mark}"])


BEARER = "canarybearer0a1b2c3d4e5f60718293"  # opaque: nothing in its form says that it is a token
SESSION = _jwt("canarysession9f8e7d", exp=4_000_000_000)


@dataclass
class Canaries:
    """The secrets that were planted so far; parts of them count as well."""

    secrets: list[str] = field(default_factory=lambda: [BEARER, *SESSION.split(".")[1:]])

    def add_url(self, target: str) -> None:
        """Every value of a presigned URL's query that is secret by itself: signature, credential, session."""
        for pair in target.partition("?")[2].split("&"):
            name, _, value = pair.partition("=")
            if name.lower() in {"x-amz-signature", "signature", "x-amz-credential", "x-amz-security-token"}:
                self.secrets.append(value)

    def found_in(self, content: str | bytes) -> list[str]:
        """The secrets that `content` gives away, also cut ones of which half is there."""
        raw = content.encode() if isinstance(content, str) else content
        return [each for each in self.secrets if each[: max(16, len(each) // 2)].encode() in raw]

    def found_below(self, folder: Path, *, left_out: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
        """The same for every file in a folder, except those of these names."""
        return [
            (path.name, secret)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in left_out
            for secret in self.found_in(path.read_bytes())
        ]
