"""Templates into text: escaped whatever is put into them, and failing on a name that is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sync.entrypoints.page.assets import Assets

_TEMPLATES: Final = Path(__file__).with_name("templates")


def environment(assets: Assets) -> Environment:
    """Templates that escape whatever is put into them, and fail on a name that is not there."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = assets.address
    return made


def rendered(app: FastAPI, template: str, **values: Any) -> str:
    """One page as text."""
    templates: Environment = app.state.templates
    return templates.get_template(template).render(values)
