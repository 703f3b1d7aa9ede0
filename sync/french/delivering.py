"""What `capture`, `sync`, `run`, `resync`, `pause` and `open` say, and the list of commands, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DELIVERING: Final[Mapping[str, str]] = {
    "A person orders: go on now; release and requeue.": (
        "Repartir maintenant sur ordre d'une personne ; libérer et reprendre."
    ),
    "A stand-in for the API and the storage, on this machine.": (
        "Un remplaçant de l'API et du stockage, sur cette machine."
    ),
    "Capture many interventions from one file.": (
        "Enregistrer plusieurs interventions à partir d'un fichier."
    ),
    "Check, back up, tidy or recover the database.": (
        "Vérifier, sauvegarder, alléger ou récupérer la base de données."
    ),
    "Correct what was captured, or give it to another owner.": (
        "Corriger une saisie, ou l'attribuer à un autre propriétaire."
    ),
    "Deliver what is due, once, in the foreground.": ("Livrer une fois ce qui est prêt, au premier plan."),
    "Entries, oldest first.": "Les saisies, la plus ancienne d'abord.",
    "Everything goes wrong on purpose, on the sandbox.": "Tout va mal exprès, sur le bac à sable.",
    "Give an entry up; it is kept.": "Abandonner une saisie ; elle est gardée.",
    "Hand entries to another device, in one encrypted file.": (
        "Remettre des saisies à un autre appareil, dans un fichier chiffré."
    ),
    "Hold the whole queue.": "Suspendre tout l'envoi.",
    "Keeps signed field interventions until the interventions API and its storage have them.": (
        "Garde les interventions signées sur le terrain jusqu'à ce que l'API des interventions et "
        "son stockage les aient reçues."
    ),
    "Let the queue go on.": "Reprendre l'envoi.",
    "Make an intervention and its signature durable.": (
        "Enregistrer durablement une intervention et sa signature."
    ),
    "Say how an entry in doubt really stands.": ("Dire ce qu'il en est vraiment d'une saisie incertaine."),
    "Show tracebacks.": "Afficher les traces d'erreur.",
    "Sign-in tokens of this device.": "Les jetons de connexion de cet appareil.",
    "The local page, in the browser.": "La page locale, dans le navigateur.",
    "The proof of each delivery.": "La preuve de chaque livraison.",
    "The settings in force, and whether they are right.": ("Les réglages en vigueur, et s'ils sont justes."),
    "The whole story of one entry.": "Toute l'histoire d'une saisie.",
    "The whole story, on the sandbox.": "Toute l'histoire, sur le bac à sable.",
    "The worker: deliver by itself, until told to stop.": (
        "Le service d'envoi : livre tout seul, jusqu'à ce qu'on l'arrête."
    ),
    "What companies, sites and rules are called, for forms.": (
        "Les noms des sociétés, des sites et des règles, pour les formulaires."
    ),
    "Where everything stands.": "Où en est l'ensemble.",
    " (captured before, nothing was added)": " (saisie auparavant, rien n'a été ajouté)",
    "Deliver only after this entry (the end of its id is enough).": (
        "Livrer seulement après cette saisie (la fin de son identifiant suffit)."
    ),
    (
        "Make an intervention and its signature durable, network or not.\n\nKIND is what to do; they "
        "are listed below. Done when it is printed: from then on it survives a power cut."
    ): (
        "Rendre durables une intervention et sa signature, avec ou sans réseau.\n\nKIND dit ce qu'il "
        "faut faire ; la liste est plus bas. C'est fait quand c'est affiché : dès lors, une coupure "
        "de courant n'y change rien."
    ),
    "Makes a repeat of this capture harmless.": "Rend sans danger une répétition de cette saisie.",
    "The API's JSON body; - reads standard input.": ("Le corps JSON de l'API ; - lit l'entrée standard."),
    "The intervention it changes: a server id, or local:ENTRY.": (
        "L'intervention à modifier : un numéro de serveur, ou local:ENTRY."
    ),
    "The signature: JPEG or PNG.": "La signature : JPEG ou PNG.",
    "Whose entry it is; else the one whose tokens this device has.": (
        "À qui est la saisie ; sinon, à la personne dont cet appareil a les jetons."
    ),
    "captured {}{}": "saisie enregistrée : {}{}",
    "does not exist": "n'existe pas",
    "is not a file": "n'est pas un fichier",
    "note: {}": "remarque : {}",
    "{} cannot be read ({}). Give a JSON file, or -.": (
        "{} ne peut pas être lu ({}). Donnez un fichier JSON, ou -."
    ),
    "{} {}. Give a JSON file, or -.": "{} {}. Donnez un fichier JSON, ou -.",
    " (stopped: {})": " (arrêt : {})",
    (
        "Deliver what is due, once, in the foreground. Beside a running worker: ask it, and follow "
        "what it does."
    ): (
        "Livrer une fois ce qui est prêt, au premier plan. À côté d'un service d'envoi actif : le "
        "lui demander, et suivre ce qu'il fait."
    ),
    "Go on until nothing is left that can be delivered without a person.": (
        "Continuer jusqu'à ce qu'il ne reste rien à livrer sans l'action de quelqu'un."
    ),
    "Ignore the connectivity gate once.": "Passer outre une fois la vérification du réseau.",
    "Print JSON lines; the last one is the summary.": (
        "Afficher des lignes JSON ; la dernière est le bilan."
    ),
    "The worker: deliver by itself whenever the network allows, until SIGTERM or Ctrl-C.": (
        "Le service d'envoi : livre tout seul dès que le réseau le permet, jusqu'à SIGTERM ou Ctrl-C."
    ),
    "another process": "un autre processus",
    "holds the outbox and gives no sign of life": "occupe la base et ne donne pas signe de vie",
    "is draining this outbox right now": "est en train de livrer à partir de cette base",
    "need a person": "à traiter par une personne",
    "next: fieldsync list --needs-action": "ensuite : fieldsync list --needs-action",
    "process {}": "le processus {}",
    "{} delivered": "livrées : {}",
    "  left alone {}: {}": "  laissée telle quelle {} : {}",
    "All entries in this state.": "Toutes les saisies dans cet état.",
    "All entries of this kind; repeatable.": "Toutes les saisies de ce type ; répétable.",
    "All entries that wait for this reason.": "Toutes les saisies qui attendent pour ce motif.",
    "Every entry that is not finished.": "Toutes les saisies qui ne sont pas terminées.",
    (
        "Go on now: forget the waits. With a selection, also release what is parked and requeue what "
        "is dead.\n\nSeveral selections narrow each other. An entry in doubt is never sent again by "
        "this."
    ): (
        "Repartir maintenant : oublier les attentes. Avec une sélection, libérer aussi ce qui est "
        "retenu et reprendre ce qui est refusé.\n\nPlusieurs sélections se restreignent l'une l'autre. "
        "Une saisie incertaine n'est jamais envoyée de nouveau par cet ordre."
    ),
    "Hold the whole queue. Captures still work; no entry changes state.": (
        "Suspendre tout l'envoi. Les saisies restent possibles ; aucune ne change d'état."
    ),
    "Let the queue go on, whoever held it.": "Reprendre l'envoi, qui que ce soit qui l'ait suspendu.",
    "Say what would be done, and do nothing.": "Dire ce qui serait fait, et ne rien faire.",
    "Why, for those who look.": "Pourquoi, pour qui regardera.",
    "With IDs: also what was handed over to another device, which may be sending it.": (
        "Avec des ID : aussi ce qui a été remis à un autre appareil, qui est peut-être en train de l'envoyer."
    ),
    "no worker is running; next: fieldsync sync": (
        "aucun service d'envoi ne tourne ; ensuite : fieldsync sync"
    ),
    "paused; what is on the wire finishes. next: fieldsync resume": (
        "envoi suspendu ; ce qui est en route se termine. ensuite : fieldsync resume"
    ),
    "the queue goes on": "l'envoi reprend",
    "the queue was not paused": "l'envoi n'était pas suspendu",
    "warning: {}: {}": "attention : {} : {}",
    "would be ": "seraient ",
    "{}hastened {}, {}released {}, {}requeued {}": ("{}relancées : {}, {}libérées : {}, {}reprises : {}"),
    "--ops is for a link; a token takes --scope": "--ops est pour un lien ; un jeton prend --scope",
    "--ops sees everybody's entries and takes no --owner": (
        "--ops voit les saisies de tous et ne prend pas --owner"
    ),
    "--revoke ends everything and goes with nothing else": (
        "--revoke met fin à tout et ne va avec rien d'autre"
    ),
    "--scope goes with --token; what a link is for is fixed": (
        "--scope va avec --token ; ce que permet un lien est fixé"
    ),
    "--token needs at least one --scope: capture, read, control, auth": (
        "--token demande au moins un --scope : capture, read, control, auth"
    ),
    "End every token, link and session that there is.": ("Mettre fin à tous les jetons, liens et sessions."),
    "Open the local page in the browser, by a link that works once and within ten minutes.": (
        "Ouvrir la page locale dans le navigateur, par un lien qui sert une seule fois et pendant "
        "dix minutes."
    ),
    "Print a token for a program instead of a link.": (
        "Afficher un jeton pour un programme au lieu d'un lien."
    ),
    "Print one JSON document, and open nothing.": "Afficher un document JSON, et ne rien ouvrir.",
    "Print the link and open nothing.": "Afficher le lien et ne rien ouvrir.",
    "The page of ops: everybody's entries, and what can be ordered.": (
        "La page de l'exploitation : les saisies de tous, et ce qui peut être ordonné."
    ),
    "What the token is for; repeatable.": "À quoi sert le jeton ; répétable.",
    "Whose entries; without it this device's.": (
        "De qui sont les saisies ; sans cela, celles de cet appareil."
    ),
    "an owner is 1 to 100 bytes of printable text": (
        "un propriétaire est un texte affichable de 1 à 100 octets"
    ),
    "every token, link and session has ended; fieldsync open makes a new link": (
        "tous les jetons, liens et sessions ont pris fin ; fieldsync open crée un nouveau lien"
    ),
    "it holds until fieldsync open --revoke; keep it where only its program reads it": (
        "il vaut jusqu'à fieldsync open --revoke ; gardez-le où seul son programme peut le lire"
    ),
    "it works once, within ten minutes": "il sert une seule fois, pendant dix minutes",
    "the key could be read by others: there is a new one, and every token, link and session has ended": (
        "d’autres pouvaient lire la clé : il y en a une nouvelle, et chaque jeton, lien et session a pris fin"
    ),
    "no worker runs on this device, and the page is served by it": (
        "aucun service d'envoi ne tourne sur cet appareil, et c'est lui qui sert la page"
    ),
    "opening it in the browser; if nothing comes up, follow the link": (
        "ouverture dans le navigateur ; si rien n'apparaît, suivez le lien"
    ),
    "the worker runs without the page: web.enabled is off, or its port is taken (see its log)": (
        "le service d'envoi tourne sans la page : web.enabled est désactivé, ou son port est pris "
        "(voir son journal)"
    ),
    "--force is for entries that are named by their IDs, one by one": (
        "--force est pour des saisies nommées par leur ID, une à une"
    ),
    "--reason is no text in UTF-8": "--reason n'est pas un texte en UTF-8",
    "--reason must say why": "--reason doit dire pourquoi",
    "; did you mean {}?": " ; vouliez-vous dire {} ?",
    "a server id is a whole number from 1 to {}": ("un numéro de serveur est un nombre entier de 1 à {}"),
    "give either IDs or --from OWNER": "donnez soit des ID, soit --from OWNER",
    "give either IDs or a selection": "donnez soit des ID, soit une sélection",
    "no entry can wait for {}{}": "aucune saisie ne peut attendre pour {}{}",
    "nothing was changed": "rien n'a été modifié",
    "nothing was changed: what it would say has {}": "rien n'a été modifié : ce qu'elle dirait a {}",
    "that address cannot be used: {}": "cette adresse ne peut pas servir : {}",
    "the reference list was not changed: the file has {}": (
        "la liste de référence n'a pas été modifiée : le fichier a {}"
    ),
}
