"""What `sandbox`, `demo` and `torture` say on the command line, in French; the demo's own story is told in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TRIALS: Final[Mapping[str, str]] = {
    "  round {}: {}: {}": "  tour {} : {} : {}",
    "Every promise held.": "Toutes les promesses ont été tenues.",
    "How many rounds to play.": "Combien de tours jouer.",
    "Kill, cut off, lie to and confuse real processes against the sandbox, and see whether every promise "
    "holds.\n\nTouches neither the outbox nor the settings nor the network of this device. Exit code 0 only if "
    "nothing was lost,\ndoubled, leaked or left unexplained; 3 if a promise did not hold. Ten rounds meet every "
    "fault at least once.": (
        "Tuer, couper, tromper et troubler de vrais processus face au bac à sable, et voir si chaque promesse "
        "tient.\n\nNe touche ni à la base, ni aux réglages, ni au réseau de cet appareil. Code de sortie 0 "
        "seulement si rien n'a été perdu, doublé, divulgué ni laissé sans explication ; 3 si une promesse n'a pas "
        "tenu. Dix tours rencontrent chaque panne au moins une fois."
    ),
    "Leave the scratch folder; after a failure it stays anyway.": (
        "Laisser le dossier d'essai ; après un échec, il reste de toute façon."
    ),
    "Only this fault; may be given several times.": "Seulement cette panne ; répétable.",
    "Play this round of the run alone.": "Jouer ce seul tour de la série.",
    "Print a JSON line for each round; the last is the summary.": (
        "Afficher une ligne JSON par tour ; la dernière est le bilan."
    ),
    "The same seed plays the same rounds. Default: a new one.": (
        "La même graine joue les mêmes tours. Par défaut : une nouvelle."
    ),
    "again: {} --round {}": "pour rejouer : {} --round {}",
    "kept for a look: {}": "gardé pour examen : {}",
    "round {}: {}; {} captured, {} delivered, {} in doubt, {} for a person ({}: {}; {} s)": (
        "tour {} : {} ; {} saisies, {} livrées, {} incertaines, {} pour une personne ({} : {} ; {:number} s)"
    ),
    "seed {}: {} --rounds {}": "graine {} : {} --rounds {}",
    "the torture could not go on in its scratch folder: {}; name a roomier folder in TMPDIR": (
        "l'épreuve n'a pas pu continuer dans son dossier d'essai : {} ; nommez un dossier plus grand dans TMPDIR"
    ),
    "the torture could not go on: {}": "l'épreuve n'a pas pu continuer : {}",
    "there is no fault named {}; there are: {}": "il n'y a pas de panne nommée {} ; il y a : {}",
    "torture needs a system that can fork and stop processes, such as Linux or macOS": (
        "torture demande un système qui sait dupliquer et arrêter des processus, comme Linux ou macOS"
    ),
    "{} rounds in {} s: {} captured, {} delivered, {} in doubt, {} for a person, {} lost, {} doubled, {} leaks, "
    "{} out of order.": (
        "{} tours en {:number} s : {} saisies, {} livrées, {} incertaines, {} pour une personne, {} perdues, "
        "{} doublées, {} fuites, {} dans le désordre."
    ),
    "{} times a promise did NOT hold; do not roll this out:": (
        "{} fois une promesse n'a PAS été tenue ; ne déployez pas ceci :"
    ),
    "A second POST with the same Idempotency-Key makes no second record.": (
        "Un second POST avec la même Idempotency-Key ne crée pas de second enregistrement."
    ),
    "A stand-in for the API and the signature storage, until Ctrl-C. It forgets everything at its end.\n\nCopy the "
    "lines it prints into another terminal, and what you capture there is delivered here.": (
        "Un remplaçant de l'API et du stockage des signatures, jusqu'à Ctrl-C. Il oublie tout à la fin.\n\n"
        "Copiez les lignes qu'il affiche dans un autre terminal, et ce que vous y saisissez est livré ici."
    ),
    "Copy the export lines into another terminal. There:": (
        "Copiez les lignes export dans un autre terminal. Là :"
    ),
    "Ctrl-C ends the sandbox, and it forgets everything.": "Ctrl-C arrête le bac à sable, et il oublie tout.",
    "End stdout with one JSON object: the result.": "Terminer la sortie par un objet JSON : le résultat.",
    "Leave the scratch folder for a look afterwards.": "Laisser le dossier d'essai pour l'examiner ensuite.",
    "Nothing lost, nothing doubled.": "Rien de perdu, rien de doublé.",
    "POST .../mb/ID/signature-url gives another address; the real API has no such call.": (
        "POST .../mb/ID/signature-url donne une autre adresse ; la vraie API n'a pas cet appel."
    ),
    "Plain lines, nothing moves, nobody is waited for.": "Des lignes simples, rien ne bouge, sans attendre personne.",
    "Port of the API. Default: a free one.": "Port de l'API. Par défaut : un port libre.",
    "Port of the signature storage. Default: a free one.": (
        "Port du stockage des signatures. Par défaut : un port libre."
    ),
    "The comparison FAILED.": "La comparaison a ÉCHOUÉ.",
    "The same seed gives the same keys and tokens.": "La même graine donne les mêmes clés et jetons.",
    "The whole story on a sandbox: no network, a power cut in the middle, everything arrives by itself.\n\nThen the "
    "page stays open to try it by hand, until Ctrl-C; with --script or --json the end of the story is the end.\nExit "
    "code 0 only if nothing was lost or doubled and every byte is the one that was captured.": (
        "Toute l'histoire sur un bac à sable : pas de réseau, une coupure de courant au milieu, tout arrive tout "
        "seul.\n\nEnsuite, la page reste ouverte pour essayer à la main, jusqu'à Ctrl-C ; avec --script ou --json, la "
        "fin de l'histoire est la fin. Code de sortie 0 seulement si rien n'a été perdu ni doublé et si chaque octet "
        "est celui qui a été saisi."
    ),
    "Open the technician's page in the browser.": "Ouvrir la page du technicien dans le navigateur.",
    "Where to listen: 127.0.0.1 or localhost.": "Où écouter : 127.0.0.1 ou localhost.",
    "the demo could not go on: {}": "la démonstration n'a pas pu continuer : {}",
    "the sandbox cannot listen on {} with the ports {} and {} ({}); 0 takes a free one": (
        "le bac à sable ne peut pas écouter sur {} avec les ports {} et {} ({}) ; 0 prend un port libre"
    ),
    "the sandbox has no protection and listens on this machine alone: 127.0.0.1 or localhost, not {}": (
        "le bac à sable n'a pas de protection et n'écoute que sur cette machine : 127.0.0.1 ou localhost, pas {}"
    ),
    "{} {} captured, {} delivered, {} signatures verified, {} doubled, {} lost, {} kept for a person.": (
        "{} {} saisies, {} livrées, {} signatures vérifiées, {} doublées, {} perdues, {} gardées pour une personne."
    ),
}
