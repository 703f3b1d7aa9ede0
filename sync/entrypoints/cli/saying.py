"""Where the command line speaks to people: English texts go in, the language of the locale comes out.

Documents of `--json`, data and logs do not come through here; they are English in every locale.
"""

from __future__ import annotations

import os

import click

from sync.language import language_of
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
