"""What one kind of remote call is: its facts, without doing anything and without loading its payload model.

Delivery asks for path and success status, capture for the model, the command line for the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sync.matching import Traits
    from sync.operations.fields import Payload


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of call the outbox can hold.

    `path` is a template below the API's base URL; `{id}` in it stands for the target's server id.
    `repeatable` is the promise that sending it twice does no harm.
    `start_field` names the instant that is set to the moment of capture when the input leaves it out.
    """

    kind: str
    summary: str
    method: str
    path: str
    success_status: int
    creates: bool
    repeatable: bool
    has_signature: bool
    needs_target: bool
    start_field: str | None
    # A function: the model loads pydantic, and a person asking for status must not wait for that.
    payload_model: Callable[[], type[Payload]]
    # By what a stored payload is recognised in the server's list; None: it cannot be.
    traits: Callable[[Mapping[str, Any]], Traits | None]
