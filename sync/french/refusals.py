"""What is wrong with an input, in French: payload, image, target, reference list, tokens, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REFUSALS: Final[Mapping[str, str]] = {
    "There is no kind {}. Known kinds: {}.": "Il n'y a pas de type {}. Types connus : {}.",
    "Add --signature with a JPEG or PNG file.": "Ajoutez --signature avec un fichier JPEG ou PNG.",
    "The input": "La saisie",
    "The signature image is missing. {}": "L'image de la signature manque. {}",
    "a number of more than 20 digits": "un nombre de plus de 20 chiffres",
    "an integer": "un nombre entier",
    "holds half a character, which cannot be sent. Type the text again.": (
        "contient la moitié d'un caractère, qui ne peut pas être envoyée. Saisissez le texte de nouveau."
    ),
    "is an empty list, and needs at least one item. Add one.": (
        "est une liste vide, et demande au moins un élément. Ajoutez-en un."
    ),
    "is called {} in this call. Rename it.": "s'appelle {} dans cet appel. Renommez-le.",
    "is missing, and the API requires it. Add it.": "manque, et l'API l'exige. Ajoutez-le.",
    "is no place for an intervention of this device. Give the API's number.": (
        "n'est pas un endroit pour une intervention de cet appareil. Donnez le numéro de l'API."
    ),
    "is not a field of this call. It takes {}: {}. Give these instead.": (
        "n'est pas un champ de cet appel. Il prend {} : {}. Donnez ceux-ci à la place."
    ),
    "is not a field the API knows. Did you mean {}?": (
        "n'est pas un champ que l'API connaît. Vouliez-vous dire {} ?"
    ),
    "is not a field the API knows. Known here: {}. Remove it.": (
        "n'est pas un champ que l'API connaît. Connus ici : {}. Supprimez-le."
    ),
    "is null, and must be {}. Give it a value, or leave it out if it is optional.": (
        "est nul, et doit être {}. Donnez-lui une valeur, ou omettez-le s'il est facultatif."
    ),
    "is too large; the most allowed is {le}. Correct the number.": (
        "est trop grand ; le maximum permis est {le}. Corrigez le nombre."
    ),
    "is too small; the least allowed is {ge}. Correct the number.": (
        "est trop petit ; le minimum permis est {ge}. Corrigez le nombre."
    ),
    "must be {}, and is {}. Correct the value.": "doit être {}, et est {}. Corrigez la valeur.",
    "scheduledEnd is not after scheduledStart.": "scheduledEnd n'est pas après scheduledStart.",
    (
        "signature.{} says {}{}, but the image is {}{}. Correct it, or leave signature.{} out: it is "
        "derived from the image."
    ): (
        "signature.{} dit {}{}, mais l'image est {}{}. Corrigez-le, ou omettez signature.{} : il est "
        "tiré de l'image."
    ),
    "the ids of pairs of a site and a rule, which are numbers of their own": (
        "les numéros de paires d'un site et d'une règle, qui ont leurs propres numéros"
    ),
    "true or false": "vrai ou faux (true ou false)",
    "{} (not an integer)": "{} (pas un nombre entier)",
    "{} (text)": "{} (texte)",
    "{} sends no image. Leave --signature out.": "{} n'envoie pas d'image. Omettez --signature.",
    "The signature image": "L'image de la signature",
    "The signature image {}": "L'image de la signature {}",
    "a checksum in it is wrong": "une somme de contrôle y est fausse",
    "a folder": "un dossier",
    "a pipe or device": "un tube ou un périphérique",
    "it has far too many scans": "elle a beaucoup trop de passes",
    "its end is missing": "la fin manque",
    "{} cannot be read: {}. Check the file.": "{} ne peut pas être lue : {}. Vérifiez le fichier.",
    "{} does not exist. Check the path.": "{} n'existe pas. Vérifiez le chemin.",
    "{} has {} x {} pixels, and {} in all are allowed. Save it smaller.": (
        "{} a {} x {} pixels, et {} en tout sont permis. Enregistrez-la plus petite."
    ),
    "{} is damaged: it has no pixels. Sign and save it again.": (
        "{} est abîmée : elle n'a pas de pixels. Signez et enregistrez de nouveau."
    ),
    "{} is damaged: {}. Sign and save it again.": ("{} est abîmée : {}. Signez et enregistrez de nouveau."),
    "{} is empty. Sign and save it again.": "{} est vide. Signez et enregistrez de nouveau.",
    "{} is larger than {} bytes. Save it smaller.": ("{} dépasse {} octets. Enregistrez-la plus petite."),
    "{} is not a path that can exist. Check it.": ("{} n'est pas un chemin qui peut exister. Vérifiez-le."),
    "{} is {}, not a file. Give the path of a JPEG or PNG file.": (
        "{} est {}, pas un fichier. Donnez le chemin d'un fichier JPEG ou PNG."
    ),
    "{} is {}, whatever its name says. Save it as JPEG or PNG.": (
        "{} est {}, quoi qu'en dise son nom. Enregistrez-la en JPEG ou PNG."
    ),
    "a BMP image": "une image BMP",
    "a GIF image": "une image GIF",
    "a HEIC image": "une image HEIC",
    "a JPEG 2000 image": "une image JPEG 2000",
    "a PDF document": "un document PDF",
    "a TIFF image": "une image TIFF",
    "a WebP image": "une image WebP",
    "a ZIP archive or office document": "une archive ZIP ou un document bureautique",
    "a file of unknown kind": "un fichier de type inconnu",
    "a text file": "un fichier texte",
    "a video or audio file": "un fichier vidéo ou audio",
    "an AVIF image": "une image AVIF",
    "an HTML page": "une page HTML",
    "an SVG drawing": "un dessin SVG",
    "an icon file": "un fichier d'icône",
    "plan corrective work for anomalies that were found": (
        "planifier des travaux correctifs pour des anomalies constatées"
    ),
    "holds half a character ({broken}), which cannot be sent. Type the text again.": (
        "contient la moitié d'un caractère ({broken}), qui ne peut pas être envoyée. Saisissez le "
        "texte de nouveau."
    ),
    "is empty. Give it a value or leave it out.": "est vide. Donnez une valeur ou omettez-le.",
    "is {given}, and must be one of {allowed}. Correct the number.": (
        "est {given}, et doit être l'un de {allowed}. Corrigez le nombre."
    ),
    "is {units} characters long (UTF-16 units), and {max_units} are allowed. Take off {over}.": (
        "a {units} caractères (unités UTF-16), et {max_units} sont permis. Retirez-en {over}."
    ),
    ("must be a real UTC moment with a final Z, and is {given}. Write it like 2024-12-01T12:34:56Z."): (
        "doit être un instant UTC réel terminé par Z, et est {given}. Écrivez-le comme 2024-12-01T12:34:56Z."
    ),
    "must be the server id of an intervention, or {example} for one that is not created yet.": (
        "doit être le numéro de serveur d'une intervention, ou {example} pour une intervention pas "
        "encore créée."
    ),
    "change scheduled preventive work": "modifier des travaux préventifs planifiés",
    "change a scheduled training session": "modifier une formation planifiée",
    "record preventive work that was not scheduled, with the customer's signature": (
        "consigner des travaux préventifs non planifiés, avec la signature du client"
    ),
    "accept or reject an intervention as the client": (
        "accepter ou refuser une intervention en tant que client"
    ),
    "The JSON is broken at {}: {}. Correct it there.": (
        "Le JSON est incorrect à {} : {}. Corrigez-le à cet endroit."
    ),
    "The JSON is larger than the {} bytes that are allowed. Is it the right file?": (
        "Le JSON dépasse les {} octets permis. Est-ce le bon fichier ?"
    ),
    "The JSON is nested more than {} levels deep. No request needs that: is it the right file?": (
        "Le JSON est imbriqué sur plus de {} niveaux. Aucune demande n'en a besoin : est-ce le bon fichier ?"
    ),
    "The JSON is not UTF-8 text at line {}, column {}. Save the file as UTF-8.": (
        "Le JSON n'est pas du texte UTF-8 à la ligne {}, colonne {}. Enregistrez le fichier en UTF-8."
    ),
    "The JSON must be one object, { ... } with the fields of the request. Put them in one.": (
        "Le JSON doit être un seul objet, { ... }, avec les champs de la demande. Mettez-les dans un seul."
    ),
    "The {} of {} holds half a character ({}), which cannot be sent. Retype it.": (
        "Dans {}, {} contient la moitié d'un caractère ({}), qui ne peut pas être envoyée. "
        "Saisissez-le de nouveau."
    ),
    "There is no JSON: the input is empty. Give the request body as one object.": (
        "Il n'y a pas de JSON : l'entrée est vide. Donnez le corps de la demande comme un seul objet."
    ),
    "is a number of {} digits. Correct the number.": ("est un nombre de {} chiffres. Corrigez le nombre."),
    "is {}, too large for a number. Correct it.": "est {}, trop grand pour un nombre. Corrigez-le.",
    "is {}, which JSON does not have. Give a number, or leave the field out.": (
        "est {}, que JSON ne connaît pas. Donnez un nombre, ou omettez le champ."
    ),
    "line {}, column {}": "ligne {}, colonne {}",
    "{} is given more than once. Keep the one that is meant.": (
        "{} est donné plus d'une fois. Gardez celui qui est voulu."
    ),
    (
        "Another entry of this device has the same {}. Should an answer ever be lost, the two cannot "
        "be told apart by it."
    ): (
        "Une autre saisie de cet appareil a le même {}. Si une réponse se perdait, il ne permettrait "
        "pas de les distinguer."
    ),
    "must be 1 to 100 bytes of printable text.": "doit être un texte affichable de 1 à 100 octets.",
    "must be a UUID, such as one that a repeat of this capture had.": (
        "doit être un UUID, comme celui que portait une répétition de cette saisie."
    ),
    "a curative intervention": "une intervention corrective",
    "a preventive intervention": "une intervention préventive",
    "a training session": "une formation",
    "is missing: {} changes an intervention. Give its server id, or local:ENTRY.": (
        "manque : {} modifie une intervention. Donnez son numéro de serveur, ou local:ENTRY."
    ),
    "is not wanted: {} makes a new intervention. Leave it out.": (
        "n'est pas attendu : {} crée une nouvelle intervention. Omettez-le."
    ),
    "is {}, and must be the server id of an intervention, or local:ENTRY.": (
        "est {}, et doit être le numéro de serveur d'une intervention, ou local:ENTRY."
    ),
    "names entry {}, of which nothing is left but that it was {}. Give its server id.": (
        "nomme la saisie {}, dont il ne reste rien, sauf qu'elle était {1:state}. Donnez son numéro "
        "de serveur."
    ),
    "names entry {}, which is {} and creates no intervention. Name the entry that does.": (
        "nomme la saisie {}, qui est {} et ne crée pas d'intervention. Nommez la saisie qui en crée une."
    ),
    (
        "names entry {}, which was discarded and will never have a server id. If the server has it "
        "all the same, give its server id."
    ): (
        "nomme la saisie {}, qui a été abandonnée et n'aura jamais de numéro de serveur. Si le "
        "serveur l'a malgré tout, donnez son numéro de serveur."
    ),
    "names this entry itself. Name another one.": ("nomme cette saisie elle-même. Nommez-en une autre."),
    "names {} (entry {}), and {} changes {}.": "nomme {} (saisie {}), et {} modifie {}.",
    "names {}, and no entry's id ends in that.": ("nomme {}, et aucun identifiant de saisie ne finit ainsi."),
    "names {}, which several entries end in: {}.": ("nomme {}, et plusieurs saisies finissent ainsi : {}."),
    "waits for this entry itself.": "attend cette saisie elle-même.",
    "Column {} has no name. Name it, or delete it.": (
        "La colonne {} n'a pas de nom. Nommez-la, ou supprimez-la."
    ),
    "Did you mean {}?": "Vouliez-vous dire {} ?",
    "No line of the file has the company {}. Add it, or correct the number.": (
        "Aucune ligne du fichier n'a la société {}. Ajoutez-la, ou corrigez le numéro."
    ),
    "Only a site has a company; leave it empty for a {}.": (
        "Seul un site a une société ; laissez ce champ vide pour {}."
    ),
    "The column {} is missing. The first line names the columns.": (
        "La colonne {} manque. La première ligne nomme les colonnes."
    ),
    "The column {} is there more than once. Keep the one that is meant.": (
        "La colonne {} figure plus d'une fois. Gardez celle qui est voulue."
    ),
    "The file is larger than the {} bytes that are allowed. Is it the right one?": (
        "Le fichier dépasse les {} octets permis. Est-ce le bon ?"
    ),
    "The file is not UTF-8 text. Save it as UTF-8 (Excel: CSV UTF-8).": (
        "Le fichier n'est pas du texte UTF-8. Enregistrez-le en UTF-8 (Excel : CSV UTF-8)."
    ),
    "The file names nothing. To have no list at all: fieldsync reference clear.": (
        "Le fichier ne nomme rien. Pour n'avoir aucune liste : fieldsync reference clear."
    ),
    "The lines up to here have {} problems; the rest was not read.": (
        "Les lignes jusqu'ici ont {} problèmes ; le reste n'a pas été lu."
    ),
    "The type is missing": "Le type manque",
    "The {} {} is in line {} already. Keep the one that is meant.": (
        "Le {} {} figure déjà à la ligne {}. Gardez celui qui est voulu."
    ),
    "There are: {}.": "Il y a : {}.",
    "There is no column {}. {}": "Il n'y a pas de colonne {}. {}",
    "There is no type {}": "Il n'y a pas de type {}",
    "column {}": "colonne {}",
    "line {}": "ligne {}",
    "line {}, {}": "ligne {}, {}",
    "name has {} characters, and {} are allowed.": "name a {} caractères, et {} sont permis.",
    "name holds something that cannot be printed: {}. Type it again.": (
        "name contient quelque chose qui ne peut pas être affiché : {}. Saisissez-le de nouveau."
    ),
    "name is missing. What is it called?": "name manque. Quel est son nom ?",
    "{} is missing. Give the number that the API has.": ("{} manque. Donnez le numéro que l'API connaît."),
    "{} is {}, and must be a whole number.": "{} est {}, et doit être un nombre entier.",
    "{} is {}, and must be from 1 to {}.": "{} est {}, et doit être compris entre 1 et {}.",
    "{}. Write {}.": "{}. Écrivez {}.",
    "{} belongs to another user; run fieldsync as that user": (
        "{} appartient à un autre utilisateur ; lancez fieldsync sous ce compte"
    ),
    "{} should be a folder, and is a link; remove it, and the next command makes it anew": (
        "{} devrait être un dossier, et c'est un lien ; supprimez-le, et la prochaine commande le recrée"
    ),
    "{} should be a folder, and something else stands in its place; move that away": (
        "{} devrait être un dossier, et autre chose se trouve à sa place ; déplacez cela"
    ),
    "An owner is 1 to {} bytes of printable text.": (
        "Un propriétaire est un texte affichable de 1 à {} octets."
    ),
    "The new tokens belong to another user than those they replace.": (
        "Les nouveaux jetons appartiennent à un autre utilisateur que ceux qu'ils remplacent."
    ),
    "The two tokens belong to different users. Sign in again and give both of one answer.": (
        "Les deux jetons appartiennent à des utilisateurs différents. Reconnectez-vous et donnez les "
        "deux d'une même réponse."
    ),
    "The {} {}.": "Le {} {}.",
    "bearer token": "jeton au porteur",
    "session token": "jeton de session",
    "begins with the word Bearer; give only what follows it": (
        "commence par le mot Bearer ; donnez seulement ce qui suit"
    ),
    "holds a space, a line break or another character that no token has": (
        "contient une espace, un saut de ligne ou un autre caractère qu'aucun jeton n'a"
    ),
    "is empty": "est vide",
    "is longer than {} characters": "dépasse {} caractères",
    "not a sign-in answer": "pas une réponse de connexion",
    "the tokens in the sign-in answer are not text": (
        "les jetons de la réponse de connexion ne sont pas du texte"
    ),
    "The sign-in has expired.": "La connexion au compte a expiré.",
    "There are no sign-in tokens on this device for these entries.": (
        "Il n'y a pas de jetons de connexion sur cet appareil pour ces saisies."
    ),
    "host {} is not on the list of upload hosts": ("l'hôte {} n'est pas dans la liste des hôtes d'envoi"),
    "it carries a user name or password": "elle porte un nom d'utilisateur ou un mot de passe",
    "it carries no signature": "elle ne porte pas de signature",
    "it carries parts of a signature but not all of it": (
        "elle porte des parties d'une signature, mais pas toutes"
    ),
    "it contains a backslash": "elle contient une barre oblique inverse",
    "it contains spaces, control characters or characters outside ASCII": (
        "elle contient des espaces, des caractères de contrôle ou des caractères hors ASCII"
    ),
    "it has a fragment": "elle a un fragment",
    "it is longer than {} characters": "elle dépasse {} caractères",
    "it is missing": "elle manque",
    "it is more than one line": "elle tient sur plus d'une ligne",
    "it is not an absolute URL": "ce n'est pas une adresse absolue",
    "it is not https": "elle n'est pas en https",
    "it names no object": "elle ne nomme aucun objet",
    "it points at the API itself": "elle mène à l'API elle-même",
    "its address can never be storage": "son adresse ne peut jamais être celle d'un stockage",
    "its host is an address, not a name": "son hôte est une adresse, pas un nom",
    "its host is missing or malformed": "son hôte manque ou est mal écrit",
    "its port is not a port number": "son port n'est pas un numéro de port",
    "port {} is not configured for uploads": "le port {} n'est pas réglé pour les envois",
    "the address cannot be read": "l'adresse ne peut pas être lue",
    "the address is no plain bucket of S3: an access point, an outpost or the like": (
        "l'adresse n'est pas un simple compartiment de S3 : un point d'accès, un avant-poste ou autre"
    ),
    "the address is not one of Amazon's, and upload.bucket is not set": (
        "l'adresse n'est pas l'une de celles d'Amazon, et upload.bucket n'est pas réglé"
    ),
    "the address names another bucket than upload.bucket": (
        "l'adresse nomme un autre compartiment que upload.bucket"
    ),
    "the address names no bucket": "l'adresse ne nomme aucun compartiment",
    "the address names no object": "l'adresse ne nomme aucun objet",
    "the key is longer than S3 allows": "la clé est plus longue que S3 ne le permet",
    "the key of the address is not UTF-8": "la clé de l'adresse n'est pas en UTF-8",
    "there is no address, and upload.bucket and upload.key_pattern do not name a place": (
        "il n'y a pas d'adresse, et upload.bucket et upload.key_pattern ne nomment aucun endroit"
    ),
    "upload.key_pattern wants {}, which the server did not tell": (
        "upload.key_pattern demande {}, que le serveur n'a pas dit"
    ),
    "{} not in the reference list; check the number.": (
        "{} pas dans la liste de référence ; vérifiez le numéro."
    ),
    "{} of another company in the reference list; check the number.": (
        "{} d'une autre société dans la liste de référence ; vérifiez le numéro."
    ),
    "{} {} are": "{} {} sont",
    "{} {} is": "{} {} est",
    "exit code {}": "code de sortie {}",
    "Correct api.base_url, api.ca_file or the proxy variables": (
        "Corrigez api.base_url, api.ca_file ou les variables du serveur mandataire"
    ),
    "Set FIELDSYNC_API__BASE_URL, such as https://HOST/main": (
        "Réglez FIELDSYNC_API__BASE_URL, comme https://HOST/main"
    ),
    "the address of the API is not set": "l'adresse de l'API n'est pas réglée",
    "{} is no path, such as provider.firstName or siteIds[0].": (
        "{} n'est pas un chemin comme provider.firstName ou siteIds[0]."
    ),
}
