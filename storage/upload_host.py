"""Where does a presigned URL lead? The part of it that is no secret, by which uploads are kept apart."""

from __future__ import annotations


def upload_host(url: str | None) -> str:
    """Host, and port where one is named, in lower case; empty where there is no URL or it names no host."""
    rest = (url or "").partition("://")[2]
    for mark in "/?#":
        rest = rest.partition(mark)[0]
    return rest.rpartition("@")[2].lower()
