"""What is said at the door, in French; the same keys as `door_english.py`."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, str]] = {
    "door.open.heading": "Ouvrir la page ?",
    "door.open.technician": "Vous enregistrez des interventions et voyez celles de « {owner} ».",
    "door.open.device": "Vous enregistrez des interventions et voyez celles de cet appareil.",
    "door.open.ops": "Vous voyez les interventions de tout le monde et décidez de la suite.",
    "door.open.button": "Ouvrir",
    "door.open.note": "Ce lien sert une fois. Ce navigateur reste ensuite connecté 30 jours, ou jusqu’à votre départ.",
    "door.spent.heading": "Ce lien a déjà servi",
    "door.spent.text": "Un lien ouvre la page une fois, dans les dix minutes. Rien n’est perdu : demandez-en un autre.",
    "door.stranger.heading": "Ouvrez la page par son lien",
    "door.stranger.text": "Ce navigateur n’est pas connecté, ou ne l’est plus. "
    "Ce qui a été enregistré sur cet appareil y est toujours.",
    "door.leave.heading": "Quitter cette page ?",
    "door.leave.text": "Ce navigateur sera déconnecté, pour la personne suivante. "
    "Ce qui a été enregistré sur cet appareil y reste, et partira tout seul. "
    "Ce qui est saisi et pas enregistré est perdu.",
    "door.leave.button": "Quitter",
    "door.leave.stay": "Rester",
    "door.left.heading": "À bientôt",
    "door.left.text": "Ce navigateur est déconnecté. Ce qui a été enregistré sur cet appareil y reste, "
    "et partira tout seul.",
    "door.command": "Sur cet appareil :",
}
