"""What `status`, `list`, `show` and every failure say, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LOOKING: Final[Mapping[str, str]] = {
    "  ... and {} more": "  ... et {} de plus",
    "fieldsync: done, but the answer could not be written; look before you repeat it": (
        "fieldsync : c'est fait, mais la réponse n'a pas pu être écrite ; regardez avant de recommencer"
    ),
    "next: {}": "ensuite : {}",
    "something unexpected went wrong ({}: {})": "un incident inattendu s'est produit ({} : {})",
    "the same command with --debug": "la même commande avec --debug",
    "there is no folder {}; make it, or name a file elsewhere": (
        "il n'y a pas de dossier {} ; créez-le, ou indiquez un fichier ailleurs"
    ),
    "--by-cause is about what needs a person; give --needs-action too": (
        "--by-cause concerne ce qui attend l'action de quelqu'un ; ajoutez --needs-action"
    ),
    "At most so many.": "Au plus ce nombre.",
    (
        "Entries in the order of their capture, oldest first. Those that need a person are told "
        "cause by cause."
    ): (
        "Les saisies dans leur ordre, la plus ancienne d'abord. Celles qui attendent l'action de "
        "quelqu'un sont données cause par cause."
    ),
    "Only this kind.": "Seulement ce type.",
    "Only this state; repeatable.": "Seulement cet état ; répétable.",
    "Only what needs a person: parked or dead.": (
        "Seulement ce qui attend l'action de quelqu'un : parked ou dead."
    ),
    "Only what was captured after this entry; for the next page.": (
        "Seulement ce qui a été saisi après cette saisie ; pour la page suivante."
    ),
    "Only what was captured since; an instant, or like 2h, 3d.": (
        "Seulement ce qui a été saisi depuis ; un instant, ou comme 2h, 3d."
    ),
    "Only: is there a worker that works? Exit code 0 or 1.": (
        "Seulement : y a-t-il un service d'envoi qui fonctionne ? Code de sortie 0 ou 1."
    ),
    "Print one JSON array.": "Afficher un tableau JSON.",
    "Print one JSON document.": "Afficher un document JSON.",
    "Say it by the exit code too, for monitors: 8, 4, 3, 5 or 0.": (
        "Le dire aussi par le code de sortie, pour la surveillance : 8, 4, 3, 5 ou 0."
    ),
    (
        "The whole story of one entry: what it waits for, what was tried, what the server said, what "
        "you can do.\n\nID is any end of the entry's id that is unique; people are shown the last 8 "
        "characters."
    ): (
        "Toute l'histoire d'une saisie : ce qu'elle attend, ce qui a été essayé, ce que le serveur a "
        "dit, ce que vous pouvez faire.\n\nID est une fin de l'identifiant de la saisie, pourvu "
        "qu'elle soit unique ; l'affichage en montre les 8 derniers caractères."
    ),
    (
        "Where everything stands: what waits and why, and what needs a person.\n\nWith --check the "
        "exit code is 8 when the database cannot be used or a setting is misspelt, 4 when a sign-in is\n"
        "needed, 3 when entries need a person, 5 when they wait for the network or the queue is paused, "
        "else 0."
    ): (
        "Où en est l'ensemble : ce qui attend et pourquoi, et ce qui demande l'action de "
        "quelqu'un.\n\nAvec --check, le code de sortie est 8 quand la base de données ne peut pas "
        "servir ou qu'un réglage est mal écrit, "
        "4 quand une connexion au compte est nécessaire, 3 quand des saisies attendent "
        "l'action de quelqu'un, 5 quand elles attendent le réseau ou que l'envoi est suspendu, sinon "
        "0."
    ),
    "With --needs-action: each cause once, also with --json; a person always gets it so.": (
        "Avec --needs-action : chaque cause une fois, aussi avec --json ; l'affichage ordinaire est "
        "toujours ainsi."
    ),
    "no entries: nothing was captured yet": "aucune saisie : rien n'a encore été saisi",
    "no entries: what was captured is delivered and removed; next: fieldsync receipts": (
        "aucune saisie : tout ce qui a été saisi est livré et retiré ; ensuite : fieldsync receipts"
    ),
    "no entry fits": "aucune saisie ne correspond",
    "nothing was ever captured here": "rien n'a jamais été saisi ici",
    "there may be more; next: fieldsync list --after-id {}": (
        "il y en a peut-être d'autres ; ensuite : fieldsync list --after-id {}"
    ),
    "  you can": "  vous pouvez",
    " (came late, not used)": " (venue trop tard, non utilisée)",
    " until {}": " jusqu'au {}",
    ", changed at {}": ", modifiée le {}",
    "; {} waiting": " ; {} en attente",
    "SERVER ID": "N° SERVEUR",
    "a person said at {} that the server has it:": "quelqu'un a dit le {} que le serveur l'a reçue :",
    "ahead of": "d'avance sur",
    "alive: worker process {} since {}": "actif : service d'envoi, processus {} depuis {}",
    "as {}": "comme {}",
    "here: {}": "ici : {}",
    "in doubt": "incertaines",
    "last success": "dernier succès",
    "needs a person": "à traiter par une personne",
    "next try": "prochain essai",
    "none is running; fieldsync run starts it, fieldsync sync delivers once": (
        "aucun ne tourne ; fieldsync run le démarre, fieldsync sync livre une fois"
    ),
    "none yet": "aucun encore",
    "not alive: no worker is running": "inactif : aucun service d'envoi ne tourne",
    "not alive: worker process {} has given no sign of life for over a minute": (
        "inactif : le service d'envoi, processus {}, n'a pas donné signe de vie depuis plus d'une minute"
    ),
    "not alive: {}": "inactif : {}",
    "not known yet": "pas encore connu",
    "not reachable": "injoignable",
    "not shown": "non montré",
    "not uploaded yet": "pas encore envoyée",
    "nothing is due": "rien n'est prêt à partir",
    "nothing is due; what is in doubt is looked up by itself": (
        "rien n'est prêt à partir ; ce qui est incertain est vérifié tout seul"
    ),
    "process {} since {}": "processus {} depuis {}",
    "process {} since {}, last sign of life {}": "processus {} depuis {}, dernier signe de vie {}",
    "server id": "n° serveur",
    "signature owed": "signature due",
    "signature owed: the server has the intervention without it": (
        "signature due : le serveur a l'intervention sans elle"
    ),
    "since {} ({}){}": "depuis {} ({}){}",
    "the device clock was more than two minutes off at capture": (
        "l'horloge de l'appareil avait plus de deux minutes d'écart à la saisie"
    ),
    "the server answered {} at {}{}:": "le serveur a répondu {} le {}{} :",
    "there: {}": "là-bas : {}",
    "this device": "cet appareil",
    "under way": "en cours",
    "uploaded {}": "envoyée {}",
    "what keeps them, and what to run:": "ce qui les retient, et la commande à lancer :",
    "what was tried:": "ce qui a été essayé :",
    "when it was held, the server had{}:": "quand elle a été retenue, le serveur avait{} :",
    "you can": "vous pouvez",
    "{} (on the server, image still here)": "{} (sur le serveur, l'image est encore ici)",
    "{} TB": "{:number} To",
    "{} and {} more": "{} et {} de plus",
    "{} free": "{} libres",
    "{} s {} the server's": "{:number} s {} l'heure du serveur",
    "{}, signature owed": "{}, signature due",
    "{} is neither an instant like 2026-03-01T12:00:00Z nor like 2h or 3d": (
        "{} n'est ni un instant comme 2026-03-01T12:00:00Z ni une durée comme 2h ou 3d"
    ),
    "{} names no time zone; end it in Z, or in an offset such as +01:00": (
        "{} n'indique pas de fuseau horaire ; terminez par Z, ou par un décalage comme +01:00"
    ),
    "nothing was stored: the input has {}": "rien n'a été enregistré : la saisie a {}",
    "nothing was stored: {}": "rien n'a été enregistré : {}",
    "one problem": "un problème",
    "the configuration cannot be used": "la configuration ne peut pas servir",
    "{} problems": "{} problèmes",
    "Everything is delivered.": "Tout est livré.",
    "Nobody is signed in on this device. Captures are kept and wait for that.": (
        "Personne n'est connecté sur cet appareil. Les saisies sont gardées et attendent cette connexion."
    ),
    "Nothing is waiting.": "Rien n'est en attente.",
    "The interventions kept on this device cannot be read right now. Nothing was deleted.": (
        "Les interventions gardées sur cet appareil ne peuvent pas être lues pour le moment. Rien "
        "n'a été effacé."
    ),
}
