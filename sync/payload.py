"""From the bytes a person gives to the bytes the API gets: check everything, change nothing.

`check` finds every problem against the operation's payload model and the signature image, in words a
technician can act on; `complete` adds what we derive; `to_body` writes it. `sync.json_input` reads the JSON.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from sync.errors import IMAGE_PATH, Problem, json_path, shown
from sync.image import SignatureImage
from sync.instants import instant_text, to_millisecond
from sync.json_input import MAX_JSON_BYTES, read_json
from sync.operations.operation import Operation
from sync.references import REFERENCE_KEY
from sync.signature_name import is_safe_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from sync.operations.fields import Payload

__all__ = ["MAX_JSON_BYTES", "check", "complete", "oddities", "read_json", "to_body"]

_WANTED = {
    "int_type": "an integer",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "model_type": "an object",
}
_SENTENCES = {
    "missing": ("missing", "is missing, and the API requires it. Add it."),
    "greater_than_equal": ("out_of_range", "is too small; the least allowed is {ge}. Correct the number."),
    "less_than_equal": ("out_of_range", "is too large; the most allowed is {le}. Correct the number."),
    "too_short": ("too_few_items", "is an empty list, and needs at least one item. Add one."),
    "string_unicode": (
        "lone_surrogate",
        "holds half a character, which cannot be sent. Type the text again.",
    ),
}

# The pages have two words for some things, and each call knows one of them. Source: interventions-api.md section 1.
_SAME_THING = (
    frozenset({"assignedUserId", "assignedProfileId"}),
    frozenset({"actionComment", "providerActionComment"}),
)
# Ids of other things than the ones that are wanted: renaming the field would send the wrong numbers.
_OTHER_THING = {
    "siteRuleIds": (
        frozenset({"siteId", "siteIds", "ruleId", "ruleIds"}),
        "the ids of pairs of a site and a rule, which are numbers of their own",
    ),
}


def check(
    operation: Operation,
    data: Mapping[str, Any],
    image: SignatureImage | None = None,
    *,
    image_problems: Sequence[Problem] = (),
) -> list[Problem]:
    """All that keeps `data` and `image` from being sent as they are; empty when nothing does.

    `data` is what `read_json` answers. `image_problems` are those of an image that was refused: they are
    included, and the image is then not called missing as well.
    """
    from pydantic import ValidationError

    model = operation.payload_model()
    problems: list[Problem] = []
    try:
        model.model_validate(data)
    except ValidationError as error:
        problems += (_problem(model, detail) for detail in error.errors(include_url=False))
    if operation.has_signature and image is not None:
        wrong_already = {problem.path for problem in problems}
        problems += (each for each in _disagreements(data, image) if each.path not in wrong_already)
    problems += image_problems
    if operation.has_signature and image is None and not image_problems:
        what_to_do = "Add --signature with a JPEG or PNG file."
        problems.append(
            Problem(IMAGE_PATH, "signature_missing", f"The signature image is missing. {what_to_do}")
        )
    if image is not None and not operation.has_signature:
        what_to_do = f"{operation.kind} sends no image. Leave --signature out."
        problems.append(Problem(IMAGE_PATH, "signature_not_wanted", what_to_do))
    return problems


def oddities(data: Mapping[str, Any]) -> list[Problem]:
    """What is probably a slip in checked `data`, though the API's pages do not rule it out."""
    times = [data.get(name) for name in ("scheduledStart", "scheduledEnd")]
    start, end = (to_millisecond(at) if isinstance(at, str) else None for at in times)
    if start is None or end is None or start < end:
        return []
    return [Problem("$.scheduledEnd", "ends_before_start", "scheduledEnd is not after scheduledStart.")]


def complete(
    operation: Operation,
    data: Mapping[str, Any],
    *,
    image: SignatureImage | None = None,
    started_at: datetime | None = None,
) -> tuple[dict[str, Any], SignatureImage | None]:
    """The checked `data` with what we derive, keys ordered as on the API's page; and the image so named.

    `signature` describes the image, under the given name where that is safe. The operation's start field
    becomes `started_at` (to the millisecond) only where it is missing. Other values are passed on untouched.
    """
    payload = dict(data)
    if image is not None:
        given = (data.get("signature") or {}).get("name")
        if isinstance(given, str) and is_safe_name(given):
            image = replace(image, name=given)
        payload["signature"] = {"name": image.name, "mimeType": image.mime_type, "size": image.size_bytes}
    if (
        operation.start_is_ours
        and operation.start_field
        and started_at
        and operation.start_field not in payload
    ):
        payload[operation.start_field] = instant_text(started_at)
    return _in_page_order(operation.payload_model(), payload), image


def to_body(payload: Mapping[str, Any]) -> bytes:
    """`payload` as the bytes to send: compact UTF-8 JSON, keys in their given order, every value as it is."""
    return json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _in_page_order(model: "type[Payload]", payload: Mapping[str, Any]) -> dict[str, Any]:
    ordered: dict[str, Any] = {}
    for key, nested in _keys(model).items():
        if key in payload:
            ordered[key] = _in_page_order(nested, payload[key]) if nested else payload[key]
    return ordered


@cache
def _keys(model: "type[Payload]") -> dict[str, "type[Payload] | None"]:
    """The JSON keys of a model in its order, each with the model of the object behind it, if it is one."""
    from sync.operations.fields import Payload

    keys: dict[str, type[Payload] | None] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        keys[field.alias or name] = kind if isinstance(kind, type) and issubclass(kind, Payload) else None
    return keys


def _disagreements(data: Mapping[str, Any], image: SignatureImage) -> Iterator[Problem]:
    given = data.get("signature")
    if not isinstance(given, Mapping):
        return
    for key, unit, real in (("mimeType", "", image.mime_type), ("size", " bytes", image.size_bytes)):
        if key in given and given[key] != real:
            yield Problem(
                json_path(("signature", key)),
                "signature_disagrees",
                f"signature.{key} says {_cut(given[key])}{unit}, but the image is {real}{unit}. "
                f"Correct it, or leave signature.{key} out: it is derived from the image.",
            )


def _problem(model: "type[Payload]", detail: "ErrorDetails") -> Problem:
    where = detail["loc"]
    path = json_path(where)
    code, sentence = _explained(model, detail)
    name = path.removeprefix("$").removeprefix(".") or "The input"
    return Problem(path, code, f"{name} {sentence}")


def _explained(model: "type[Payload]", detail: "ErrorDetails") -> tuple[str, str]:
    """Our code and the sentence after the field's name, for one of pydantic's errors."""
    kind, value = detail["type"], detail["input"]
    if kind in _WANTED and isinstance(value, Mapping) and REFERENCE_KEY in value:
        return "reference_not_here", "is no place for an intervention of this device. Give the API's number."
    if kind == "extra_forbidden":
        return "unknown_field", _unknown(model, detail["loc"])
    if kind in _WANTED and value is None:
        return (
            "null",
            f"is null, and must be {_WANTED[kind]}. Give it a value, or leave it out if it is optional.",
        )
    if kind in _WANTED:
        return "wrong_type", f"must be {_WANTED[kind]}, and is {_described(value)}. Correct the value."
    if kind in _SENTENCES:
        code, sentence = _SENTENCES[kind]
        return code, sentence.format_map(detail.get("ctx", {}))
    # Our own checks in `sync.operations.fields` speak for themselves.
    return kind, detail["msg"]


def _unknown(model: "type[Payload]", where: Iterable[str | int]) -> str:
    *parents, key = where
    here: type[Payload] | None = model
    for parent in parents:
        here = _keys(here).get(str(parent)) if here else None
    known = list(_keys(here)) if here else []
    for name in known:
        if any({name, key} <= words for words in _SAME_THING):
            return f"is called {name} in this call. Rename it."
        others, meaning = _OTHER_THING.get(name, (frozenset(), ""))
        if key in others:
            return f"is not a field of this call. It takes {name}: {meaning}. Give these instead."
    by_folded = {_folded(name): name for name in known}
    nearest = get_close_matches(_folded(str(key)[:60]), by_folded, n=1)
    if nearest:
        return f"is not a field the API knows. Did you mean {by_folded[nearest[0]]}?"
    return f"is not a field the API knows. Known here: {', '.join(known)}. Remove it."


def _folded(key: str) -> str:
    # site_ids, SiteIDs and site-ids are all meant as siteIds; only spelling is compared.
    return key.replace("_", "").replace("-", "").lower()


def _described(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return f"{shown(value)} (text)"
    if isinstance(value, float):
        return f"{value!r} (not an integer)"
    if isinstance(value, int):
        return _cut(value)
    return "a list" if isinstance(value, Sequence) else "an object"


def _cut(value: object) -> str:
    # Python refuses to print an integer of more than 4300 digits.
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"
    return shown(str(value))
