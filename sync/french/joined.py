"""What the code joins from pieces that say nothing alone, whole in French: head lines of `status`, counts, labels.

A test makes each of them with the code that joins it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# One, several, none: French says "aucune" where English says "No".
HEADLINES: Final[Mapping[str, str]] = {
    "Nothing is lost.": "Rien n'est perdu.",
    "1 intervention is waiting.": "1 intervention est en attente.",
    "{#} interventions are waiting.": "{} interventions sont en attente.",
    "No interventions are waiting.": "Aucune intervention n'est en attente.",
    "1 intervention needs a person to look.": "1 intervention demande l'attention de quelqu'un.",
    "{#} interventions need a person to look.": "{} interventions demandent l'attention de quelqu'un.",
    "1 intervention was sent, and it is not clear yet whether it arrived.": (
        "1 intervention a été envoyée, et il n'est pas encore sûr qu'elle soit arrivée."
    ),
    "{#} interventions were sent, and it is not clear yet whether they arrived.": (
        "{} interventions ont été envoyées, et il n'est pas encore sûr qu'elles soient arrivées."
    ),
    "1 intervention is waiting for a sign-in.": "1 intervention attend une connexion au compte.",
    "{#} interventions are waiting for a sign-in.": "{} interventions attendent une connexion au compte.",
    "Delivery is paused.": "L'envoi est suspendu.",
    "1 intervention is waiting for the network.": "1 intervention attend le réseau.",
    "{#} interventions are waiting for the network.": "{} interventions attendent le réseau.",
    "1 intervention is waiting until the server is ready.": "1 intervention attend que le serveur soit prêt.",
    "{#} interventions are waiting until the server is ready.": (
        "{} interventions attendent que le serveur soit prêt."
    ),
    "1 intervention is waiting for the storage that keeps the signatures.": (
        "1 intervention attend le stockage qui garde les signatures."
    ),
    "{#} interventions are waiting for the storage that keeps the signatures.": (
        "{} interventions attendent le stockage qui garde les signatures."
    ),
    "1 intervention is waiting to be delivered.": "1 intervention attend d'être livrée.",
    "{#} interventions are waiting to be delivered.": "{} interventions attendent d'être livrées.",
}

# A limit of a setting.
LIMITS: Final[Mapping[str, str]] = {
    "must be at least {}": "doit être au moins {}",
    "must be at most {}": "doit être au plus {}",
    "must be less than {}": "doit être inférieur à {}",
    "must be more than {}": "doit être supérieur à {}",
}

COUNTS: Final[Mapping[str, str]] = {
    "{#} waiting": "{} en attente",
    "{#} pending": "{} en attente",
    "{#} sending": "{} en cours d'envoi",
    "1 accepted": "1 reçue par le serveur",
    "{#} accepted": "{} reçues par le serveur",
    "1 parked": "1 retenue",
    "{#} parked": "{} retenues",
    "1 dead": "1 refusée",
    "{#} dead": "{} refusées",
    "oldest {}": "la plus ancienne depuis {}",
    "{#} d": "{} j",
    "{#} B": "{} o",
    "{} ({})": "{} ({})",
    "stopped: {}": "arrêt : {}",
    "{} kB": "{:number} ko",
    "{} MB": "{:number} Mo",
    "{} GB": "{:number} Go",
}

# What stands alone in a cell.
LABELS: Final[Mapping[str, str]] = {
    ": ": " : ",
    "CAPTURED": "SAISIE LE",
    "KIND": "TYPE",
    "STATE": "ÉTAT",
    "REASON": "MOTIF",
    "OWNER": "PROPRIÉTAIRE",
    "after": "après",
    "bearer: ": "jeton au porteur : ",
    "session: ": "jeton de session : ",
    "behind": "de retard sur",
    "captured": "saisie le",
    "clock": "horloge",
    "database": "base de données",
    "delivering": "livraison",
    "default": "par défaut",
    "environment": "environnement",
    "disk": "disque",
    "done": "livrées",
    "expired": "expirée",
    "forgotten": "oubliée",
    "missing": "absente",
    "next": "ensuite",
    "note": "remarque",
    "owner": "propriétaire",
    "paused": "suspendu",
    "payload:": "contenu :",
    "reachable": "joignable",
    "reason": "motif",
    "refused": "refusée",
    "server": "serveur",
    "sign-in": "connexion",
    "target": "cible",
    "until": "jusqu'au",
    "valid": "valable",
    "waiting": "en attente",
    "what": "quoi",
    "which": "lesquelles",
    "why": "pourquoi",
    "worker": "service d'envoi",
}
