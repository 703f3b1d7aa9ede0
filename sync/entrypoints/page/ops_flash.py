"""What the last order did, as a short code in the address that the answer leads to, and as sentences. Pure.

The code holds a word of ours and numbers, never a text: who makes up an address only chooses among our sentences.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sync.commands import Resynced
from sync.entrypoints.page.wording import Wording

RESYNCED: Final = "resynced"
_PARTS: Final = ("hastened", "released", "requeued", "skipped", "perhaps_twice")
# Word -> how many numbers come with it.
_KNOWN: Final = {
    RESYNCED: len(_PARTS) + 1,
    **dict.fromkeys(
        (
            "asked", "asked_nobody", "paused", "resumed", "was_running", "nothing_chosen", "edited", "edited_on",
            "unchanged", "arrived", "not_arrived", "unsigned", "upload_url", "upload_url_over", "discarded",
            "discarded_there",
        ),
        0,
    ),
}  # fmt: skip
_CODE: Final = re.compile(r"([a-z_]{1,20})((?:\.[0-9]{1,7})*)")


class Did(NamedTuple):
    """`numbers` of a resync are those of `_PARTS`, then whether a worker runs (1)."""

    what: str
    numbers: tuple[int, ...] = ()

    @property
    def code(self) -> str:
        return ".".join((self.what, *map(str, self.numbers)))


def of_resync(done: Resynced) -> Did:
    """What a resync did."""
    counts = (done.hastened, done.released, done.requeued, len(done.skipped), len(done.taken_back))
    return Did(RESYNCED, (*counts, int(done.drain == "worker")))


def read(code: str | None) -> Did | None:
    """What the code of an address says; None where it is none of ours."""
    found = _CODE.fullmatch(code or "")
    if found is None:
        return None
    numbers = tuple(int(each) for each in found[2].split(".")[1:])
    return Did(found[1], numbers) if _KNOWN.get(found[1]) == len(numbers) else None


def told(did: Did | None, t: Wording) -> list[str]:
    """The sentences for a person; none where nothing was done."""
    if did is None:
        return []
    if did.what != RESYNCED:
        return [t(f"ops.did.{did.what}")]
    *counts, worker = did.numbers
    said = [t.counted(f"ops.did.{part}", n) for part, n in zip(_PARTS, counts, strict=True) if n]
    if not said:
        return [t("ops.did.nothing")]
    return said if worker or not any(counts[:3]) else [*said, t("ops.did.no_worker")]
