"""What is wrong with settings, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SETTINGS: Final[Mapping[str, str]] = {
    "holds a character that no path has": "contient un caractère qu'aucun chemin n'a",
    "holds a word that no command has": "contient un mot qu'aucune commande n'a",
    "is http; that needs upload.allow_insecure_loopback": (
        "est en http ; cela demande upload.allow_insecure_loopback"
    ),
    "is not a command line; a quote or bracket may be missing": (
        "n'est pas une ligne de commande ; il manque peut-être un guillemet ou un crochet"
    ),
    "is not an address": "n'est pas une adresse",
    "may hold {} and no other name in braces": "peut contenir {} et aucun autre nom entre accolades",
    "must be a command line or a list of texts": ("doit être une ligne de commande ou une liste de textes"),
    'must be a path that begins with "/" and has no query': (
        "doit être un chemin qui commence par « / » et n'a pas de requête"
    ),
    "must be an address in plain ASCII without spaces": (
        "doit être une adresse en ASCII simple, sans espaces"
    ),
    "must be https; http is for this machine itself only": (
        "doit être en https ; http est pour cette machine elle-même seulement"
    ),
    'must be printable and not begin with "/"': "doit être affichable et ne pas commencer par « / »",
    "must begin with a full path or with a program's bare name": (
        "doit commencer par un chemin complet ou par le simple nom d'un programme"
    ),
    "must begin with https:// and a host": "doit commencer par https:// et un hôte",
    "must hold each name between one pair of braces": (
        "doit contenir chaque nom entre une seule paire d'accolades"
    ),
    "must hold {server_id}, {entry_id} or {image_key}, or one signature would replace the other": (
        "doit contenir {server_id}, {entry_id} ou {image_key}, sinon une signature remplacerait l'autre"
    ),
    "must not hold a query or fragment": "ne doit contenir ni requête ni fragment",
    "must not hold a user name or password": "ne doit contenir ni nom d'utilisateur ni mot de passe",
    ("names a host that no network has: each part between dots is 1 to 63 letters, digits or hyphens"): (
        "nomme un hôte qu'aucun réseau n'a : chaque partie entre les points compte de 1 à 63 "
        "lettres, chiffres ou traits d'union"
    ),
    "Set {} to a folder on a local disk.": "Réglez {} sur un dossier d'un disque local.",
    "Write the folder in quotes there.": "Écrivez-y le dossier entre guillemets.",
    "environment STATE_DIRECTORY": "variable STATE_DIRECTORY",
    "file {}": "fichier {}",
    "must be a path": "doit être un chemin",
    "this user has no home folder": "cet utilisateur n'a pas de dossier personnel",
    "Leave it out.": "Omettez-le.",
    "Remove it there.": "Supprimez-le là-bas.",
    "Unset it; config/example.toml lists the known ones.": (
        "Retirez-la ; config/example.toml donne la liste de celles qui sont connues."
    ),
    "Write [{}] on a line of its own there.": "Écrivez-y [{}] sur une ligne à part.",
    "command line": "ligne de commande",
    "is not a known setting": "n'est pas un réglage connu",
    "is not a known variable": "n'est pas une variable connue",
    "must be a table": "doit être une table",
    "overruled by {}": "supplanté par {}",
    "must be 1 to 100 bytes of printable text": "doit être un texte affichable de 1 à 100 octets",
    "must be a JSON pointer such as /data/presignedUrl": (
        "doit être un pointeur JSON comme /data/presignedUrl"
    ),
    "must be a region such as eu-west-3": "doit être une région comme eu-west-3",
    "must be less than sync.lease_s": "doit être inférieur à sync.lease_s",
    "must be the name of a bucket": "doit être le nom d'un compartiment",
    "must be the plain name of a query parameter": ("doit être le simple nom d'un paramètre de requête"),
    "must hold {id} once, where the server id goes": (
        "doit contenir {id} une fois, là où va le numéro de serveur"
    ),
    'must list "name=value" texts, without ? and &': (
        "doit être une liste de textes de la forme « name=value », sans ? ni &"
    ),
    "must list host names only, without scheme, path or wildcard": (
        "doit être une liste de noms d'hôtes seuls, sans schéma, chemin ni joker"
    ),
    ("must list host names or addresses, each with a port or without, and no scheme, path or wildcard"): (
        "doit être une liste de noms d'hôtes ou d'adresses, avec ou sans port, sans schéma, chemin ni joker"
    ),
    "must not be less than sync.backoff_base_s": "ne doit pas être inférieur à sync.backoff_base_s",
    "needs upload.bucket as well": "demande aussi upload.bucket",
    "Change it there.": "Modifiez-le là-bas.",
    "Change or unset that variable.": "Modifiez ou retirez cette variable.",
    "Set {}.": "Réglez {}.",
    "at least": "au moins",
    "at most": "au plus",
    "is too long": "est trop long",
    "less than": "inférieur à",
    "more than": "supérieur à",
    "must be a finite number": "doit être un nombre fini",
    "must be a list of texts": "doit être une liste de textes",
    "must be a number": "doit être un nombre",
    "must be a whole number": "doit être un nombre entier",
    "must be one of {}": "doit être l'un de {}",
    "must be text": "doit être du texte",
    "must be true or false": "doit être vrai ou faux (true ou false)",
    "must be {} {}": "doit être {} {}",
    "must not be empty": "ne doit pas être vide",
    "Correct the file there.": "Corrigez-y le fichier.",
    "Create it (config/example.toml shows every setting) or unset the variable.": (
        "Créez-le (config/example.toml montre tous les réglages) ou retirez la variable."
    ),
    "Give this user the right to read it, or name another file.": (
        "Donnez à cet utilisateur le droit de le lire, ou nommez un autre fichier."
    ),
    "Save it as UTF-8.": "Enregistrez-le en UTF-8.",
    "environment {}": "variable {}",
    "it is larger than {} KiB": "il dépasse {} Kio",
    "nested too deep": "imbriqué trop profondément",
    "{} cannot be read: {}": "{} ne peut pas être lu : {}",
    "{} is not UTF-8 (at byte {})": "{} n'est pas en UTF-8 (à l'octet {})",
    "{} is not valid TOML: {}": "{} n'est pas du TOML correct : {}",
    "Correct it, or install the program.": "Corrigez-le, ou installez le programme.",
    "Give the token as the API sent it.": "Donnez le jeton tel que l'API l'a envoyé.",
    "Make both at least {}; shorter is for trials.": (
        "Mettez les deux à au moins {} ; moins est pour les essais."
    ),
    "Make it longer.": "Allongez-le.",
    "Put it there or name another.": "Mettez-le là ou nommez-en un autre.",
    "Take that right away (chmod 600), or give the token in a file of its own.": (
        "Retirez ce droit (chmod 600), ou donnez le jeton dans un fichier à part."
    ),
    "Use 127.0.0.1, and a tunnel to look from elsewhere.": (
        "Utilisez 127.0.0.1, et un tunnel pour regarder d'ailleurs."
    ),
    "Write the token there, or sign in with `fieldsync auth set`.": (
        "Écrivez-y le jeton, ou connectez-vous avec `fieldsync auth set`."
    ),
    "gives up before the API's gateway does ({} s): more entries end in doubt": (
        "renonce avant la passerelle de l'API ({} s) : davantage de saisies finissent incertaines"
    ),
    "holds no usable token": "ne contient aucun jeton utilisable",
    "is in a file that other users may read": ("est dans un fichier que d'autres utilisateurs peuvent lire"),
    "is not set: nothing can be sent": "n'est pas réglé : rien ne peut être envoyé",
    "is not there": "n'existe pas",
    "is not this machine alone: others reach the page, and names travel unencrypted": (
        "n'est pas cette machine seule : d'autres accèdent à la page, et des noms circulent sans chiffrement"
    ),
    "names a program that is not there or may not be run": (
        "nomme un programme qui n'existe pas ou ne peut pas être lancé"
    ),
    "not set": "non réglé",
    "with sync.lookup_gap_s leaves a slow server less than {} s: it may create twice": (
        "laisse avec sync.lookup_gap_s moins de {} s à un serveur lent : il peut créer deux fois"
    ),
    ("what the page shows travels unencrypted and other machines reach it; better 127.0.0.1 and a tunnel"): (
        "ce que montre la page circule sans chiffrement et d'autres machines y accèdent ; mieux vaut "
        "127.0.0.1 et un tunnel"
    ),
}
