"""What is wrong with a file of many interventions, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BATCH: Final[Mapping[str, str]] = {
    "a server id, or {}ENTRY": "un numéro de serveur, ou {}ENTRY",
    "integers, with {} between them": "des nombres entiers, séparés par {}",
    "texts, with {} between them": "des textes, séparés par {}",
    (
        "A quotation mark that opens in this row is not closed properly (noticed in line {}). One "
        'that belongs to the text of a cell is written twice: "".'
    ): (
        "Un guillemet ouvert dans cette ligne n'est pas fermé correctement (remarqué à la ligne {}). "
        "Celui qui fait partie du texte d'une cellule s'écrit deux fois : \"\"."
    ),
    "Line {}, in a cell of several lines, cannot be read: {}": (
        "La ligne {}, dans une cellule de plusieurs lignes, ne peut pas être lue : {}"
    ),
    "Nothing from here on was read. Correct it, and import the file again.": (
        "Rien n'a été lu à partir d'ici. Corrigez, et importez de nouveau le fichier."
    ),
    "The file is empty: there is nothing to import.": ("Le fichier est vide : il n'y a rien à importer."),
    "The first line is no line of column names that ends like those of Unix or Windows do.": (
        "La première ligne n'est pas une ligne de noms de colonnes qui finisse comme celles d'Unix "
        "ou de Windows."
    ),
    "The first line is one column; columns are separated by {}.": (
        "La première ligne n'a qu'une colonne ; les colonnes sont séparées par {}."
    ),
    (
        "The row cannot be read ({}). Put a cell that holds a separator, a quotation mark or a line "
        'end into quotation marks, and write each of its own twice: "".'
    ): (
        "La ligne ne peut pas être lue ({}). Mettez entre guillemets une cellule qui contient un "
        "séparateur, un guillemet ou une fin de ligne, et écrivez deux fois chacun de ses guillemets "
        ': "".'
    ),
    (
        "The row has {} cells, and the header {}. Put a cell that holds the separator into quotation "
        "marks, and write empty cells too."
    ): (
        "La ligne a {} cellules, et l'en-tête {}. Mettez entre guillemets une cellule qui contient "
        "le séparateur, et écrivez aussi les cellules vides."
    ),
    "record too long": "enregistrement trop long",
    "{} Is it the right file?": "{} Est-ce le bon fichier ?",
    "Delete it, or correct its name.": "Supprimez-la, ou corrigez son nom.",
    "The image {} is a link that leads out of the folder of images. Copy the file there.": (
        "L'image {} est un lien qui sort du dossier des images. Copiez-y le fichier."
    ),
    "The image {} must be named from the folder of images on: no .., no whole path.": (
        "L'image {} doit être nommée à partir du dossier des images : ni .., ni chemin complet."
    ),
    "There is no image {} in the folder of images. Put it there, or correct its name.": (
        "Il n'y a pas d'image {} dans le dossier des images. Mettez-l'y, ou corrigez son nom."
    ),
    "{} is no folder. Give the one that the images are in.": (
        "{} n'est pas un dossier. Donnez celui où sont les images."
    ),
    "The row has {} problems; these are the first. Is it the right file?": (
        "La ligne a {} problèmes ; voici les premiers. Est-ce le bon fichier ?"
    ),
    "The same intervention stands in the file more than once; it was captured once.": (
        "La même intervention figure plus d'une fois dans le fichier ; elle a été saisie une seule fois."
    ),
    "at column": "à la colonne",
    ("The line holds zero bytes, as damaged files and UTF-16 text do. Save the file as UTF-8 again."): (
        "La ligne contient des octets nuls, comme les fichiers abîmés et le texte UTF-16. "
        "Enregistrez de nouveau le fichier en UTF-8."
    ),
    "The line is longer than {} bytes. No row needs that: is it the right file?": (
        "La ligne dépasse {} octets. Aucune ligne n'en a besoin : est-ce le bon fichier ?"
    ),
    "The line is not UTF-8 text at column {}. Save the file as UTF-8 (Excel: CSV UTF-8).": (
        "La ligne n'est pas du texte UTF-8 à la colonne {}. Enregistrez le fichier en UTF-8 (Excel : "
        "CSV UTF-8)."
    ),
    "line {} of the file cannot be read ({})": "la ligne {} du fichier ne peut pas être lue ({})",
    "It refers to the row in line {}, which was refused. Correct that one, and import both again.": (
        "Elle renvoie à la ligne {}, qui a été refusée. Corrigez celle-là, et importez les deux de nouveau."
    ),
    (
        "{} is neither the id of a row above this one nor an entry of this device. An entry is named "
        "by at least the last 8 characters of its id."
    ): (
        "{} n'est ni l'identifiant d'une ligne au-dessus de celle-ci, ni une saisie de cet appareil. "
        "Une saisie se nomme par au moins les 8 derniers caractères de son identifiant."
    ),
    "The file of rejects {} cannot be made ({}).": ("Le fichier des refus {} ne peut pas être créé ({})."),
    "it is not a path that can exist": "ce n'est pas un chemin qui peut exister",
    "the rejects cannot be written ({})": "les refus ne peuvent pas être écrits ({})",
    "the rejects cannot be written to {} ({})": "les refus ne peuvent pas être écrits dans {} ({})",
    "the same file is being imported by somebody else": (
        "le même fichier est en cours d'import par quelqu'un d'autre"
    ),
    "{} Name another with --rejects PATH.": "{} Nommez-en un autre avec --rejects PATH.",
    "{} is there already, and is no file of rejects.": ("{} existe déjà, et n'est pas un fichier de refus."),
    "Known here: {}; the fields of the request go into data.": (
        "Connus ici : {} ; les champs de la demande vont dans data."
    ),
    "{} is missing: all of its columns are empty. Fill in at least one of {}.": (
        "{} manque : toutes ses colonnes sont vides. Remplissez au moins l'une de celles-ci : {}."
    ),
    'data is missing. Put the fields of the request into it: {"data": {"companyId": 1, ...}}.': (
        'data manque. Mettez-y les champs de la demande : {"data": {"companyId": 1, ...}}.'
    ),
    "data must be an object, { ... } with the fields of the request.": (
        "data doit être un objet, { ... }, avec les champs de la demande."
    ),
    "{} has {} characters, and {} are allowed.": "{} a {} caractères, et {} sont permis.",
    "{} holds something that cannot be printed: {}.": (
        "{} contient quelque chose qui ne peut pas être affiché : {}."
    ),
    "{} is empty. Give it a value or leave it out.": "{} est vide. Donnez une valeur ou omettez-le.",
    "{} is not a field that a row has. {}": "{} n'est pas un champ d'une ligne. {}",
    "{} must be text. Put it in quotes, or leave it out.": (
        "{} doit être du texte. Mettez-le entre guillemets, ou omettez-le."
    ),
    "{} cannot be read ({}). Give a CSV or JSON Lines file.": (
        "{} ne peut pas être lu ({}). Donnez un fichier CSV ou JSON Lines."
    ),
    "{} does not exist. Give a CSV or JSON Lines file.": (
        "{} n'existe pas. Donnez un fichier CSV ou JSON Lines."
    ),
    (
        "{} is JSON, but not JSON Lines: each row must be one object on one line, without brackets "
        "around or commas between them."
    ): (
        "{} est du JSON, mais pas du JSON Lines : chaque ligne doit être un objet, sans crochets "
        "autour ni virgules entre elles."
    ),
    "{} is empty: there is nothing to import.": "{} est vide : il n'y a rien à importer.",
    "{} is no regular file. Give a CSV or JSON Lines file.": (
        "{} n'est pas un fichier ordinaire. Donnez un fichier CSV ou JSON Lines."
    ),
    "{} is not UTF-8 text. Save it as UTF-8 (Excel: CSV UTF-8).": (
        "{} n'est pas du texte UTF-8. Enregistrez-le en UTF-8 (Excel : CSV UTF-8)."
    ),
    "{} is the file that is imported. Name another with --rejects PATH.": (
        "{} est le fichier importé. Nommez-en un autre avec --rejects PATH."
    ),
}
