"""What the storage refuses or finds damaged, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STORAGE: Final[Mapping[str, str]] = {
    "entry {} is being delivered right now; its claim ends at {}": (
        "la saisie {} est en cours de livraison en ce moment ; cela prend fin à {}"
    ),
    "several entries end in {}: {}; give more characters": (
        "plusieurs saisies finissent par {} : {} ; donnez plus de caractères"
    ),
    "another process has {} open; let it end, and order it again": (
        "un autre processus a {} ouvert ; laissez-le finir, et recommencez"
    ),
    "{} was written to meanwhile; order it again": "{} a été modifié entre-temps ; recommencez",
    "an image belongs to entry number {}, which is not there": (
        "une image appartient à la saisie numéro {}, qui n'existe pas"
    ),
    "held, and it remembers no stage to go back to ({})": (
        "retenue, et elle ne se rappelle aucune étape où revenir ({})"
    ),
    "it has an image": "elle a une image",
    "it was found damaged before: {}": "elle a déjà été trouvée endommagée : {}",
    "its signature image is not there": "l'image de sa signature n'est pas là",
    "no entry can be in the state {}": "aucune saisie ne peut être dans l'état {}",
    "reading stopped: {}": "la lecture s'est arrêtée : {}",
    "row {} belongs to an {} that is not there": "la ligne {} appartient à un {} qui n'existe pas",
    "the database does not say any more which one it is": (
        "la base de données ne dit plus laquelle elle est"
    ),
    "the image is not what was captured": "l'image n'est pas ce qui a été saisi",
    "the payload is not what was captured": "le contenu n'est pas ce qui a été saisi",
    "the request that was sent is not what is stored": ("la demande envoyée n'est pas ce qui est gardé"),
    "the server has it, and its id is not known": "le serveur l'a, et son numéro n'est pas connu",
    "what was fixed at the capture is not what was captured": (
        "ce qui a été fixé à la saisie n'est pas ce qui a été saisi"
    ),
    "{} are counted as {}, and there are {}": "{} sont comptées comme {}, et il y en a {}",
    "another process keeps the database locked ({})": (
        "un autre processus garde la base de données verrouillée ({})"
    ),
    "no room left on the disk that holds {}": "plus de place sur le disque qui contient {}",
    "not a database": "pas une base de données",
    "the copy at {} did not come out right ({}), so it was removed": (
        "la copie {} n'est pas correcte ({}), elle a donc été supprimée"
    ),
    "{} cannot be written ({})": "{} ne peut pas être écrit ({})",
    "{} exists; a backup never overwrites anything, name another file": (
        "{} existe ; une sauvegarde n'écrase jamais rien, nommez un autre fichier"
    ),
    "{} is damaged ({}), so no copy of it was made": (
        "{} est endommagé ({}), aucune copie n'en a donc été faite"
    ),
    "not said": "non précisé",
    (
        "{} was found damaged: {}. Nothing is captured, sent or shown from it until it is recovered; "
        "do not delete it: it may hold captures that were never sent"
    ): (
        "{} a été trouvé endommagé : {}. Rien n'y est saisi, envoyé ni montré avant sa récupération "
        "; ne le supprimez pas : il contient peut-être des saisies jamais envoyées"
    ),
    "{} was removed or replaced while it was open": (
        "{} a été supprimé ou remplacé pendant qu'il était ouvert"
    ),
    "another process keeps {} locked ({})": "un autre processus garde {} verrouillé ({})",
    "{} cannot be written, or its disk reported an error ({})": (
        "{} ne peut pas être écrit, ou son disque a signalé une erreur ({})"
    ),
    (
        "{} is damaged or no database at all ({}); what can be read of it is saved by recovering it; "
        "do not delete it: it may hold captures that were never sent"
    ): (
        "{} est endommagé ou n'est pas une base de données ({}) ; ce qui peut en être lu est sauvé "
        "par la récupération ; ne le supprimez pas : il contient peut-être des saisies jamais "
        "envoyées"
    ),
    "it is no file": "ce n'est pas un fichier",
    ("{} cannot be {} by this user: the folder belongs to another user ({}); run fieldsync as that user"): (
        "{} ne peut pas être {} par cet utilisateur : le dossier appartient à un autre utilisateur "
        "({}) ; lancez fieldsync sous ce compte"
    ),
    "{} cannot be {}: {}": "{} ne peut pas être {} : {}",
    (
        "{} should be a file, and something else (such as a folder or a pipe) stands in its place; "
        "move that away"
    ): (
        "{} devrait être un fichier, et autre chose (un dossier, un tube) se trouve à sa place ; "
        "déplacez cela"
    ),
    (
        "{} should name the database that belongs here, and is damaged; remove it where the database "
        "beside it is the right one, and the next capture writes it anew"
    ): (
        "{} devrait nommer la base de données d'ici, et est endommagé ; supprimez-le si la base à "
        "côté est la bonne, et la prochaine saisie l'écrit de nouveau"
    ),
    (
        "a database was known here and {} is an empty one; bring the right one back if you know "
        "where it is; else recovering says what is left, and names a backup where there is one"
    ): (
        "une base de données était connue ici et {} est vide ; remettez la bonne si vous savez où "
        "elle est ; sinon, la récupération dit ce qui reste et nomme une sauvegarde s'il y en a une"
    ),
    (
        "a database was known here and {} is missing or empty; bring it back if you know where it "
        "is; else recovering says what is left, and names a backup where there is one"
    ): (
        "une base de données était connue ici et {} manque ou est vide ; remettez-la si vous savez "
        "où elle est ; sinon, la récupération dit ce qui reste et nomme une sauvegarde s'il y en a "
        "une"
    ),
    ("{} has schema {}, this program knows {}: install the newer fieldsync again; nothing was changed"): (
        "{} a le schéma {}, ce programme connaît le {} : réinstallez la version plus récente de "
        "fieldsync ; rien n'a été modifié"
    ),
    (
        "{} is not the database that is known here ({} names another); put the right file back, or "
        "remove the marker if this one is meant"
    ): (
        "{} n'est pas la base de données connue ici ({} en nomme une autre) ; remettez le bon "
        "fichier, ou supprimez la marque si c'est bien celle-ci"
    ),
    (
        "{} is older than what was last seen of it: {} captures and {} sends or orders are not in "
        "it. Its log (-wal) was lost, or a copy was put in its place. Bring the right files back if "
        "you know where they are; else recover, which holds back what may have been sent"
    ): (
        "{} est plus ancien que ce qui en a été vu en dernier : {} saisies et {} envois ou ordres "
        "n'y sont pas. Son journal (-wal) a été perdu, ou une copie a été mise à sa place. Remettez "
        "les bons fichiers si vous savez où ils sont ; sinon, lancez la récupération, qui retient ce "
        "qui a peut-être été envoyé"
    ),
    "{} still has schema {}; the next capture or drain upgrades it": (
        "{} a encore le schéma {} ; la prochaine saisie ou livraison le met à jour"
    ),
    "entry {} has another image on this device than in the bundle": (
        "la saisie {} a une autre image sur cet appareil que dans le paquet"
    ),
    "entry {} is on this device with other content than in the bundle": (
        "la saisie {} est sur cet appareil avec un autre contenu que dans le paquet"
    ),
    "{} stayed locked by another process for {} s": (
        "{} est resté verrouillé par un autre processus pendant {} s"
    ),
    "it is {}": "elle est {:state}",
    "it was cut off while being sent; the next pass looks into it": (
        "elle a été coupée pendant l'envoi ; le prochain passage l'examine"
    ),
    "it was handed over to another device, which may be sending it": (
        "elle a été remise à un autre appareil, qui est peut-être en train de l'envoyer"
    ),
    "no such entry": "cette saisie n'existe pas",
    "the server took it after it had refused it; show tells under which number": (
        "le serveur l'a prise après l'avoir refusée ; show dit sous quel numéro"
    ),
    "what it needs was discarded and has no server id": (
        "ce dont elle a besoin a été abandonné et n'a pas de numéro de serveur"
    ),
    (
        "id {} already belongs to another capture ({}, {}); a repeat must give the same data and "
        "image, a new intervention needs a new id"
    ): (
        "l'identifiant {} appartient déjà à une autre saisie ({}, {}) ; une répétition doit donner "
        "les mêmes données et la même image, une nouvelle intervention demande un nouvel identifiant"
    ),
    "no entry {} to wait for": "il n'y a pas de saisie {} à attendre",
    "entry {} was delivered, and what it held was removed since": (
        "la saisie {} a été livrée, et ce qu'elle contenait a été retiré depuis"
    ),
    "no entry's id ends in {}": "aucun identifiant de saisie ne finit par {}",
    ("an earlier recovery that was cut off is finished now, and this is its report; nothing else was done"): (
        "une récupération antérieure, interrompue, est maintenant terminée, et voici son compte "
        "rendu ; rien d'autre n'a été fait"
    ),
    "it is being recovered": "elle est en cours de récupération",
    "nothing was ever captured in {}": "rien n'a jamais été saisi dans {}",
    "the new database in {} is not sound ({}); nothing was moved": (
        "la nouvelle base de données dans {} n'est pas saine ({}) ; rien n'a été déplacé"
    ),
    "{} does not say that it is a copy of the database that is known here": (
        "{} ne dit pas être une copie de la base de données connue ici"
    ),
    "{} has schema {}, this program knows {}: install the newer fieldsync; nothing was changed": (
        "{} a le schéma {}, ce programme connaît le {} : installez la version plus récente de "
        "fieldsync ; rien n'a été modifié"
    ),
    "{} is a copy of another database than the one that is known here": (
        "{} est une copie d'une autre base de données que celle connue ici"
    ),
    "{} is at work on this outbox; stop the worker, and order it again": (
        "{} travaille sur cette base ; arrêtez le service d'envoi, et recommencez"
    ),
    "{}, which cannot be read ({})": "{}, qui ne peut pas être lu ({})",
    "no entry {}": "il n'y a pas de saisie {}",
    (
        "the disk that holds {} is full; free some space and capture again. What was captured before "
        "is safe and goes on being delivered"
    ): (
        "le disque qui contient {} est plein ; libérez de la place et saisissez de nouveau. Ce qui a "
        "été saisi auparavant est en sûreté et continue d'être livré"
    ),
    "cannot be {} there: the server made that of entry {}": (
        "ne peut pas être {} là : le serveur en a fait la saisie {}"
    ),
    "entry {} {}": "la saisie {} {}",
    "is known at the server already, as {}": "est déjà connue du serveur, sous le numéro {}",
    "is {}: it owes no signature for which an address would be of use": (
        "est {:state} : elle ne doit aucune signature pour laquelle une adresse servirait"
    ),
    "is {}: only what may have arrived can be said not to be there": (
        "est {:state} : seule une saisie qui est peut-être arrivée peut être dite absente du serveur"
    ),
    "is {}: only what the server has can end without its signature": (
        "est {:state} : seul ce que le serveur a peut finir sans sa signature"
    ),
    "is {}: there is nothing left of it to give up": "est {:state} : il n'en reste rien à abandonner",
    "is {}: what became of it is settled": "est {:state} : ce qu'elle est devenue est tranché",
    "it changes {}, and not {}": "elle modifie {}, et non {}",
    "after a drain that did not end properly ({})": (
        "après une livraison qui ne s'est pas terminée correctement ({})"
    ),
    "{} is damaged, found {}; nothing was sent": ("{} est endommagé, constaté le {} ; rien n'a été envoyé"),
    "an entry that is {} cannot {}": "une saisie qui est {:state} ne peut pas {}",
    "an entry that is {} from {} cannot {}": ("une saisie qui est {:state} depuis {:state} ne peut pas {}"),
    "an entry that is {} remembers no stage to go back to": (
        "une saisie qui est {:state} ne se rappelle aucune étape où revenir"
    ),
}
