"""What a token says of itself: whose it is and when it ends. Read, never verified: that is the server's part.

A token that is no JWT says nothing. Standard library only, because `fieldsync status` asks too.
"""

import binascii
import json
from datetime import UTC, datetime
from typing import Any

from sync.secret import Secret
from sync.token_files import LONGEST_TOKEN


def _claims(token: Secret) -> dict[str, Any]:
    """The payload of a JWT, unverified; empty for whatever is not one."""
    parts = token.reveal().split(".")
    if len(parts) != 3 or len(parts[1]) > LONGEST_TOKEN:
        return {}
    body = parts[1].replace("-", "+").replace("_", "/")
    try:
        claims = json.loads(binascii.a2b_base64(body + "=" * (-len(body) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def user_of(token: Secret) -> str | None:
    """The user id that a token names, as text."""
    user = _claims(token).get("userId")
    if isinstance(user, bool) or not isinstance(user, int | str):
        return None
    return str(user) or None


def ends_at(token: Secret) -> datetime | None:
    """When a token says that it ends. Aware UTC."""
    exp = _claims(token).get("exp")
    if isinstance(exp, bool) or not isinstance(exp, int | float):
        return None
    try:
        return datetime.fromtimestamp(exp, UTC)
    except (ValueError, OverflowError, OSError):
        return None
