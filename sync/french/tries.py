"""What is noted of a single try, and what other front doors refuse, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TRIES: Final[Mapping[str, str]] = {
    "the id already belongs to another capture; a new intervention needs a new id": (
        "l'identifiant appartient déjà à une autre saisie ; une nouvelle intervention demande un nouvel identifiant"
    ),
    "what you capture is yours; leave the owner out": "ce que vous saisissez est à vous ; omettez le propriétaire",
    "{}names {}, and no entry's id ends in that.": "{}nomme {}, et aucun identifiant de saisie ne finit ainsi.",
    "{}names {}, which several entries end in. Give the whole id.": (
        "{}nomme {}, et plusieurs saisies finissent ainsi. Donnez l'identifiant entier."
    ),
    "no entry has the id {}": "aucune saisie n'a l'identifiant {}",
    "Sending broke off inside this program.": "L'envoi s'est interrompu à l'intérieur de ce programme.",
    "The address for the signature cannot be used: {}.": "L'adresse pour la signature ne peut pas servir : {}.",
    "The signature image is not there.": "L'image de la signature n'est pas là.",
    "This program failed at this step.": "Ce programme a échoué à cette étape.",
    "another drain holds the lock": "une autre livraison est en cours",
    "{} interventions on {} pages": "{} interventions sur {} pages",
    "the answer shows no intervention, or another one": "la réponse ne montre pas d'intervention, ou une autre",
    "the answer was cut off": "la réponse a été coupée",
    "the answer holds no address where upload.reissue_pointer looks for it": (
        "la réponse ne contient pas d'adresse là où upload.reissue_pointer la cherche"
    ),
    "the server id of an intervention that it names is not known": (
        "le numéro de serveur d'une intervention qu'elle nomme n'est pas connu"
    ),
    "the server id of the intervention it changes is not known": (
        "le numéro de serveur de l'intervention qu'elle modifie n'est pas connu"
    ),
    "the stored payload is not what was captured": "le contenu gardé n'est pas ce qui a été saisi",
    "the stored request is not what was sent before": "la demande gardée n'est pas celle qui a déjà été envoyée",
    "another worker serves this outbox": "un autre service d'envoi travaille sur cette base",
    "{} was removed or replaced while the worker was running": (
        "{} a été supprimé ou remplacé pendant que le service d'envoi tournait"
    ),
    "{} entries in a row were refused for good.": "{} saisies de suite ont été refusées définitivement.",
    "The CA file cannot be used ({}).": "Le fichier des autorités de certification ne peut pas servir ({}).",
    "The base address or a proxy variable cannot be used.": (
        "L'adresse de base ou une variable du serveur mandataire ne peut pas servir."
    ),
    "it carries no signature, and anonymous uploads are not enabled": (
        "elle ne porte pas de signature, et les envois anonymes ne sont pas permis"
    ),
    "AWS_PROFILE names a profile that does not exist": "AWS_PROFILE nomme un profil qui n'existe pas",
    "no credentials were found in the environment, the shared files or a container's role": (
        "aucun accès n'a été trouvé dans l'environnement, les fichiers partagés ou le rôle d'un conteneur"
    ),
    "nothing tells the region of the bucket; set upload.region": (
        "rien n'indique la région du compartiment ; réglez upload.region"
    ),
    "the AWS set-up of this machine cannot be used ({})": (
        "la configuration AWS de cette machine ne peut pas servir ({})"
    ),
    "the credentials that were found are not complete": "les accès trouvés ne sont pas complets",
    "the signature bytes of this entry are not those that were captured": (
        "les octets de la signature de cette saisie ne sont pas ceux qui ont été saisis"
    ),
    "its continuation ends too early": "sa suite s'arrête trop tôt",
    "its continuation is not there": "sa suite n'est pas là",
    "its header is no header": "son en-tête n'en est pas un",
    "it is cut off": "il est coupé",
    "a value of no known type": "une valeur d'un type inconnu",
    "{} {} cannot be stored: {}": "{} {} ne peut pas être enregistré : {}",
}
