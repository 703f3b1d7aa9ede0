"""The model's refusals in our words: which setting, where it is written, what it must be, what to do."""

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.checks import INSECURE, is_insecure
from config.layers import Fields, Layers
from config.problems import ConfigProblem, problem
from config.sources import variable

_WORDS = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "is_instance_of": "must be text",
    "tuple_type": "must be a list of texts",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def told(details: Iterable[ErrorDetails], layers: Layers, fields: Fields) -> list[ConfigProblem]:
    """One problem for each setting that the model refused."""
    found: dict[str, ConfigProblem] = {}
    for detail in details:
        kind = detail["type"]
        # The one check of the whole has no place of its own.
        key = ".".join(str(part) for part in detail["loc"][:2]) or "api.base_url"
        if kind in _WORDS:
            code, what = "wrong_type", _WORDS[kind]
        elif kind in _BOUNDS:
            name, words = _BOUNDS[kind]
            code, what = "out_of_range", f"must be {words} {detail.get('ctx', {}).get(name)}"
        elif kind == "literal_error":
            code, what = "not_allowed", f"must be one of {', '.join(_choices(fields[key]))}"
        else:  # ours: code and words were chosen in model.py
            code, what = kind, detail["msg"]
        found.setdefault(key, _at(key, code, what, layers))
    # pydantic looks at the whole only when every part is right; a person wants to hear it now.
    if details and "api.base_url" not in found and _insecure(layers):
        found["api.base_url"] = _at("api.base_url", "insecure_base_url", INSECURE, layers)
    return list(found.values())


def _at(key: str, code: str, what: str, layers: Layers) -> ConfigProblem:
    source = layers.origins.get(key, "default")
    if source.startswith("environment"):
        fix = "Change or unset that variable."
    elif source.startswith("file"):
        fix = "Change it there."
    else:
        fix = f"Set {variable(key)}."
    return problem(key, code, what, source=source, fix=fix)


def _insecure(layers: Layers) -> bool:
    def written(section: str, key: str) -> Any:
        return next((tree[section][key] for tree in layers.trees if key in tree.get(section, {})), None)

    return (
        is_insecure(written("api", "base_url")) and written("upload", "allow_insecure_loopback") is not True
    )


def _choices(found: FieldInfo) -> tuple[str, ...]:
    return get_args(found.annotation) if get_origin(found.annotation) is Literal else ()
