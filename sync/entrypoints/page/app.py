"""The page: server-rendered, complete without JavaScript, better with it. One file of routes a group of screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES: Final = Path(__file__).with_name("templates")


def add_page(app: FastAPI) -> None:
    """Serve the page too."""
    app.state.templates = environment()


def environment() -> Environment:
    """Templates that escape whatever is put into them, and fail on a name that is not there."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(app: FastAPI, template: str, **values: Any) -> str:
    """One page as text."""
    templates: Environment = app.state.templates
    return templates.get_template(template).render(values)
