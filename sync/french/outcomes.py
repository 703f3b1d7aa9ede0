"""What `sentences.py` says of the outcome of a try, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OUTCOMES: Final[Mapping[str, str]] = {
    "The server has the intervention.": "Le serveur a reçu l'intervention.",
    "The server has the intervention, but gave no address for the signature.": (
        "Le serveur a reçu l'intervention, mais n'a pas donné d'adresse pour la signature."
    ),
    "The server says that it already holds something like this.": (
        "Le serveur dit qu'il détient déjà quelque chose de semblable."
    ),
    "The server accepted the intervention, but its answer could not be read.": (
        "Le serveur a accepté l'intervention, mais sa réponse n'a pas pu être lue."
    ),
    "The server answered without saying that it has the intervention.": (
        "Le serveur a répondu sans dire qu'il a l'intervention."
    ),
    "The intervention was sent, but the connection ended before the answer came.": (
        "L'intervention a été envoyée, mais la liaison s'est coupée avant la réponse."
    ),
    "The intervention was sent, but no answer came in time.": (
        "L'intervention a été envoyée, mais aucune réponse n'est venue à temps."
    ),
    "The intervention was sent, but what came back is not an answer.": (
        "L'intervention a été envoyée, mais ce qui est revenu n'est pas une réponse."
    ),
    "The server had trouble and does not say whether it took the intervention.": (
        "Le serveur a eu un problème et ne dit pas s'il a pris l'intervention."
    ),
    "The server gave up waiting and does not say whether it took the intervention.": (
        "Le serveur a cessé d'attendre et ne dit pas s'il a pris l'intervention."
    ),
    "A sign-in page of the network, or another page, answered instead of the server.": (
        "Une page de connexion du réseau, ou une autre page, a répondu à la place du serveur."
    ),
    "The server asks us to slow down.": "Le serveur nous demande de ralentir.",
    "The server could not be reached.": "Le serveur n'a pas pu être joint.",
    "The server could not be reached in time.": "Le serveur n'a pas pu être joint à temps.",
    "No connection was free to send on.": "Aucune liaison n'était libre pour l'envoi.",
    "The proxy of this network did not let us through.": (
        "Le serveur mandataire de ce réseau ne nous a pas laissés passer."
    ),
    (
        "The server's certificate cannot be trusted, so nothing was sent. A sign-in page of the "
        "network or a wrong device clock can be the cause."
    ): (
        "Le certificat du serveur n'est pas fiable : rien n'a été envoyé. Une page de connexion du "
        "réseau ou une horloge mal réglée peut en être la cause."
    ),
    "The connection ended before everything was sent.": (
        "La liaison s'est coupée avant que tout soit envoyé."
    ),
    "The exchange took too long and was ended.": ("L'échange a pris trop de temps et a été interrompu."),
    "A sign-in page answered instead of the server: the network redirects us to it.": (
        "Une page de connexion a répondu à la place du serveur : le réseau nous y renvoie."
    ),
    "This network asks for a sign-in of its own before it lets us through to the server.": (
        "Ce réseau demande sa propre connexion avant de nous laisser joindre le serveur."
    ),
    "The server asks for a new sign-in.": "Le serveur demande une nouvelle connexion au compte.",
    "The server refuses this to the person who is signed in.": (
        "Le serveur refuse cela à la personne connectée."
    ),
    "The server will not take this as it is.": "Le serveur ne prendra pas cette saisie telle quelle.",
    "The server does not know this address; the configured path may be wrong.": (
        "Le serveur ne connaît pas cette adresse ; le chemin réglé est peut-être faux."
    ),
    "The server no longer has the intervention that this changes.": (
        "Le serveur n'a plus l'intervention que cette saisie modifie."
    ),
    "The request could not be built on this device.": (
        "La demande n'a pas pu être préparée sur cet appareil."
    ),
    "The signature is stored.": "La signature est enregistrée.",
    "The address for the signature is no longer valid.": ("L'adresse pour la signature n'est plus valable."),
    "The storage refuses this upload.": "Le stockage refuse cet envoi.",
    "The storage says that the upload does not match its address.": (
        "Le stockage dit que l'envoi ne correspond pas à son adresse."
    ),
    "The storage does not accept who made the address for the signature.": (
        "Le stockage n'accepte pas l'émetteur de l'adresse pour la signature."
    ),
    "The address for the signature leads to the wrong place.": (
        "L'adresse pour la signature mène au mauvais endroit."
    ),
    "The place for the signature does not exist.": "L'endroit prévu pour la signature n'existe pas.",
    "The storage finds the signature too large.": "Le stockage trouve la signature trop volumineuse.",
    "The storage will not take the signature at this address.": (
        "Le stockage ne prendra pas la signature à cette adresse."
    ),
    "The signature was damaged on its way and is sent again.": (
        "La signature a été abîmée en route et est envoyée de nouveau."
    ),
    "The storage did not confirm the signature in a way that we can check.": (
        "Le stockage n'a pas confirmé la signature d'une façon que nous puissions vérifier."
    ),
    "The storage had trouble.": "Le stockage a eu un problème.",
    "The signature was sent, but the storage did not confirm it.": (
        "La signature a été envoyée, mais le stockage ne l'a pas confirmée."
    ),
    "The server gave another address for the signature.": (
        "Le serveur a donné une autre adresse pour la signature."
    ),
    "The server gave no other address for the signature that can be used.": (
        "Le serveur n'a donné aucune autre adresse utilisable pour la signature."
    ),
    "The storage does not take the signature with this machine's own credentials.": (
        "Le stockage ne prend pas la signature avec les accès propres à cette machine."
    ),
    "This machine has no credentials for the storage that can be used.": (
        "Cette machine n'a pas d'accès utilisable au stockage."
    ),
    "Nothing tells where in the storage the signature belongs.": (
        "Rien n'indique où la signature doit aller dans le stockage."
    ),
    "The intervention was read at the server before it is changed: nobody else has changed it.": (
        "L'intervention a été lue sur le serveur avant d'être modifiée : personne d'autre ne l'a modifiée."
    ),
    "The server did not show the intervention that this changes; it is sent without that look.": (
        "Le serveur n'a pas montré l'intervention à modifier ; la modification part sans ce regard."
    ),
    "The intervention that this changes was asked for, and the answer was lost.": (
        "L'intervention à modifier a été demandée, et la réponse s'est perdue."
    ),
    (
        "The server does not say when the intervention that this changes was last changed; it is "
        "sent all the same."
    ): (
        "Le serveur ne dit pas quand l'intervention à modifier l'a été pour la dernière fois ; la "
        "modification part malgré tout."
    ),
    "Somebody else has changed this intervention at the server since this was captured.": (
        "Quelqu'un d'autre a modifié cette intervention sur le serveur depuis cette saisie."
    ),
    "A sign-in page of the network, or another page, answered instead of the storage.": (
        "Une page de connexion du réseau, ou une autre page, a répondu à la place du stockage."
    ),
}
