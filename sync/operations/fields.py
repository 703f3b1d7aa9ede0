"""The field types that the API's request bodies are made of, as pydantic checks them.

Strict everywhere: what the API prints as an integer is neither true nor 1.0 nor "1". Loads pydantic, so it is
imported only when a payload is checked. What a person reads about a failure is written in `sync.payload`.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from sync.errors import shown
from sync.instants import is_instant
from sync.references import REFERENCE_KEY, is_reference
from sync.utf16 import lone_surrogate, utf16_units

MAX_SAFE_INT = 2**53 - 1  # Source: "Required range" on every page; what a JavaScript number holds exactly


class Payload(BaseModel):
    """Base of request bodies and of the objects in them: the API's camelCase names, nothing unknown."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


def optional() -> Any:
    """A field that may be left out. Unlike `X | None` it may not be null: no page calls a field nullable."""
    return Field(default=None)


def _checked_instant(text: str) -> str:
    if not is_instant(text):
        raise PydanticCustomError(
            "bad_instant",
            "must be a real UTC moment with a final Z, and is {given}. Write it like 2024-12-01T12:34:56Z.",
            {"given": shown(text)},
        )
    return text


def _text(max_units: int | None, *, min_units: int = 0) -> AfterValidator:
    def checked(text: str) -> str:
        if broken := lone_surrogate(text):
            raise PydanticCustomError(
                "lone_surrogate",
                "holds half a character ({broken}), which cannot be sent. Type the text again.",
                {"broken": broken},
            )
        units = utf16_units(text)
        if units < min_units:
            raise PydanticCustomError("empty", "is empty. Give it a value or leave it out.")
        if max_units is not None and units > max_units:
            raise PydanticCustomError(
                "too_long",
                "is {units} characters long (UTF-16 units), and {max_units} are allowed. Take off {over}.",
                {"units": units, "max_units": max_units, "over": units - max_units},
            )
        return text

    return AfterValidator(checked)


SafeId = Annotated[int, Field(ge=-MAX_SAFE_INT, le=MAX_SAFE_INT)]
ByteCount = Annotated[int, Field(ge=0, le=MAX_SAFE_INT)]
IdList = Annotated[list[SafeId], Field(min_length=1)]
Instant = Annotated[str, AfterValidator(_checked_instant)]
ShortText = Annotated[str, _text(250)]
LongText = Annotated[str, _text(2500)]
NonEmptyText = Annotated[str, _text(None, min_units=1)]
Text = Annotated[str, _text(None)]
Flag = bool


def _one_of(*allowed: int) -> AfterValidator:
    def checked(number: int) -> int:
        if number not in allowed:
            listed = ", ".join(map(str, allowed))
            raise PydanticCustomError(
                "not_allowed",
                "is {given}, and must be one of {allowed}. Correct the number.",
                {"given": shown(str(number)), "allowed": listed},
            )
        return number

    return AfterValidator(checked)


CreationStatus = Annotated[int, _one_of(0, 1, 2)]  # to be scheduled, scheduled, done
Decision = Annotated[int, _one_of(1, 2)]  # accept, reject


def _intervention_id(value: Any) -> Any:
    if is_reference(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_SAFE_INT:
        return value
    raise PydanticCustomError(
        "not_an_intervention",
        "must be the server id of an intervention, or {example} for one that is not created yet.",
        {"example": f'{{"{REFERENCE_KEY}": "ENTRY"}}'},
    )


# None of the five bodies has one; where a body does, an entry may stand for the intervention that it will make.
InterventionId = Annotated[Any, PlainValidator(_intervention_id)]


class SignatureFile(Payload):
    """What a body says about the signature image.

    All of it can be left out of the input, because it is derived from the image; the body sent has all three.
    """

    name: NonEmptyText = optional()
    mime_type: NonEmptyText = optional()
    size: ByteCount = optional()
