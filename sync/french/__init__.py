"""What this program says to people, in French: one file a group of texts, from the English template to the French one.

In the templates `{}` is a value; `sync/phrasebook.py` says how they are matched and where it sets spaces that do not
break, so that plain spaces are written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATES: Final[Mapping[str, str]] = {
    "pending": "en attente",
    "sending": "en cours d'envoi",
    "in_doubt": "incertaine",
    "accepted": "reçue par le serveur",
    "done": "livrée",
    "parked": "retenue",
    "dead": "refusée",
    "discarded": "abandonnée",
}


def phrases() -> Mapping[str, str]:
    """Every template with its translation."""
    from sync.french import (
        batch,
        clicks,
        delivering,
        explaining,
        files,
        joined,
        looking,
        outcomes,
        refusals,
        repairing,
        settings,
        storage,
        trials,
        tries,
    )

    return {
        **{f" is {state}": f" : {word}" for state, word in STATES.items()},
        **clicks.CLICKS,
        **joined.LABELS,
        **joined.LIMITS,
        **joined.COUNTS,
        **joined.HEADLINES,
        **explaining.EXPLANATIONS,
        **outcomes.OUTCOMES,
        **looking.LOOKING,
        **delivering.DELIVERING,
        **repairing.REPAIRING,
        **refusals.REFUSALS,
        **batch.BATCH,
        **storage.STORAGE,
        **files.FILES,
        **settings.SETTINGS,
        **trials.TRIALS,
        **tries.TRIES,
    }
