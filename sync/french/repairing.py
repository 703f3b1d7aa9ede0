"""What `edit`, `settle`, `discard`, `auth`, `config`, `receipts` and `reference` say, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REPAIRING: Final[Mapping[str, str]] = {
    "End it without its signature at the server.": "La clore sans sa signature sur le serveur.",
    "Give an entry up. It is never sent again, and everything about it is kept.": (
        "Abandonner une saisie. Elle n'est plus jamais envoyée, et tout ce qui la concerne est gardé."
    ),
    (
        "Say how an entry in doubt, or one whose signature is owed, really stands. The choice is "
        "recorded.\n\nLook at the server first: what is said to be missing there is sent again."
    ): (
        "Dire ce qu'il en est vraiment d'une saisie incertaine, ou dont la signature est due. Le "
        "choix est noté.\n\nRegardez d'abord sur le serveur : ce que l'on dit y manquer est envoyé de "
        "nouveau."
    ),
    "Send its signature to the presigned address on standard input.": (
        "Envoyer sa signature à l'adresse présignée lue sur l'entrée standard."
    ),
    "The server certainly does not have it: send it again.": (
        "Le serveur ne l'a certainement pas : l'envoyer de nouveau."
    ),
    "The server has it, under this id.": "Le serveur l'a, sous ce numéro.",
    "Why; kept with the entry.": "Pourquoi ; gardé avec la saisie.",
    "by what it says of itself, that address has ended; the storage decides": (
        "d'après ce qu'elle dit d'elle-même, cette adresse a expiré ; c'est le stockage qui décide"
    ),
    "is done, without its signature at the server": "est terminée, sans sa signature sur le serveur",
    "is sent again": "est envoyée de nouveau",
    "is taken for arrived": "est considérée comme arrivée",
    "presigned address (not shown): ": "adresse présignée (non affichée) : ",
    "say one of --arrived SERVER_ID, --not-arrived, --unsigned, --upload-url-stdin": (
        "indiquez l'un de --arrived SERVER_ID, --not-arrived, --unsigned, --upload-url-stdin"
    ),
    "sends its signature to that address": "envoie sa signature à cette adresse",
    "the server has it or may have it: whoever runs the server should know that it was given up": (
        "le serveur l'a ou l'a peut-être : son responsable devrait savoir qu'elle a été abandonnée"
    ),
    "{} is discarded; it is kept, and never sent again": (
        "{} est abandonnée ; elle est gardée, et n'est plus jamais envoyée"
    ),
    "{} {}; it is {} now": "{} {} ; elle est maintenant {2:state}",
    "  left alone {}: it says that already": "  laissée telle quelle {} : elle dit déjà cela",
    "A whole new JSON body; - reads standard input.": ("Un corps JSON entier ; - lit l'entrée standard."),
    'All unfinished entries of this owner; "" is nobody\'s.': (
        "Toutes les saisies non terminées de ce propriétaire ; vide : celles de personne."
    ),
    (
        "Correct what entries say, or give them to another owner, before anything of them has "
        "arrived.\n\nWhat is corrected is checked as at capture. Of entries that are named, all are "
        "changed or none; what they said\nbefore is kept, and the change is recorded in their history."
    ): (
        "Corriger ce que disent des saisies, ou les attribuer à un autre propriétaire, avant que "
        "rien n'en soit arrivé.\n\nCe qui est corrigé est vérifié comme à la saisie. Des saisies "
        "nommées, toutes sont modifiées ou aucune ; ce qu'elles disaient avant est gardé, et la "
        "modification est notée dans leur histoire."
    ),
    "Leave this field out; repeatable.": "Omettre ce champ ; répétable.",
    "The intervention that it changes: a server id, or local:ENTRY for one not created yet.": (
        "L'intervention à modifier : un numéro de serveur, ou local:ENTRY pour une intervention pas "
        "encore créée."
    ),
    (
        "What it says at this place from now on, such as siteIds=[4,5] or provider.firstName=Ann; repeatable."
    ): ("Ce qu'elle dit désormais à cet endroit, comme siteIds=[4,5] ou provider.firstName=Ann ; répétable."),
    "Whose they are from now on; only their tokens send them.": (
        "À qui elles sont désormais ; seuls ses jetons les envoient."
    ),
    "a whole body is for one entry; several would become the same intervention": (
        "un corps entier est pour une seule saisie ; plusieurs deviendraient la même intervention"
    ),
    "give either a whole body with --data, or single places with --set and --unset": (
        "donnez soit un corps entier avec --data, soit des endroits précis avec --set et --unset"
    ),
    "name the entries by their IDs": "nommez les saisies par leur ID",
    "next: fieldsync auth set --owner {}": "ensuite : fieldsync auth set --owner {}",
    "next: fieldsync resync {}": "ensuite : fieldsync resync {}",
    "nobody is signed in as {}": "personne n'est connecté sous le nom {}",
    "note: {}: {}": "remarque : {} : {}",
    "say what to change: either --set, --unset, --data or --target, or --owner NAME": (
        "indiquez ce qu'il faut changer : soit --set, --unset, --data ou --target, soit --owner NAME"
    ),
    "would change": "serait modifiée",
    "{} {}given to {}": "{} {}attribuées à {}",
    ("Every setting, its value, and where the value comes from. Secrets are only said to be set or not."): (
        "Chaque réglage, sa valeur, et d'où vient la valeur. Des secrets, on dit seulement s'ils sont réglés."
    ),
    "File with the bearer token.": "Fichier du jeton au porteur.",
    "File with the session token.": "Fichier du jeton de session.",
    "Forget a stored pair. Tokens that the configuration names stay.": (
        "Oublier une paire enregistrée. Les jetons que nomme la configuration restent."
    ),
    "Sign-in tokens of this device. They come from standard input or files, never from arguments.": (
        "Les jetons de connexion de cet appareil. Ils viennent de l'entrée standard ou de fichiers, "
        "jamais des arguments."
    ),
    (
        "Store a pair of tokens, readable by this user only.\n\nWithout files, standard input holds "
        'JSON ({"accessToken": ..., "sessionToken": ...}, also inside "data", as the\nsign-in answers '
        "it) or two lines: bearer token, session token."
    ): (
        "Enregistrer une paire de jetons, lisible par cet utilisateur seul.\n\nSans fichiers, l'entrée "
        'standard contient du JSON ({"accessToken": ..., "sessionToken": ...}, aussi dans "data", '
        "tel que la connexion le répond) ou deux lignes : jeton au porteur, jeton de session."
    ),
    ("Whether the settings can be used; every problem at once, and advice where something looks wrong."): (
        "Si les réglages peuvent servir ; tous les problèmes à la fois, et un conseil quand quelque "
        "chose paraît faux."
    ),
    "Whose tokens are here, and until when.": "De qui sont les jetons présents, et jusqu'à quand.",
    "Whose tokens; without it the device's own.": ("De qui sont les jetons ; sans cela, ceux de l'appareil."),
    "give both --token-file and --session-token-file, or neither": (
        "donnez à la fois --token-file et --session-token-file, ou aucun des deux"
    ),
    "it is not text": "ce n'est pas du texte",
    "next: fieldsync auth set": "ensuite : fieldsync auth set",
    "paste the bearer token, then the session token (not shown):": (
        "collez le jeton au porteur, puis le jeton de session (non affichés) :"
    ),
    (
        "standard input holds neither the API's sign-in answer, JSON with accessToken and "
        "sessionToken, nor two lines with the two tokens"
    ): (
        "l'entrée standard ne contient ni la réponse de connexion de l'API, en JSON avec accessToken "
        "et sessionToken, ni deux lignes avec les deux jetons"
    ),
    "standard input is not text": "l'entrée standard n'est pas du texte",
    "the configuration can be used": "la configuration peut servir",
    "there was nothing stored": "rien n'était enregistré",
    "{} cannot be read ({})": "{} ne peut pas être lu ({})",
    "{} rows": "{} lignes",
    "  (payload removed)": "  (contenu retiré)",
    "  signature {} {}": "  signature {} {}",
    " since then": " depuis lors",
    "Only what was delivered since; an instant, or like 2h, 3d.": (
        "Seulement ce qui a été livré depuis ; un instant, ou comme 2h, 3d."
    ),
    (
        "The proof of each delivery: what the server calls it, when, and digests of what was "
        "sent.\n\nIt outlives the payload: what `fieldsync db prune` removed is in it too. It holds "
        "nothing that a person wrote."
    ): (
        "La preuve de chaque livraison : son numéro sur le serveur, la date, et les empreintes de ce "
        "qui a été envoyé.\n\nElle survit au contenu : ce que `fieldsync db prune` a retiré y figure "
        "aussi. Elle ne contient rien de ce que quelqu'un a écrit."
    ),
    "entry {} is not delivered, so there is no receipt of it": (
        "la saisie {} n'est pas livrée, elle n'a donc pas d'accusé de réception"
    ),
    "not delivered": "non livrée",
    "nothing was delivered": "rien n'a été livré",
    "{}  {}  is {}  {}{}{}": "{}  {}  numéro {}  {}{}{}",
    "give a file with --json": "donnez un fichier avec --json",
    "{} delivered in {}": "{} livrées dans {}",
    "{} or {} exists; an export never overwrites anything, name another file": (
        "{} ou {} existe ; un export n'écrase jamais rien, nommez un autre fichier"
    ),
    "  (company {})": "  (société {})",
    "Check everything, change nothing.": "Tout vérifier, ne rien changer.",
    "Have no list. Forms ask for numbers then.": (
        "N'avoir aucune liste. Les formulaires demandent alors des numéros."
    ),
    (
        "Have the names of a CSV file instead of those there are: columns type, id, name and "
        "company_id.\n\nThe list is replaced as a whole, and only where every line of the file is "
        "right."
    ): (
        "Prendre les noms d'un fichier CSV à la place de ceux d'ici : colonnes type, id, name et "
        "company_id.\n\nLa liste est remplacée en entier, et seulement si chaque ligne du fichier est "
        "juste."
    ),
    "Only these; repeatable.": "Seulement ceux-ci ; répétable.",
    "The names, sorted.": "Les noms, triés.",
    ("What companies, sites and rules are called. A help for forms: nothing is ever refused for it."): (
        "Les noms des sociétés, des sites et des règles. Une aide pour les formulaires : rien n'est "
        "jamais refusé à cause d'elle."
    ),
    "it is no path that can exist": "ce n'est pas un chemin qui peut exister",
    "the list now has {}": "la liste contient maintenant {}",
    "there is no reference list\nnext: fieldsync reference import FILE": (
        "il n'y a pas de liste de référence\nensuite : fieldsync reference import FILE"
    ),
    "there was no reference list": "il n'y avait pas de liste de référence",
    "{} does not exist": "{} n'existe pas",
    "{} names removed": "{} noms retirés",
    "{}: nothing was changed, this was a dry run": ("{} : rien n'a été modifié, c'était un essai à blanc"),
    "it is being delivered right now": "elle est en cours de livraison en ce moment",
    "it is finished": "elle est terminée",
    "it is theirs already": "elle est déjà à cette personne",
    "it was handed over in a bundle, and goes from there": (
        "elle a été remise dans un paquet, et part de là-bas"
    ),
    "it was sent under its owner's name and may have arrived; settle that first": (
        "elle a été envoyée au nom de son propriétaire et est peut-être arrivée ; tranchez d'abord cela"
    ),
    "the server has it already; only its signature is missing, and that needs no sign-in": (
        "le serveur l'a déjà ; il ne manque que sa signature, et celle-ci ne demande pas de "
        "connexion au compte"
    ),
    "what is stored is not what was captured": "ce qui est gardé n'est pas ce qui a été saisi",
    (
        "Another entry of this device has the same start. Should an answer ever be lost, the two "
        "cannot be told apart by it."
    ): (
        "Une autre saisie de cet appareil a le même début. Si une réponse se perdait, il ne "
        "permettrait pas de les distinguer."
    ),
    "it is being delivered right now; try again in a moment": (
        "elle est en cours de livraison en ce moment ; réessayez dans un instant"
    ),
    "it is finished; what the server has is changed by an update of its own": (
        "elle est terminée ; ce que le serveur détient se change par une modification à part"
    ),
    "it says that already": "elle dit déjà cela",
    "it was handed over in a bundle, and goes from there as it was": (
        "elle a été remise dans un paquet, et part de là-bas telle qu'elle était"
    ),
    "it was sent and may have arrived as it is; settle that first (fieldsync settle)": (
        "elle a été envoyée et est peut-être arrivée telle quelle ; tranchez d'abord cela (fieldsync settle)"
    ),
    (
        "it was sent moments ago, and what got no answer may still be carried out after what is sent "
        "next; try again in two minutes"
    ): (
        "elle vient d'être envoyée, et ce qui est resté sans réponse peut encore être appliqué après "
        "le prochain envoi ; réessayez dans deux minutes"
    ),
    "the server has it already; what it has there is changed by an update of its own": (
        "le serveur l'a déjà ; ce qu'il détient se change par une modification à part"
    ),
    (
        "It goes on from here. Where its bundle was imported on another device, that one sends it as "
        "well, and the server gets it twice."
    ): (
        "Elle part d'ici. Si son paquet a été importé sur un autre appareil, celui-ci l'envoie "
        "aussi, et le serveur la reçoit deux fois."
    ),
    "a list": "une liste",
    "a path": "un chemin",
    "an object": "un objet",
    "is given together with {}. Keep the one that is meant.": (
        "est donné en même temps que {}. Gardez celui qui est voulu."
    ),
    "one value": "une valeur unique",
    "the body": "le corps",
    "there is no {}.": "il n'y a pas de {}.",
    "{} cannot be changed: {}": "{} ne peut pas être modifiée : {}",
    "{} has {} items, counted from 0.": "{} a {} éléments, comptés à partir de 0.",
    "{} is not {}, such as {}.": "{} n'est pas {}, comme {}.",
    "{} is {}.": "{} est {}.",
}
