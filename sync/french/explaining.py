"""What `explain_english.py` says of reasons and situations, in French, sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXPLANATIONS: Final[Mapping[str, str]] = {
    "It is tried again by itself.": "Un nouvel essai a lieu tout seul.",
    "Sign in to this network in a browser, or change the network, then: fieldsync sync": (
        "Connectez-vous à ce réseau dans un navigateur, ou changez de réseau, puis : fieldsync sync"
    ),
    "Let the same address be tried again: fieldsync resync {id}": (
        "Faire réessayer la même adresse : fieldsync resync {id}"
    ),
    (
        "When another way is set up (upload.reissue_path, upload.fallback), let it go on: fieldsync "
        "resync {id}"
    ): (
        "Une fois une autre voie réglée (upload.reissue_path, upload.fallback), la laisser repartir "
        ": fieldsync resync {id}"
    ),
    "Give it an address that support has signed: fieldsync settle {id} --upload-url-stdin": (
        "Lui donner une adresse signée par l'assistance : fieldsync settle {id} --upload-url-stdin"
    ),
    "End it without its signature at the server: fieldsync settle {id} --unsigned": (
        "La clore sans sa signature sur le serveur : fieldsync settle {id} --unsigned"
    ),
    "Hand all that is known to support: fieldsync show {id} --json": (
        "Transmettre à l'assistance tout ce que l'on sait : fieldsync show {id} --json"
    ),
    "Nothing happens by itself: it is kept whole until a person acts.": (
        "Rien ne se passe tout seul : elle est gardée entière jusqu'à ce que quelqu'un agisse."
    ),
    "Its signature follows.": "Sa signature suit.",
    "Nothing more is to do.": "Il n'y a plus rien à faire.",
    "The storage could not be reached.": "Le stockage n'a pas pu être joint.",
    "The storage could not be reached in time.": "Le stockage n'a pas pu être joint à temps.",
    "The storage asks us to slow down.": "Le stockage nous demande de ralentir.",
    "Check date and time of this device and the setting api.ca_file: fieldsync config show": (
        "Vérifiez la date et l'heure de cet appareil et le réglage api.ca_file : fieldsync config show"
    ),
    "Then try again: fieldsync sync": "Puis réessayez : fieldsync sync",
    "The storage's certificate cannot be trusted, so nothing was sent.": (
        "Le certificat du stockage n'est pas fiable : rien n'a été envoyé."
    ),
    "The sign-in is missing, has expired, or was refused by the server.": (
        "La connexion au compte manque, a expiré ou a été refusée par le serveur."
    ),
    "Sign in: fieldsync auth set{owner}": "Se connecter : fieldsync auth set{owner}",
    "The command that gets new tokens could not be started.": (
        "La commande qui obtient de nouveaux jetons n'a pas pu démarrer."
    ),
    "Check auth.command, and run it by hand as the user of the worker: fieldsync config show": (
        "Vérifiez auth.command et lancez-la à la main sous le compte du service d'envoi : fieldsync "
        "config show"
    ),
    "The command that gets new tokens failed.": ("La commande qui obtient de nouveaux jetons a échoué."),
    "The command that gets new tokens took too long and was ended.": (
        "La commande qui obtient de nouveaux jetons a pris trop de temps et a été arrêtée."
    ),
    "The command that gets new tokens printed no sign-in answer.": (
        "La commande qui obtient de nouveaux jetons n'a pas affiché de réponse de connexion."
    ),
    "The command that gets new tokens printed tokens that cannot be used.": (
        "La commande qui obtient de nouveaux jetons a affiché des jetons inutilisables."
    ),
    "The command that gets new tokens printed the same tokens again.": (
        "La commande qui obtient de nouveaux jetons a affiché les mêmes jetons."
    ),
    "The command that gets new tokens was ended together with the worker.": (
        "La commande qui obtient de nouveaux jetons a été arrêtée en même temps que le service d'envoi."
    ),
    "The server refuses the sign-in for this entry, though it takes others with the same sign-in.": (
        "Le serveur refuse la connexion pour cette saisie, alors qu'il en accepte d'autres avec la "
        "même connexion."
    ),
    "See what was tried and what the server said: fieldsync show {id}": (
        "Voir ce qui a été essayé et ce que le serveur a répondu : fieldsync show {id}"
    ),
    "Check api.base_url and api.unplanned_path: fieldsync config show": (
        "Vérifiez api.base_url et api.unplanned_path : fieldsync config show"
    ),
    "Then let the queue go on: fieldsync resume": "Puis reprenez l'envoi : fieldsync resume",
    "Nothing is sent until a person lets the queue go on.": (
        "Rien n'est envoyé tant que quelqu'un n'a pas repris l'envoi."
    ),
    "Several different entries in a row were refused for good, so something else may be wrong.": (
        "Plusieurs saisies différentes de suite ont été refusées définitivement : la cause est "
        "peut-être ailleurs."
    ),
    "Look at what was refused, and why: fieldsync list --state dead": (
        "Voir ce qui a été refusé, et pourquoi : fieldsync list --state dead"
    ),
    "Check which server is addressed: fieldsync config show": (
        "Vérifiez à quel serveur on s'adresse : fieldsync config show"
    ),
    "When the cause is gone, take up what was refused: fieldsync resync --state dead": (
        "Une fois la cause écartée, reprendre ce qui a été refusé : fieldsync resync --state dead"
    ),
    "A person has paused the queue.": "Quelqu'un a suspendu l'envoi.",
    "The queue is paused.": "L'envoi est suspendu.",
    "Once the cause is gone, let it go on: fieldsync resync {id}": (
        "Une fois la cause écartée, la laisser repartir : fieldsync resync {id}"
    ),
    "Correct what it says, then let it go on: fieldsync edit {id} --set PATH=VALUE": (
        "Corriger ce qu'elle dit, puis la laisser repartir : fieldsync edit {id} --set PATH=VALUE"
    ),
    "If the server was wrong and is put right, send it again: fieldsync resync {id}": (
        "Si le serveur avait tort et qu'il est rétabli, l'envoyer de nouveau : fieldsync resync {id}"
    ),
    ("If it changes another one, say which, then let it go on: fieldsync edit {id} --target SERVER_ID"): (
        "Si elle en modifie une autre, dire laquelle, puis la laisser repartir : fieldsync edit {id} "
        "--target SERVER_ID"
    ),
    "If it is there again, send it again: fieldsync resync {id}": (
        "Si elle y est de nouveau, envoyer encore une fois : fieldsync resync {id}"
    ),
    "If it is there, give its number on the server: fieldsync settle {id} --arrived SERVER_ID": (
        "Si elle y est, donner son numéro sur le serveur : fieldsync settle {id} --arrived SERVER_ID"
    ),
    "If it is certainly not there, let it be sent again: fieldsync settle {id} --not-arrived": (
        "S'il est certain qu'elle n'y est pas, la faire envoyer de nouveau : fieldsync settle {id} "
        "--not-arrived"
    ),
    "It arrived and is not sent again; look for it on the server: fieldsync show {id}": (
        "Elle est arrivée et n'est pas envoyée de nouveau ; la chercher sur le serveur : fieldsync show {id}"
    ),
    "It was sent, but no answer came: nobody knows yet whether the server has it.": (
        "Elle a été envoyée, mais aucune réponse n'est venue : nul ne sait encore si le serveur l'a reçue."
    ),
    ("Look on the server for an intervention with the same times, people and words: fieldsync show {id}"): (
        "Chercher sur le serveur une intervention aux mêmes heures, personnes et mots : fieldsync show {id}"
    ),
    "Let it be looked up again: fieldsync resync {id}": (
        "Faire vérifier une nouvelle fois : fieldsync resync {id}"
    ),
    "The server has more than one intervention that may be this one, so nobody guesses which.": (
        "Le serveur a plus d'une intervention qui peut être celle-ci : nous ne devinons pas laquelle."
    ),
    "See what the server has with these times: fieldsync show {id}": (
        "Voir ce que le serveur a pour ces heures : fieldsync show {id}"
    ),
    ("The server was asked and does not show it. It is asked once more before anything is sent again."): (
        "Le serveur, interrogé, ne la montre pas. Il est interrogé encore une fois avant tout nouvel envoi."
    ),
    "The server is asked again by itself; after a day without a clear answer a person is asked.": (
        "Le serveur est de nouveau interrogé tout seul ; après un jour sans réponse claire, une "
        "personne est sollicitée."
    ),
    "The server does not let us look whether it has it.": (
        "Le serveur ne nous laisse pas regarder s'il l'a reçue."
    ),
    "Check the section [lookup] and what these tokens may read: fieldsync config show": (
        "Vérifiez la section [lookup] et ce que ces jetons permettent de lire : fieldsync config show"
    ),
    "The server could not be asked whether it has it.": (
        "Le serveur n'a pas pu être interrogé pour savoir s'il l'a reçue."
    ),
    "The server's list is longer than what is read of it, so that it is not shown proves nothing.": (
        "La liste du serveur est plus longue que ce qui en est lu : ne pas l'y trouver ne prouve rien."
    ),
    "Raise lookup.max_pages, or narrow the list with lookup.parameters: fieldsync config show": (
        "Augmentez lookup.max_pages, ou restreignez la liste avec lookup.parameters : fieldsync config show"
    ),
    (
        "The server's list shows nothing of this kind that this device sent about then, so an "
        "absence proves nothing."
    ): (
        "La liste du serveur ne montre rien de ce type que cet appareil ait envoyé vers ce moment : "
        "une absence ne prouve rien."
    ),
    "Check what these tokens may read: fieldsync auth status": (
        "Vérifiez ce que ces jetons permettent de lire : fieldsync auth status"
    ),
    "What the server shows neither is this intervention for certain nor excludes it.": (
        "Ce que le serveur montre n'est pas à coup sûr cette intervention, et ne l'exclut pas non plus."
    ),
    "The server was asked, and has it.": "Le serveur a été interrogé : il l'a reçue.",
    "The server was asked twice and does not have it.": (
        "Le serveur a été interrogé deux fois : il ne l'a pas."
    ),
    (
        "The server was asked and shows the change. It is sent once more without its mail or notice, "
        "which may have gone out: so nobody gets it twice."
    ): (
        "Le serveur, interrogé, montre la modification. Elle est envoyée encore une fois sans son "
        "courriel ou son avis, qui est peut-être déjà parti : ainsi, nul ne le reçoit deux fois."
    ),
    (
        "Nobody can tell whether the change arrived. It is sent once more without its mail or "
        "notice, which may have gone out: so nobody gets it twice, and perhaps nobody at all."
    ): (
        "Nul ne peut dire si la modification est arrivée. Elle est envoyée encore une fois sans son "
        "courriel ou son avis, qui est peut-être déjà parti : ainsi, nul ne le reçoit deux fois, et "
        "peut-être personne ne le reçoit."
    ),
    ("It does nothing but write to somebody, and no answer came: nobody knows whether that was done."): (
        "Elle ne fait qu'écrire à quelqu'un, et aucune réponse n'est venue : nul ne sait si cela a été fait."
    ),
    "If it was done, say so: fieldsync settle {id} --arrived SERVER_ID": (
        "Si cela a été fait, le dire : fieldsync settle {id} --arrived SERVER_ID"
    ),
    ("If certainly nobody was written to, let it be sent again: fieldsync settle {id} --not-arrived"): (
        "S'il est certain que personne n'a reçu de message, la faire envoyer de nouveau : fieldsync "
        "settle {id} --not-arrived"
    ),
    "Give it up: fieldsync discard {id} --reason TEXT": (
        "L'abandonner : fieldsync discard {id} --reason TEXT"
    ),
    "Compare what is there with what was to be sent: fieldsync show {id}": (
        "Comparer ce qui y est avec ce qui devait être envoyé : fieldsync show {id}"
    ),
    "Send it all the same, over what is there: fieldsync resync {id}": (
        "L'envoyer malgré tout, par-dessus ce qui y est : fieldsync resync {id}"
    ),
    "The server answered with an intervention that another entry of this device had made.": (
        "Le serveur a répondu par une intervention qu'une autre saisie de cet appareil avait créée."
    ),
    "Compare the receipts of both entries: fieldsync show {id} --json": (
        "Comparer les accusés de réception des deux saisies : fieldsync show {id} --json"
    ),
    "It was tried as often as the settings allow.": (
        "Elle a été essayée autant de fois que les réglages le permettent."
    ),
    "Give it a fresh set of tries: fieldsync resync {id}": (
        "Lui accorder une nouvelle série d'essais : fieldsync resync {id}"
    ),
    "It needs the server id of an entry that was given up before the server had it.": (
        "Il lui faut le numéro de serveur d'une saisie qui a été abandonnée avant que le serveur ne "
        "l'ait reçue."
    ),
    "Give it another target: fieldsync edit {id} --target SERVER_ID": (
        "Lui donner une autre cible : fieldsync edit {id} --target SERVER_ID"
    ),
    "Give it up as well: fieldsync discard {id} --reason TEXT": (
        "L'abandonner également : fieldsync discard {id} --reason TEXT"
    ),
    (
        "An earlier change of the same intervention got no answer and may still be carried out; this "
        "one comes after."
    ): (
        "Une modification antérieure de la même intervention est restée sans réponse et peut encore "
        "être appliquée ; celle-ci vient après."
    ),
    "It is sent once that cannot be any more.": "Elle part dès que ce n'est plus possible.",
    "It needs the server id of an entry that was lost here.": (
        "Il lui faut le numéro de serveur d'une saisie qui a été perdue ici."
    ),
    "Give it the number that the server has: fieldsync edit {id} --target SERVER_ID": (
        "Lui donner le numéro que le serveur connaît : fieldsync edit {id} --target SERVER_ID"
    ),
    "A person ended it without its signature at the server.": (
        "Quelqu'un l'a close sans sa signature sur le serveur."
    ),
    "A person gave it to another owner.": "Quelqu'un l'a attribuée à un autre propriétaire.",
    "It was handed over to another device in a bundle, so this device does not send it.": (
        "Elle a été remise à un autre appareil dans un paquet : cet appareil ne l'envoie donc pas."
    ),
    (
        "Where the bundle was imported, it is delivered from there. When it is, give it up here: "
        "fieldsync discard {id} --reason delivered-elsewhere"
    ): (
        "Là où le paquet a été importé, elle part de là-bas. Une fois livrée, l'abandonner ici : "
        "fieldsync discard {id} --reason delivered-elsewhere"
    ),
    "Where the bundle was imported nowhere, take it back with it: fieldsync import FILE": (
        "Si le paquet n'a été importé nulle part, la reprendre avec lui : fieldsync import FILE"
    ),
    "Where its file is lost or was cut off, write it again: fieldsync export --again {id} -o FILE": (
        "Si son fichier est perdu ou tronqué, l'écrire de nouveau : fieldsync export --again {id} -o FILE"
    ),
    (
        "Or take it back without; were it imported after all, both devices would send it: fieldsync "
        "resync {id} --force"
    ): (
        "Ou la reprendre sans lui ; s'il avait malgré tout été importé, les deux appareils "
        "l'enverraient : fieldsync resync {id} --force"
    ),
    "See on the devices that bundles went to whether one of them has it: fieldsync show {id}": (
        "Voir, sur les appareils qui ont reçu des paquets, si l'un d'eux l'a : fieldsync show {id}"
    ),
    "When it is delivered from there, give it up here: fieldsync discard {id} --reason delivered-elsewhere": (
        "Quand elle est livrée de là-bas, l'abandonner ici : fieldsync discard {id} --reason delivered-elsewhere"
    ),
    ("If no other device has it, let it go on; the server is asked first: fieldsync resync {id} --force"): (
        "Si aucun autre appareil ne l'a, la laisser repartir ; le serveur est interrogé d'abord : fieldsync "
        "resync {id} --force"
    ),
    (
        "The database was rebuilt from a copy that is older than the last hand-over of entries, so another "
        "device may have this one and send it."
    ): (
        "La base a été reconstruite d'après une copie plus ancienne que la dernière remise d'interventions : un "
        "autre appareil a peut-être celle-ci et l'envoie."
    ),
    "It was handed over in a bundle, and taken back.": ("Elle a été remise dans un paquet, puis reprise."),
    "It came from another device in a bundle.": "Elle est venue d'un autre appareil dans un paquet.",
    "A person said that the server has it.": "Quelqu'un a dit que le serveur l'a reçue.",
    "A person said that the server does not have it.": "Quelqu'un a dit que le serveur ne l'a pas.",
    "A person gave an address for its signature.": "Quelqu'un a donné une adresse pour sa signature.",
    "A person corrected what it says.": "Quelqu'un a corrigé ce qu'elle dit.",
    (
        "A late answer shows that the server has it as it was before it was edited; the edited one "
        "is not sent, because that would make a second one."
    ): (
        "Une réponse tardive montre que le serveur l'a reçue telle qu'elle était avant sa correction "
        "; la version corrigée n'est pas envoyée, car cela en créerait une seconde."
    ),
    "Compare what it said and what it says: fieldsync show {id} --json": (
        "Comparer ce qu'elle disait et ce qu'elle dit : fieldsync show {id} --json"
    ),
    "If the server may keep it as it was, let it go on: fieldsync resync {id}": (
        "Si le serveur peut la garder telle quelle, la laisser repartir : fieldsync resync {id}"
    ),
    ("If it needed no signature, give its number on the server: fieldsync settle {id} --arrived SERVER_ID"): (
        "Si elle n'avait pas besoin de signature, donner son numéro sur le serveur : fieldsync "
        "settle {id} --arrived SERVER_ID"
    ),
    "A person gave it up.": "Quelqu'un l'a abandonnée.",
    "This program does not know this kind of entry; a newer one captured it.": (
        "Ce programme ne connaît pas ce type de saisie ; une version plus récente l'a enregistrée."
    ),
    "Install the newer version again, then: fieldsync resync {id}": (
        "Réinstallez la version plus récente, puis : fieldsync resync {id}"
    ),
    "What is stored is not what was captured, so it is not sent.": (
        "Ce qui est gardé n'est pas ce qui a été saisi : ce n'est donc pas envoyé."
    ),
    "The stored signature image is missing or is not what was captured, so it is not sent.": (
        "L'image de la signature manque ou n'est pas celle qui a été saisie : rien n'est donc envoyé."
    ),
    (
        "The database was damaged and was rebuilt from what could be read, so nobody knows whether "
        "it was sent before."
    ): (
        "La base de données était endommagée et a été reconstruite à partir de ce qui était lisible "
        ": nul ne sait si elle avait déjà été envoyée."
    ),
    (
        "Or tell whoever runs the server that this intervention has no signature; all they need: "
        "fieldsync show {id} --json"
    ): (
        "Ou signaler au responsable du serveur que cette intervention n'a pas de signature ; tout ce "
        "qu'il lui faut : fieldsync show {id} --json"
    ),
    "The server did not give another address for the signature.": (
        "Le serveur n'a pas donné d'autre adresse pour la signature."
    ),
    "Check upload.reissue_path: fieldsync config show": (
        "Vérifiez upload.reissue_path : fieldsync config show"
    ),
    "Check upload.reissue_pointer and upload.allowed_hosts: fieldsync config show": (
        "Vérifiez upload.reissue_pointer et upload.allowed_hosts : fieldsync config show"
    ),
    "Give this machine credentials for the storage, then: fieldsync sync": (
        "Donnez à cette machine un accès au stockage, puis : fieldsync sync"
    ),
    "Let whoever runs the storage allow this machine to write there, then: fieldsync sync": (
        "Demandez au responsable du stockage d'y autoriser l'écriture à cette machine, puis : fieldsync sync"
    ),
    "Check upload.bucket, upload.region and upload.key_pattern: fieldsync config show": (
        "Vérifiez upload.bucket, upload.region et upload.key_pattern : fieldsync config show"
    ),
    "The address for the signature is not one that signatures may be sent to.": (
        "L'adresse pour la signature n'est pas de celles où une signature peut être envoyée."
    ),
    "If the host is right, add it to upload.allowed_hosts and check: fieldsync config show": (
        "Si l'hôte est le bon, ajoutez-le à upload.allowed_hosts et vérifiez : fieldsync config show"
    ),
    "Then, while the address is valid: fieldsync resync {id}": (
        "Puis, tant que l'adresse est valable : fieldsync resync {id}"
    ),
    "The address for the signature carries no permission of its own.": (
        "L'adresse pour la signature ne porte aucune autorisation."
    ),
    (
        "If that is meant, set upload.fallback to anonymous or ambient-credentials and check: "
        "fieldsync config show"
    ): (
        "Si c'est voulu, réglez upload.fallback sur anonymous ou ambient-credentials et vérifiez : "
        "fieldsync config show"
    ),
    "Then: fieldsync resync {id}": "Puis : fieldsync resync {id}",
    "The address for the signature asks for headers that this program cannot give.": (
        "L'adresse pour la signature demande des en-têtes que ce programme ne peut pas donner."
    ),
    "The address for the signature cannot be used.": ("L'adresse pour la signature ne peut pas servir."),
    "The program ended in the middle of a try, so its answer is not known.": (
        "Le programme s'est arrêté au milieu d'un essai : sa réponse n'est pas connue."
    ),
    "A try was given up before its first byte left.": (
        "Un essai a été abandonné avant le départ de son premier octet."
    ),
    (
        "The storage for signatures cannot be used, so nothing that needs it is sent: its address "
        "would expire."
    ): (
        "Le stockage des signatures ne peut pas servir : rien de ce qui en a besoin n'est envoyé, "
        "car son adresse expirerait."
    ),
    "They come after an entry that needs a person.": (
        "Elles viennent après une saisie qui attend l'action de quelqu'un."
    ),
    (
        "The worker holds its place but has given no sign of life for over a minute; if that lasts, "
        "restart it."
    ): (
        "Le service d'envoi tient sa place mais n'a pas donné signe de vie depuis plus d'une minute "
        "; si cela dure, redémarrez-le."
    ),
    (
        "A process that delivers keeps the outbox to itself but has given no sign of life for over a "
        "minute. While it may still send, nobody else does: let it go on (kill -CONT) or end it."
    ): (
        "Un processus d'envoi garde la base pour lui seul mais n'a pas donné signe de vie depuis "
        "plus d'une minute. Tant qu'il peut encore envoyer, aucun autre ne le fait : laissez-le "
        "continuer (kill -CONT) ou arrêtez-le."
    ),
    (
        "The clock of this device is more than two minutes off; order and waits do not depend on it, "
        "but what is captured now names a wrong time."
    ): (
        "L'horloge de cet appareil a plus de deux minutes d'écart ; l'ordre et les attentes n'en "
        "dépendent pas, mais ce qui est saisi maintenant porte une heure fausse."
    ),
    "Put date and time of this device right before the next capture, then: fieldsync status": (
        "Corrigez la date et l'heure de cet appareil avant la prochaine saisie, puis : fieldsync status"
    ),
    "It waits for its turn.": "Elle attend son tour.",
    "It may or may not have arrived.": "Elle est peut-être arrivée, peut-être pas.",
    "It is held; no reason was recorded.": "Elle est retenue ; aucun motif n'a été noté.",
    "It was refused for good; no reason was recorded.": (
        "Elle a été refusée définitivement ; aucun motif n'a été noté."
    ),
    "Nothing is sent until the queue is resumed.": ("Rien n'est envoyé tant que l'envoi n'est pas repris."),
    "Let the queue go on: fieldsync resume": "Reprendre l'envoi : fieldsync resume",
    "It goes on when the queue does. Captures work all the same.": (
        "Elle repart quand l'envoi reprend. Les saisies restent possibles."
    ),
    "It changes what entry {id} makes, and needs the server id of that.": (
        "Elle modifie ce que la saisie {id} crée et a besoin de son numéro de serveur."
    ),
    "Its body names what entry {id} makes, and needs the server id of that.": (
        "Elle mentionne ce que la saisie {id} crée et a besoin de son numéro de serveur."
    ),
    "It is to come after entry {id}.": "Elle doit venir après la saisie {id}.",
    "Entry {id} changes the same intervention, and its turn is first.": (
        "La saisie {id} modifie la même intervention, et son tour vient d'abord."
    ),
    "That entry is {state}.": "Cette autre saisie est {state}.",
    "Look at that entry: fieldsync show {id}": "Voir cette autre saisie : fieldsync show {id}",
    "It goes on by itself once that entry is through.": (
        "Elle repart toute seule dès que l'autre saisie est passée."
    ),
    "That entry is {state} and needs a person.": (
        "Cette autre saisie est {state} et attend l'action de quelqu'un."
    ),
    "Let that entry go on: fieldsync resync {id}": (
        "Laisser repartir cette autre saisie : fieldsync resync {id}"
    ),
    "It waits for a sign-in: the tokens are missing, have expired, or were refused.": (
        "Elle attend une connexion au compte : les jetons manquent, ont expiré ou ont été refusés."
    ),
    "Or give it to somebody who is signed in: fieldsync edit {id} --owner NAME": (
        "Ou l'attribuer à quelqu'un qui est connecté : fieldsync edit {id} --owner NAME"
    ),
    "With new tokens it goes on at once; until then the old ones are tried only now and then.": (
        "Avec de nouveaux jetons, elle repart aussitôt ; d'ici là, les anciens ne sont essayés que "
        "de temps en temps."
    ),
    "Everything for the server waits until the next look.": (
        "Tout ce qui va au serveur attend la prochaine vérification."
    ),
    "Look for the server right now: fieldsync sync": ("Chercher le serveur tout de suite : fieldsync sync"),
    "Ignore the wait once: fieldsync sync --force": (
        "Passer outre l'attente une fois : fieldsync sync --force"
    ),
    "The server is looked for by itself, more and more rarely; this costs the entry no try.": (
        "Le serveur est recherché tout seul, de plus en plus rarement ; cela ne coûte aucun essai à "
        "la saisie."
    ),
    "The server has the intervention; its signature waits for the storage.": (
        "Le serveur a reçu l'intervention ; sa signature attend le stockage."
    ),
    "Look for the storage right now: fieldsync sync": ("Chercher le stockage tout de suite : fieldsync sync"),
    (
        "The signature is sent by itself as soon as the storage can be used. The intervention is not "
        "sent again."
    ): (
        "La signature part toute seule dès que le stockage peut servir. L'intervention n'est pas "
        "envoyée de nouveau."
    ),
    (
        "The storage for signatures cannot be used, so it is not sent yet: the address for its "
        "signature would expire unused."
    ): (
        "Le stockage des signatures ne peut pas servir, elle n'est donc pas encore envoyée : "
        "l'adresse de sa signature expirerait sans avoir servi."
    ),
    "It is sent by itself as soon as the storage can be used.": (
        "Elle part toute seule dès que le stockage peut servir."
    ),
    "It waits before the next try.": "Elle attend le prochain essai.",
    "Forget the wait and go now: fieldsync resync {id}": (
        "Oublier l'attente et repartir maintenant : fieldsync resync {id}"
    ),
    "It is tried again by itself at that moment.": "Un nouvel essai a lieu tout seul à ce moment-là.",
    "Try right now: fieldsync sync": "Essayer tout de suite : fieldsync sync",
    "The worker sends it when the network allows, oldest capture first.": (
        "Le service d'envoi l'envoie quand le réseau le permet, la saisie la plus ancienne d'abord."
    ),
    "The server has the intervention; its signature waits for its turn.": (
        "Le serveur a reçu l'intervention ; sa signature attend son tour."
    ),
    ("The worker sends the signature next, before anything new. The intervention is not sent again."): (
        "Le service d'envoi envoie d'abord la signature, avant toute nouvelle saisie. L'intervention "
        "n'est pas envoyée de nouveau."
    ),
    "By what it says of itself, the address for its signature has ended; the storage decides.": (
        "D'après ce qu'elle dit d'elle-même, l'adresse pour sa signature a expiré ; c'est le "
        "stockage qui décide."
    ),
    "Where the storage refuses it, the ways out follow by themselves.": (
        "Si le stockage la refuse, les autres voies suivent toutes seules."
    ),
    "The server has the intervention; the server is asked for another address for its signature.": (
        "Le serveur a reçu l'intervention ; on lui demande une autre adresse pour sa signature."
    ),
    (
        "With another address the signature is sent; without one the next way is tried. The "
        "intervention is not sent again."
    ): (
        "Avec une autre adresse, la signature est envoyée ; sans elle, la voie suivante est essayée. "
        "L'intervention n'est pas envoyée de nouveau."
    ),
    (
        "The server has the intervention; its signature goes to the storage with this machine's own "
        "credentials."
    ): (
        "Le serveur a reçu l'intervention ; sa signature va au stockage avec les accès propres à "
        "cette machine."
    ),
    "The storage confirms the signature, and it is done. The intervention is not sent again.": (
        "Le stockage confirme la signature, et c'est terminé. L'intervention n'est pas envoyée de nouveau."
    ),
    "The server has the intervention; its signature is on its way.": (
        "Le serveur a reçu l'intervention ; sa signature est en route."
    ),
    "See where it stands: fieldsync show {id}": "Voir où elle en est : fieldsync show {id}",
    "The storage confirms the signature, and it is done.": (
        "Le stockage confirme la signature, et c'est terminé."
    ),
    (
        "The intervention that it changes is being read at the server, to see whether somebody else "
        "has changed it."
    ): (
        "L'intervention qu'elle modifie est en cours de lecture sur le serveur, pour voir si "
        "quelqu'un d'autre l'a modifiée."
    ),
    "Where nobody has, it is sent; else it is held for a person.": (
        "Si personne ne l'a fait, elle est envoyée ; sinon elle est retenue pour que quelqu'un décide."
    ),
    "It is on its way to the server.": "Elle est en route vers le serveur.",
    "The answer is written down the moment it comes.": "La réponse est notée dès qu'elle arrive.",
    "It was being sent when the program ended: nobody knows yet whether it arrived.": (
        "Elle était en cours d'envoi quand le programme s'est arrêté : nul ne sait encore si elle "
        "est arrivée."
    ),
    "Let the next pass look into it now: fieldsync sync": (
        "Faire examiner cela maintenant par le prochain passage : fieldsync sync"
    ),
    "The next pass treats it as in doubt; it is not simply sent again.": (
        "Le prochain passage la considère comme incertaine ; elle n'est pas simplement envoyée de nouveau."
    ),
    "It may or may not have arrived; it is not sent again by guessing.": (
        "Elle est peut-être arrivée, peut-être pas ; elle n'est pas envoyée de nouveau au hasard."
    ),
    "Look it up now: fieldsync resync {id}": "Vérifier maintenant : fieldsync resync {id}",
    ("After its settling time the server is asked whether it has it (or what sync.in_doubt says is done)."): (
        "Passé son délai, le serveur est interrogé pour savoir s'il l'a reçue (ou ce que dit "
        "sync.in_doubt est fait)."
    ),
    "It arrived, and is never sent again.": "Elle est arrivée et n'est jamais envoyée de nouveau.",
    "The server is asked for it; where it does not show it, a person is asked for its number.": (
        "Elle est demandée au serveur ; s'il ne la montre pas, son numéro est demandé à une personne."
    ),
    "It is held.": "Elle est retenue.",
    "It was refused for good.": "Elle a été refusée définitivement.",
    "Nothing: it is delivered in full.": "Rien : elle est livrée en entier.",
    "Nothing: a person gave it up.": "Rien : quelqu'un l'a abandonnée.",
    "It is in a state that this program has no words for.": (
        "Elle est dans un état pour lequel ce programme n'a pas de mots."
    ),
    "A newer fieldsync may know what happens next.": (
        "Une version plus récente de fieldsync sait peut-être ce qui vient ensuite."
    ),
    "Let go on, it is sent with a fresh set of tries.": (
        "Si on la laisse repartir, elle est envoyée avec une nouvelle série d'essais."
    ),
    ("The server has the intervention, and its signature is owed. Let go on, only its signature is sent."): (
        "Le serveur a reçu l'intervention, il manque sa signature. Si on la laisse repartir, seule "
        "sa signature est envoyée."
    ),
    "Let go on, it is in doubt again, and that alone never sends it again.": (
        "Si on la laisse repartir, elle redevient incertaine, et cela seul ne l'envoie jamais une "
        "seconde fois."
    ),
    "The recorded reason is {reason}, for which this program has no words.": (
        "Le motif noté est {reason}, pour lequel ce programme n'a pas de mots."
    ),
}
