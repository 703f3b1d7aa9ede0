"""Checks of single values that types alone cannot say. None quotes the value it refuses: it may be a secret."""

import json
import os
import re
import shlex
from ipaddress import ip_address
from pathlib import Path
from string import Formatter
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from sync.secret import Secret

INSECURE = "is http; that needs upload.allow_insecure_loopback"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def refused(code: str, message: str) -> PydanticCustomError:
    # Braces would be taken for placeholders.
    return PydanticCustomError(code, message.replace("{", "{{").replace("}", "}}"))


def as_secret(value: object) -> object:
    if isinstance(value, str):
        value = Secret(value.strip())
    return None if value == Secret("") else value


def as_upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def path_fault(value: str) -> str | None:
    """Why this is no path below the API's address."""
    plain = value.isascii() and value.isprintable() and not set(value) & set(" ?#\\")
    if not (plain and value.startswith("/")) or "//" in value or ".." in value.split("/"):
        return 'must be a path that begins with "/" and has no query'
    return None


def sane_path(value: object) -> object:
    if isinstance(value, str | Path) and "\0" in str(value):
        raise refused("not_a_path", "holds a character that no path has")
    return value


def pattern_fault(pattern: str, known: tuple[str, ...]) -> str | None:
    """Why this is no pattern of an object's key; `known` are the names that it may hold in braces."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError:
        return "must hold each name between one pair of braces"
    names = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
    if any(name not in known or spec or conversion for name, spec, conversion in names):
        return f"may hold {', '.join('{' + name + '}' for name in known)} and no other name in braces"
    if not {"server_id", "entry_id", "image_key"} & {name for name, _, _ in names}:
        return "must hold {server_id}, {entry_id} or {image_key}, or one signature would replace the other"
    if pattern.startswith("/") or not pattern.isprintable():
        return 'must be printable and not begin with "/"'
    return None


def as_command(value: object) -> object:
    """Program and arguments, of a list or of one line without a shell (in a variable a list is written as JSON)."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else shlex.split(value)
        except (ValueError, RecursionError):
            raise refused(
                "not_a_command", "is not a command line; a quote or bracket may be missing"
            ) from None
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise refused("wrong_type", "must be a command line or a list of texts")
    if not value:
        return ()
    words = [os.path.expanduser(value[0]), *value[1:]]
    if not words[0] or any("\0" in word for word in words):
        raise refused("not_a_command", "holds a word that no command has")
    if os.path.dirname(words[0]) and not os.path.isabs(words[0]):
        raise refused("not_a_command", "must begin with a full path or with a program's bare name")
    return tuple(words)


def is_insecure(base_url: Any) -> bool:
    return isinstance(base_url, str) and base_url.strip().lower().startswith("http:")


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


def possible_host(host: str) -> bool:
    """Whether a name could ever be looked up, or is an IP address. One that could not fails at each send."""
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        all_digits = labels[-1].isdigit()  # then it is meant as an address, and is none
        return len(host) <= 253 and not all_digits and all(_LABEL.fullmatch(each) for each in labels)
    return True


def web_name_fault(name: str) -> bool:
    """Whether this is no host of an address, such as tablet.lan, 10.0.0.4:9000 or [fd00::4]:9000."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]*]+)(?::([0-9]{1,5}))?", name)
    if found is None or not 0 < int(found[2] or "1") <= 65_535:
        return True
    host = found[1].strip("[]")
    return host.endswith(".") or not host.isascii() or not possible_host(host)


def address_fault(value: str) -> str | None:
    """Why this is no address of an API; never quotes it, because a password may be in it."""
    if not value.isascii() or not value.isprintable() or " " in value or "\\" in value:
        return "must be an address in plain ASCII without spaces"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    faults = {
        "names a host that no network has: each part between dots is 1 to 63 letters, digits or hyphens": bool(
            host
        )
        and not possible_host(host or ""),
        "must begin with https:// and a host": parts.scheme not in {"https", "http"} or not host,
        "must not hold a user name or password": "@" in parts.netloc,
        "must not hold a query or fragment": "?" in value or "#" in value,
        "must be https; http is for this machine itself only": parts.scheme == "http"
        and host not in LOOPBACK,
    }
    return next((fault for fault, holds in faults.items() if holds), None)
