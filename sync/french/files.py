"""What `import`, `export` and `db` say of files, bundles and the database, in French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FILES: Final[Mapping[str, str]] = {
    "  ... and {} more (with --json: all)": "  ... et {} de plus (avec --json : toutes)",
    "  stays {}: {}": "  reste ici {} : {}",
    "  {} of them go along because they wait for others of them": (
        "  {} d'entre elles partent avec, parce qu'elles en attendent d'autres"
    ),
    "--again writes what was handed over, and selects nothing": (
        "--again récrit ce qui a été remis, et ne sélectionne rien"
    ),
    "--csv goes with -o, --since and --json alone": "--csv va seulement avec -o, --since et --json",
    "--since and -o - are for --csv": "--since et -o - sont pour --csv",
    "A bundle's key, the same to export and to import; made by export --new-key.": (
        "La clé d'un paquet, la même pour l'export et l'import ; créée par export --new-key."
    ),
    "A table of what was delivered, instead; -o - prints it.": (
        "À la place, un tableau de ce qui a été livré ; -o - l'affiche."
    ),
    (
        "Hand entries that were never sent to another device, in one encrypted file. They are not "
        "sent from here then.\n\nWithout IDs: all that can go, or those of a kind or owner. What waits "
        "for them goes along. Import it on ONE device.\n\nEnds with 3 where something that was asked "
        "for had to stay."
    ): (
        "Remettre à un autre appareil des saisies jamais envoyées, dans un fichier chiffré. Elles ne "
        "partent alors plus d'ici.\n\nSans ID : toutes celles qui peuvent partir, ou celles d'un type "
        "ou d'un propriétaire. Ce qui les attend part avec. Importez-le sur UN SEUL appareil.\n\nSe "
        "termine par 3 quand une saisie demandée a dû rester."
    ),
    "Make a key, and nothing else.": "Créer une clé, et rien d'autre.",
    "Only entries of this kind.": "Seulement les saisies de ce type.",
    'Only entries of this owner; "" is nobody\'s.': (
        "Seulement les saisies de ce propriétaire ; vide : celles de personne."
    ),
    "Passphrase of the bundle": "Phrase secrète du paquet",
    "Read a bundle's passphrase from standard input.": (
        "Lire la phrase secrète du paquet sur l'entrée standard."
    ),
    "Read a bundle's passphrase from this file; else it is asked for.": (
        "Lire la phrase secrète du paquet dans ce fichier ; sinon elle est demandée."
    ),
    "Say what would be handed over, and do nothing.": "Dire ce qui serait remis, et ne rien faire.",
    (
        "They are not sent from this device any more. Import the file on ONE other device: two would "
        "send them twice."
    ): (
        "Elles ne partent plus de cet appareil. Importez le fichier sur UN SEUL autre appareil : "
        "deux les enverraient deux fois."
    ),
    "WARNING: {}.": "ATTENTION : {}.",
    "Where to; must not exist yet.": "Où l'écrire ; ne doit pas encore exister.",
    "With --csv: only since then; an instant, or like 2h, 3d.": (
        "Avec --csv : seulement depuis lors ; un instant, ou comme 2h, 3d."
    ),
    "Write the bundle once more that this entry was handed over in.": (
        "Récrire le paquet dans lequel cette saisie a été remise."
    ),
    "give --passphrase-file, --passphrase-stdin or --key-file": (
        "donnez --passphrase-file, --passphrase-stdin ou --key-file"
    ),
    "give one of --passphrase-file, --passphrase-stdin and --key-file": (
        "donnez un seul de --passphrase-file, --passphrase-stdin et --key-file"
    ),
    "next, there: fieldsync import {}": "ensuite, là-bas : fieldsync import {}",
    "note: others on this device can read {}: chmod 600": (
        "remarque : d'autres sur cet appareil peuvent lire {} : chmod 600"
    ),
    (
        "note: {} no sign-in here. Sign in (fieldsync auth set), or give them to somebody who is "
        "signed in (fieldsync edit --from OWNER --owner NAME)"
    ): (
        "remarque : pas de connexion au compte ici pour {}. Connectez-vous (fieldsync auth set), ou "
        "attribuez-les à quelqu'un qui est connecté (fieldsync edit --from OWNER --owner NAME)"
    ),
    "nothing was handed over, and no file was made": ("rien n'a été remis, et aucun fichier n'a été créé"),
    "  there is nothing here that was never sent and has not left yet": (
        "  il n'y a rien ici qui n'ait jamais été envoyé et ne soit pas déjà parti"
    ),
    "say where to: -o FILE": "dites où l'écrire : -o FILE",
    "this device has": "cet appareil",
    "{} exists; a key never overwrites anything, name another file": (
        "{} existe ; une clé n'écrase jamais rien, nommez un autre fichier"
    ),
    "{} handed over in {} ({} bytes)": "{} remises dans {} ({} octets)",
    "{} is a folder; name a file in it": "{} est un dossier ; nommez un fichier dedans",
    "{} left alone: this device has handed them over since, in a later bundle": (
        "{} laissées telles quelles : cet appareil les a remises depuis, dans un paquet ultérieur"
    ),
    "{} not taken in: {}": "{} non reprises : {}",
    "{} seals bundles and opens them. Bring it to both devices by another way than the bundles.": (
        "{} scelle les paquets et les ouvre. Portez-le sur les deux appareils par un autre chemin "
        "que les paquets."
    ),
    "{} would be handed over": "{} seraient remises",
    "{} {}back from the device that they had been handed to": (
        "{} {}revenues de l'appareil auquel elles avaient été remises"
    ),
    "{} {}imported, {} were here before": "{} {}importées, {} étaient déjà ici",
    "{} {}taken back: this device had handed them over in this bundle": (
        "{} {}reprises : cet appareil les avait remises dans ce paquet"
    ),
    "--owner must be 1 to 100 bytes of printable text.": (
        "--owner doit être un texte affichable de 1 à 100 octets."
    ),
    "All {}": "Toutes les {}",
    (
        "Capture many interventions from a CSV or JSON Lines file, one a row.\n\nRows with mistakes "
        "are written to a file of rejects with line, field and reason; the others are kept. To "
        "import a\nfile again adds only what is missing.\n\nA bundle that `fieldsync export` made is "
        "taken in as a whole, or not at all."
    ): (
        "Enregistrer plusieurs interventions d'un fichier CSV ou JSON Lines, une par ligne.\n\nLes "
        "lignes fautives sont écrites dans un fichier de refus, avec la ligne, le champ et le motif "
        "; les autres sont gardées. Importer de nouveau un fichier n'ajoute que ce qui manque.\n\nUn "
        "paquet créé par `fieldsync export` est repris en entier, ou pas du tout."
    ),
    "Check everything, store nothing.": "Tout vérifier, ne rien enregistrer.",
    "Each of them": "Chacune des",
    "Else FILE.rejects.csv, beside FILE.": "Sinon FILE.rejects.csv, à côté de FILE.",
    ("Of rows that name nobody, else whose tokens this device has. Of a bundle: whose all of it is then."): (
        "Des lignes qui ne nomment personne, sinon la personne dont cet appareil a les jetons. D'un "
        "paquet : à qui tout appartient alors."
    ),
    "Of rows that name none; else {}.": "Des lignes qui n'en nomment pas ; sinon {}.",
    "Then import the same file again: what is stored is not stored twice.": (
        "Importez ensuite le même fichier de nouveau : ce qui est enregistré ne l'est pas deux fois."
    ),
    "Where the images are; else beside FILE.": "Où sont les images ; sinon à côté de FILE.",
    "a bundle has its images and kinds inside, and no rejects": (
        "un paquet contient ses images et ses types, et n'a pas de refus"
    ),
    "line {}: {}": "ligne {} : {}",
    "note: {} Rows: {} (line {}).": "remarque : {} Lignes : {} (ligne {}).",
    "nothing was read": "rien n'a été lu",
    "nothing was stored: the file cannot be imported": (
        "rien n'a été enregistré : le fichier ne peut pas être importé"
    ),
    "up to line {}": "jusqu'à la ligne {}",
    "would be captured": "seraient saisies",
    "{} is not a bundle, and needs no secret": "{} n'est pas un paquet, et ne demande pas de secret",
    "{} rows: {} {}, {} captured before, {} refused": (
        "{} lignes : {} {}, {} saisies auparavant, {} refusées"
    ),
    "{} was changed while it was read: wait until it is complete": (
        "{} a été modifié pendant la lecture : attendez qu'il soit complet"
    ),
    "{} with line, field and reason: {}": "{} avec ligne, champ et motif : {}",
    "{}. {} rows are safe ({}), {} of them new. {}": (
        "{}. {} lignes sont en sûreté ({}), dont {} nouvelles. {}"
    ),
    "it waits for a person here; see fieldsync show": ("elle attend une personne ici ; voir fieldsync show"),
    "it waits for an entry that stays here, and whose number on the server is not known yet": (
        "elle attend une saisie qui reste ici, et dont le numéro sur le serveur n'est pas encore connu"
    ),
    "it was handed over before, in another bundle": "elle a déjà été remise, dans un autre paquet",
    "it was sent and may have arrived; that has to be settled here": (
        "elle a été envoyée et est peut-être arrivée ; cela doit être tranché ici"
    ),
    "it was sent before; nobody else may send it": ("elle a déjà été envoyée ; nul autre ne doit l'envoyer"),
    "the server has it already; only its signature is still to go, from here": (
        "le serveur l'a déjà ; seule sa signature doit encore partir, d'ici"
    ),
    ", made by fieldsync {}": ", créé par fieldsync {}",
    "; this program reads format {}": " ; ce programme lit le format {}",
    "a line of the bundle is longer than {} bytes": "une ligne du paquet dépasse {} octets",
    "entry {} has the idempotency key of another one": ("la saisie {} a la clé d'idempotence d'une autre"),
    "entry {} is in the bundle twice": "la saisie {} figure deux fois dans le paquet",
    "entry {} waits for {}, which does not come before it": (
        "la saisie {} attend {}, qui ne vient pas avant elle"
    ),
    "it is a bundle of format {}": "c'est un paquet de format {}",
    "line {} of the bundle is no JSON": "la ligne {} du paquet n'est pas du JSON",
    "line {} of the bundle is not an object": "la ligne {} du paquet n'est pas un objet",
    "line {} of the bundle is not as it has to be: fields are missing or unknown": (
        "la ligne {} du paquet n'est pas comme il faut : des champs manquent ou sont inconnus"
    ),
    "line {} of the bundle is not as it has to be: {}": (
        "la ligne {} du paquet n'est pas comme il faut : {}"
    ),
    "line {} of the bundle was captured by a newer program": (
        "la ligne {} du paquet a été saisie par un programme plus récent"
    ),
    "something stands behind the last line of the bundle": ("quelque chose suit la dernière ligne du paquet"),
    "the body of entry {} is not the one that was captured": (
        "le corps de la saisie {} n'est pas celui qui a été saisi"
    ),
    "the bundle ends in the middle of a line": "le paquet s'arrête au milieu d'une ligne",
    "the bundle has no last line: it was cut": "le paquet n'a pas de dernière ligne : il a été coupé",
    "the bundle holds more than {} entries": "le paquet contient plus de {} saisies",
    "the bundle is not whole: its last line does not fit to what stands before it": (
        "le paquet n'est pas entier : sa dernière ligne ne correspond pas à ce qui précède"
    ),
    "the first line of the bundle is not as it has to be": (
        "la première ligne du paquet n'est pas comme il faut"
    ),
    "the image of entry {} is not the one that was captured": (
        "l'image de la saisie {} n'est pas celle qui a été saisie"
    ),
    "what is sealed in it is no bundle of fieldsync": (
        "ce qui y est scellé n'est pas un paquet de fieldsync"
    ),
    "entry {} is not handed over, so there is no bundle to write again": (
        "la saisie {} n'est pas remise : il n'y a pas de paquet à récrire"
    ),
    (
        "it is not certain whether {} was written whole ({}), and it could not be removed. The "
        "entries stay parked: import the file, or take them back when it is destroyed"
    ): (
        "il n'est pas certain que {} ait été écrit en entier ({}), et il n'a pas pu être supprimé. "
        "Les saisies restent retenues : importez le fichier, ou reprenez-les quand il est détruit"
    ),
    "one bundle holds at most {} entries; name fewer, or a kind or owner": (
        "un paquet contient au plus {} saisies ; nommez-en moins, ou un type ou un propriétaire"
    ),
    "somebody changed an entry while it was being handed over; nothing was handed over": (
        "quelqu'un a modifié une saisie pendant sa remise ; rien n'a été remis"
    ),
    ("the file could not be written, and the entries could not be taken back ({}). They stay parked"): (
        "le fichier n'a pas pu être écrit, et les saisies n'ont pas pu être reprises ({}). Elles "
        "restent retenues"
    ),
    (
        "what these wait for was in the bundle, and was taken back or given up here since: {}. "
        "Import the first file, or set them free here too (resync ID --force), or give them up"
    ): (
        "ce que celles-ci attendent était dans le paquet, et a été repris ou abandonné ici depuis : "
        "{}. Importez le premier fichier, ou libérez-les ici aussi (resync ID --force), ou "
        "abandonnez-les"
    ),
    (
        "{} exists: another export is writing it, or one was cut off. Nobody can import it; remove "
        "it when no export is running"
    ): (
        "{} existe : un autre export l'écrit, ou l'un d'eux a été coupé. Nul ne peut l'importer ; "
        "supprimez-le quand aucun export ne tourne"
    ),
    "{} exists; an export never overwrites anything, name another file": (
        "{} existe ; un export n'écrase jamais rien, nommez un autre fichier"
    ),
    "it cannot be read": "il ne peut pas être lu",
    "standard input": "l'entrée standard",
    "the key file holds no key that `fieldsync export --new-key` made": (
        "le fichier de clé ne contient aucune clé créée par `fieldsync export --new-key`"
    ),
    "the key file is not text": "le fichier de clé n'est pas du texte",
    "the key file must hold one key, and holds {} lines that could be one": (
        "le fichier de clé doit contenir une seule clé, et contient {} lignes qui pourraient en être une"
    ),
    ("the passphrase has fewer than {} characters; who finds the file could guess it. Take several words"): (
        "la phrase secrète a moins de {} caractères ; qui trouve le fichier pourrait la deviner. "
        "Prenez plusieurs mots"
    ),
    "the passphrase is empty": "la phrase secrète est vide",
    "the passphrase is longer than {} bytes; is it the right file?": (
        "la phrase secrète dépasse {} octets ; est-ce le bon fichier ?"
    ),
    "the passphrase is not UTF-8 text": "la phrase secrète n'est pas du texte UTF-8",
    "the passphrase must be one line; is it the right file?": (
        "la phrase secrète doit tenir sur une ligne ; est-ce le bon fichier ?"
    ),
    "it does not begin as a bundle does": "il ne commence pas comme un paquet",
    "it is sealed in another version of the format than this program reads": (
        "il est scellé dans une autre version du format que celle que lit ce programme"
    ),
    "something stands behind the end of the file": "quelque chose suit la fin du fichier",
    "the bundle is sealed with a key file, not with a passphrase": (
        "le paquet est scellé avec un fichier de clé, pas avec une phrase secrète"
    ),
    "the bundle is sealed with a passphrase, not with a key file": (
        "le paquet est scellé avec une phrase secrète, pas avec un fichier de clé"
    ),
    "the file is not whole: it was cut in or before piece {}": (
        "le fichier n'est pas entier : il a été coupé dans le morceau {} ou avant"
    ),
    "the file wants more memory for its passphrase than is allowed (2^{})": (
        "le fichier demande pour sa phrase secrète plus de mémoire que permis (2^{})"
    ),
    "the file was changed after it was made": "le fichier a été modifié après sa création",
    "the first line of the file is not as it has to be": (
        "la première ligne du fichier n'est pas comme il faut"
    ),
    "the {} is not the one that the bundle was sealed with, or its beginning was changed": (
        "le secret donné ({}) n'est pas celui avec lequel le paquet a été scellé, ou le début du "
        "paquet a été modifié"
    ),
    " and {} more": " et {} de plus",
    (
        "These entries are sent from this device again. If the bundle was imported on another device "
        "too, both send them, and the server may get each of them twice. Make sure that it was not, "
        "or discard them on one of the two"
    ): (
        "Ces saisies partent de nouveau de cet appareil. Si le paquet a aussi été importé sur un "
        "autre appareil, les deux les envoient, et le serveur peut recevoir chacune deux fois. "
        "Assurez-vous que non, ou abandonnez-les sur l'un des deux"
    ),
    (
        "They were given up on this device, which never sends them again, and neither does the "
        "device that made the bundle. If they are still wanted, import the file there, where it was "
        "made, or on another device"
    ): (
        "Elles ont été abandonnées sur cet appareil, qui ne les envoie plus jamais, et l'appareil "
        "qui a créé le paquet non plus. Si elles sont encore voulues, importez le fichier là où il a "
        "été créé, ou sur un autre appareil"
    ),
    "entry {} belongs to somebody that no device can know": (
        "la saisie {} appartient à quelqu'un qu'aucun appareil ne peut connaître"
    ),
    "entry {} does not say what it changes, as its kind has to": (
        "la saisie {} ne dit pas ce qu'elle modifie, comme son type l'exige"
    ),
    "entry {} is nothing that this program would capture: {}": (
        "la saisie {} n'est rien que ce programme accepterait : {}"
    ),
    "entry {} is of kind {}, which this program does not know; update it first": (
        "la saisie {} est de type {}, que ce programme ne connaît pas ; mettez-le d'abord à jour"
    ),
    "the body of entry {} describes another image than the one beside it": (
        "le corps de la saisie {} décrit une autre image que celle qui l'accompagne"
    ),
    "this device has other content under the same id: {}{}. Nothing was stored": (
        "cet appareil a un autre contenu sous le même identifiant : {}{}. Rien n'a été enregistré"
    ),
    "{}. Nothing was stored": "{}. Rien n'a été enregistré",
    "  {} captures are known to have been made, and nothing else is left of them": (
        "  {} saisies sont connues pour avoir été faites, et il n'en reste rien d'autre"
    ),
    "  {} entries came from {}": "  {} saisies sont venues de {}",
    "  {}: {} read, {} lost": "  {} : {} lues, {} perdues",
    "; {} as old are kept, because others wait for them": (
        " ; {} aussi anciennes sont gardées, parce que d'autres les attendent"
    ),
    "Add what only this copy of the same database has, such as a backup.": (
        "Ajouter ce que seule contient cette copie de la même base, comme une sauvegarde."
    ),
    "Also compare every index with its table; takes about twice as long.": (
        "Comparer aussi chaque index avec sa table ; prend environ deux fois plus de temps."
    ),
    "Care for the database: check it, back it up, recover what can be read of a damaged one.": (
        "Soigner la base de données : la vérifier, la sauvegarder, récupérer ce qui peut être lu "
        "d'une base endommagée."
    ),
    (
        "Look for damage: pages, rows, images, requests, counts. Changes nothing, safe beside the "
        "worker.\n\nEnds with 0 where all is well, and with 8 where anything is not as it should be."
    ): (
        "Chercher des dommages : pages, lignes, images, demandes, comptes. Ne change rien, sans "
        "danger à côté du service d'envoi.\n\nSe termine par 0 quand tout va bien, et par 8 quand "
        "quelque chose n'est pas comme il faut."
    ),
    (
        "Make a consistent, checked copy of the database, readable by you only. Safe beside the "
        "worker.\n\nWithout a file it goes into the folder backups/ of the outbox."
    ): (
        "Faire une copie cohérente et vérifiée de la base, lisible par vous seul. Sans danger à côté "
        "du service d'envoi.\n\nSans fichier, elle va dans le dossier backups/ de la base."
    ),
    (
        "Never use a copy beside the original, here or on another device: both would send the same "
        "entries. Bring one back only with: fieldsync db recover --from"
    ): (
        "N'utilisez jamais une copie à côté de l'original, ici ou sur un autre appareil : les deux "
        "enverraient les mêmes saisies. N'en remettez une qu'avec : fieldsync db recover --from"
    ),
    "Rebuild a database that looks sound, too.": "Reconstruire aussi une base qui paraît saine.",
    (
        "Remove payloads and images of what is delivered; the proof of delivery stays. Safe beside "
        "the worker.\n\nWhat another entry still waits for is kept. `fieldsync receipts` answers for "
        "what was removed, and a repeated\ncapture of it is still a duplicate."
    ): (
        "Retirer le contenu et les images de ce qui est livré ; la preuve de livraison reste. Sans "
        "danger à côté du service d'envoi.\n\nCe qu'une autre saisie attend encore est gardé. "
        "`fieldsync receipts` répond de ce qui a été retiré, et une saisie répétée reste un doublon."
    ),
    (
        "Save what can be read of a damaged or lost database into a new one. The old files are kept "
        "in damaged/.\n\nNothing that may have been sent is sent again by it: every entry that was not "
        "finished is in doubt afterwards,\nunless only single rows were damaged. Stop the worker "
        "first.\n\nEnds with 0 where nothing was lost, and with 3 where entries are lost, damaged or "
        "in doubt."
    ): (
        "Sauver dans une nouvelle base ce qui peut être lu d'une base endommagée ou perdue. Les "
        "anciens fichiers sont gardés dans damaged/.\n\nRien de ce qui a peut-être été envoyé ne l'est "
        "de nouveau : toute saisie non terminée est ensuite incertaine, sauf si seules quelques "
        "lignes étaient endommagées. Arrêtez d'abord le service d'envoi.\n\nSe termine par 0 quand "
        "rien n'est perdu, et par 3 quand des saisies sont perdues, endommagées ou incertaines."
    ),
    "Say what would be removed, and remove nothing.": ("Dire ce qui serait retiré, et ne rien retirer."),
    "What was delivered before that: an instant, or like 90d.": (
        "Ce qui a été livré avant : un instant, ou comme 90d."
    ),
    "a backup may have more: {}": "une sauvegarde en contient peut-être davantage : {}",
    "damaged: {} ({}), {} now": "endommagée : {} ({}), maintenant {:state}",
    "known since a recovery: {}: {}": "connu depuis une récupération : {} : {}",
    "lost: {}": "perdue : {}",
    "note: it holds personal data. {} {}": "remarque : elle contient des données personnelles. {} {}",
    "nothing could be read: the outbox is EMPTY now": ("rien n'a pu être lu : la base est VIDE maintenant"),
    "recovered {} entries; {} lost, {} damaged, {} in doubt": (
        "{} saisies récupérées ; {} perdues, {} endommagées, {} incertaines"
    ),
    "sound: {} entries and {} signatures were compared with what was captured": (
        "saine : {} saisies et {} signatures ont été comparées à ce qui a été saisi"
    ),
    "the damaged files and the whole report are in {}; keep them until all is settled": (
        "les fichiers endommagés et le compte rendu entier sont dans {} ; gardez-les jusqu'à ce que "
        "tout soit tranché"
    ),
    (
        "the database is sound; nothing was changed. To rebuild it all the same: fieldsync db recover --force"
    ): (
        "la base de données est saine ; rien n'a été modifié. Pour la reconstruire malgré tout : "
        "fieldsync db recover --force"
    ),
    "there is no file {}": "il n'y a pas de fichier {}",
    "{} delivered entries {}removed{}": "{} saisies livrées {}retirées{}",
    "{} entries in {} ({} bytes), checked": "{} saisies dans {} ({} octets), vérifiées",
    "{} things are not as they should be:": "{} choses ne sont pas comme il faut :",
    "  {} are as that copy knows them, which knew more": (
        "  {} sont telles que les connaît cette copie, qui en savait davantage"
    ),
    "  {} are held: another device may have them since the last export": (
        "  {} sont retenues : un autre appareil les a peut-être depuis le dernier export"
    ),
    "it may have been handed over to another device, which may be sending it": (
        "elle a peut-être été remise à un autre appareil, qui est peut-être en train de l'envoyer"
    ),
    "the reference list is damaged and was left out; import it again: fieldsync reference import FILE": (
        "la liste de référence est endommagée et a été laissée de côté ; importez-la de nouveau : "
        "fieldsync reference import FILE"
    ),
}
