"""Where the command line speaks to people: English texts go in, the language of the locale comes out.

Documents of `--json`, data and logs do not come through here; they are English in every locale.
"""

from __future__ import annotations

import codecs
import os
import unicodedata

import click

from sync.language import FRENCH, language_of
from sync.translation import translate


def tongue() -> str:
    """The language of this process: `en` or `fr`."""
    return language_of(os.environ)


def said(text: str) -> str:
    """A text of ours in the language of this process."""
    return translate(text, tongue())


def say(text: str, *, err: bool = False) -> None:
    """Print a text of ours for a person."""
    click.echo(said(text), err=err)


def readable(encoding: str) -> str:
    """The error handler for a console: what it cannot write is spelt out; in French an accent is left off instead."""
    if tongue() != FRENCH:
        return "backslashreplace"
    try:
        "\u00e9\u00a0".encode(encoding)
    except UnicodeEncodeError:
        codecs.register_error("fieldsync_bare", _bare)
        return "fieldsync_bare"
    return "backslashreplace"


def _bare(error: UnicodeError) -> tuple[str, int]:
    """The letters without their accents; what is no such letter as `backslashreplace` writes it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    told = ""
    for each in error.object[error.start : error.end]:
        plain = unicodedata.normalize("NFKD", each).encode("ascii", "ignore").decode()
        quote = '"' if each in "\u00ab\u00bb" else ""
        told += plain or quote or each.encode("ascii", "backslashreplace").decode()
    return told, error.end
