"""What one kind of remote call is: its facts, without doing anything and without loading its payload model.

Delivery asks for path and success status, capture for the model, the command line for the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sync.matching import Traits
    from sync.operations.fields import Payload


class Subject(StrEnum):
    """What an intervention is about; each kind of change is for some of these only."""

    PREVENTIVE = "preventive"
    CURATIVE = "curative"
    TRAINING = "training"


ANY_SUBJECT: Final = frozenset(Subject)


def as_it_is(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload itself: nothing in it does harm when it comes twice."""
    return dict(payload)


def no_traits(payload: Mapping[str, Any]) -> None:
    """It cannot be recognised in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of call the outbox can hold.

    `path` is a template below the API's base URL; `{id}` in it stands for the target's server id.
    `makes` is what kind of intervention it creates; `changes` are the kinds that its target may be of, empty where it
    has no target. `start_field` names the instant that tells entries of this kind apart; with `start_is_ours` it is the
    moment of capture where the input leaves it out, and unique on this device.
    `quiet` is the same request without what must not happen twice: mails and notices. `mirrored` says under which
    names a read by id shows what a field of the body sets. `listed` says which fields hold ids that the reference list
    may name, and of which type: company, site or rule.
    """

    kind: str
    summary: str
    method: str
    path: str
    success_status: int
    # A function: the model loads pydantic, and a person asking for status must not wait for that.
    payload_model: Callable[[], type[Payload]]
    makes: Subject | None = None
    changes: frozenset[Subject] = frozenset()
    has_signature: bool = False
    start_field: str | None = None
    start_is_ours: bool = False
    # By what a stored payload is recognised in the server's list; None: it cannot be.
    traits: Callable[[Mapping[str, Any]], Traits | None] = no_traits
    quiet: Callable[[Mapping[str, Any]], dict[str, Any]] = as_it_is
    mirrored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    listed: Mapping[str, str] = field(default_factory=dict)

    @property
    def creates(self) -> bool:
        """Whether each request that arrives makes an intervention."""
        return self.makes is not None

    @property
    def needs_target(self) -> bool:
        """Whether it changes an intervention that its path names."""
        return bool(self.changes)

    def repeatable(self, payload: Mapping[str, Any]) -> bool:
        """The promise that sending this payload twice does no harm."""
        return not self.creates and self.quiet(payload) == payload
