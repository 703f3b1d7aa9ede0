"""What the technician reads, in French. Spaces before ; : ! ? are made unbreakable later. Keys as in `english.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    # Every page
    "title": "Mes interventions",
    "skip": "Aller au contenu",
    "back": "Retour à mes interventions",
    "leave": "Quitter",
    "language.other": "English",
    "language.other.label": "Show this page in English",
    "switch.label": "Réseau (démonstration)",
    "switch.on": "Réseau allumé",
    "switch.off": "Réseau coupé",
    "switch.turn_on": "Allumer",
    "switch.turn_off": "Couper",
    "not_running": "fieldsync ne répond pas sur cet appareil. Tout ce qui est enregistré est gardé.",
    "colon": " :",
    "offline.title": "fieldsync ne fonctionne pas sur cet appareil",
    "offline.text": (
        "Tout ce qui est enregistré est gardé sur cet appareil : rien n’est perdu. Ne réinitialisez pas la tablette. "
        "Attendez un instant et rechargez ; si cela dure, appelez votre responsable."
    ),
    # Home: the state at a glance
    "state.offline": "Hors ligne",
    "state.online": "En ligne",
    "state.kept.one": "{n} enregistrée sur cet appareil",
    "state.kept.many": "{n} enregistrées sur cet appareil",
    "state.sending.one": "{n} en cours d’envoi",
    "state.sending.many": "{n} en cours d’envoi",
    "state.gone": "tout est parti",
    "state.nothing": "rien à envoyer",
    "state.safe": "Vos saisies sont en sécurité. Elles partiront toutes seules, vous n’avez rien à faire.",
    "state.safe_online": "Vos saisies sont en sécurité. Elles partent toutes seules.",
    "state.to_fix": "Vos saisies sont en sécurité. Regardez sous « À corriger ».",
    "state.paused": "Les envois sont suspendus par votre responsable. Vous pouvez continuer à enregistrer.",
    "state.sign_in": "Reconnectez-vous pour que l’envoi reprenne. Vous pouvez continuer à enregistrer.",
    "state.all_good": "Il n’y a rien à faire.",
    "new": "Nouvelle intervention",
    "saved.title": "Enregistré sur cet appareil",
    "saved.text": "Rien ne peut se perdre, même si vous éteignez. L’envoi se fera tout seul.",
    "saved.not_in_reference_list": "À vérifier quand vous pourrez : {names}. Pas dans la liste de cet appareil.",
    "saved.site_of_other_company": "À vérifier quand vous pourrez : {names}. Un autre client, selon la liste.",
    "saved.see": "Voir ce qui est enregistré",
    "list.to_send": "À envoyer",
    "list.to_fix": "À corriger",
    "list.sent": "Envoyées",
    "list.to_send.none": "Rien n’attend.",
    "list.to_fix.none": "Rien à corriger.",
    "list.sent.none": "Rien encore.",
    "list.more.one": "et {n} autre",
    "list.more.many": "et {n} autres",
    # Kinds
    "kind.unplanned-preventive": "Préventive non planifiée",
    "kind.curative": "Curative",
    "kind.preventive-update": "Modification d’une préventive",
    "kind.training-update": "Modification d’un exercice",
    "kind.verification": "Vérification",
    "kind.other": "Intervention",
    "site": "Site {id}",
    "rule": "Règle {id}",
    "company": "Client {id}",
    "sites.more.one": "{first} et {n} autre site",
    "sites.more.many": "{first} et {n} autres sites",
    # Where one stands: short for lists, long on its own page
    "standing.done": "Envoyée",
    "standing.done.long": "Tout est arrivé, signature comprise. Il n’y a rien à faire.",
    "standing.discarded": "Abandonnée",
    "standing.discarded.long": "Votre responsable a décidé de ne pas l’envoyer. Il n’y a rien à faire.",
    "standing.sending": "En cours d’envoi",
    "standing.sending.long": "Elle part en ce moment. Il n’y a rien à faire.",
    "standing.checking": "Vérification en cours",
    "standing.checking.long": (
        "Elle est partie, mais la réponse s’est perdue. On vérifie tout seul si elle est arrivée. "
        "Ne la saisissez pas une deuxième fois."
    ),
    "standing.signature": "Arrivée, la signature suit",
    "standing.signature.long": "L’intervention est arrivée. La signature partira toute seule. Il n’y a rien à faire.",
    "standing.paused": "Envois suspendus",
    "standing.paused.long": "Elle est en sécurité ici. Elle partira quand votre responsable aura relancé les envois.",
    "standing.behind": "Attend une autre intervention",
    "standing.behind.long": "Elle est en sécurité ici. Elle partira après celle dont elle dépend.",
    "standing.sign_in": "Attend votre reconnexion",
    "standing.sign_in.long": "Elle est en sécurité ici. Reconnectez-vous et elle partira toute seule.",
    "standing.offline": "Attend le réseau",
    "standing.offline.long": "Elle est en sécurité ici. Elle partira toute seule dès que le réseau revient.",
    "standing.later": "Nouvel essai {until}",
    "standing.later.long": "Elle est en sécurité ici. Le prochain essai se fera tout seul, {until}.",
    "standing.turn": "Va partir",
    "standing.turn.long": "Elle est en sécurité ici. Elle partira toute seule au prochain envoi.",
    "standing.fix": "Refusée : à corriger",
    "standing.fix.long": "Elle a été refusée telle quelle. Corrigez-la ci-dessous : elle repartira aussitôt.",
    "standing.again": "N’a pas pu partir",
    "standing.again.long": (
        "Elle est en sécurité ici, mais elle n’a pas pu partir. Vérifiez-la et renvoyez-la ci-dessous. "
        "Si cela recommence, appelez votre responsable."
    ),
    "standing.moved": "Confiée à un autre appareil",
    "standing.moved.long": "Un autre appareil s’en occupe. Pour toute question, appelez votre responsable.",
    "standing.unsigned": "Arrivée sans la signature",
    "standing.unsigned.long": (
        "L’intervention est arrivée, mais pas la signature. Elle est gardée ici. Appelez votre responsable ; "
        "ne la saisissez pas une deuxième fois."
    ),
    "standing.unclear": "Arrivée incertaine",
    "standing.unclear.long": (
        "On ne sait pas si elle est arrivée. Elle est gardée ici. Appelez votre responsable ; "
        "ne la saisissez pas une deuxième fois."
    ),
    "standing.call": "Appelez votre responsable",
    "standing.call.long": (
        "Elle est gardée ici, mais vous ne pouvez pas la corriger vous-même. Appelez votre responsable."
    ),
    # One intervention
    "entry.what": "Ce qui est enregistré",
    "entry.recorded": "Enregistrée",
    "entry.gone": "Partie",
    "entry.reference": "Référence à donner si vous appelez",
    "entry.signature.alt": "Signature du client",
    "entry.fix": "Corriger et renvoyer",
    "entry.change": "Modifier avant l’envoi",
    "entry.fix.signature": "La signature déjà enregistrée est gardée.",
    "entry.fixed": "Correction enregistrée. L’envoi se fera tout seul.",
    "entry.fixed.same": "Renvoyée telle quelle. L’envoi se fera tout seul.",
    "fix.disliked": "Cette ligne a été refusée : vérifiez-la.",
    "fix.not.title": "Pas modifiée",
    "fix.not.being_delivered": "Elle part en ce moment même. Attendez un instant, puis regardez où elle en est.",
    "fix.not.may_still_arrive": "Elle est partie il y a un instant. Réessayez dans deux minutes.",
    "fix.not.finished": "Elle est déjà partie : elle ne peut plus être modifiée ici.",
    "fix.not.arrived": "Elle est déjà arrivée : elle ne peut plus être modifiée ici.",
    "fix.not.perhaps_arrived": "Elle est peut-être déjà arrivée. Appelez votre responsable avant de la modifier.",
    "fix.not.other": "Elle ne peut pas être modifiée ici. Appelez votre responsable.",
    # The form
    "form.title": "Nouvelle intervention",
    "form.where": "Où",
    "form.who": "Qui",
    "form.what": "Travail fait",
    "form.signature": "Signature du client",
    "form.optional": "facultatif",
    "form.company_id": "Client",
    "form.company_id.choose": "Choisissez…",
    "form.company_id.number": "Numéro du client",
    "form.company_id.hint": "S’il n’est pas dans la liste.",
    "form.site_ids": "Sites",
    "form.site_ids.number": "Numéros des sites",
    "form.site_ids.find": "Chercher un site",
    "form.rule_ids": "Règles contrôlées",
    "form.rule_ids.number": "Numéros des règles",
    "form.rule_ids.find": "Chercher une règle",
    "form.ids.hint": "Séparez plusieurs numéros par une virgule : 12, 15.",
    "form.other": "Pas dans la liste ?",
    "form.find": "Chercher",
    "form.found.none": "Rien ne correspond. Vous pouvez taper le numéro ci-dessous.",
    "form.found.more": "Il y en a d’autres : cherchez par le nom.",
    "form.first_name": "Prénom",
    "form.last_name": "Nom",
    "form.email": "E-mail",
    "form.actual_start": "Début",
    "form.action_comment": "Ce qui a été fait",
    "form.comment": "Remarque",
    "form.pad": "Faites signer ici, au doigt ou au stylet",
    "form.pad.here": "Signez ici",
    "form.pad.undo": "Annuler le trait",
    "form.pad.clear": "Effacer",
    "form.pad.cleared": "Signature effacée.",
    "form.pad.short": "Ce trait est trop petit pour une signature.",
    "form.file": "Joindre une image de la signature",
    "form.file.hint": "Image PNG ou JPEG. Si le formulaire revient, choisissez-la de nouveau.",
    "form.save": "Enregistrer",
    "form.saving": "Enregistrement…",
    "form.cancel": "Annuler",
    "form.draft": "Votre saisie d’avant a été reprise.",
    "form.draft.drop": "Recommencer à vide",
    # What is wrong
    "problems.one": "Il y a {n} point à corriger. Rien n’est encore enregistré.",
    "problems.many": "Il y a {n} points à corriger. Rien n’est encore enregistré.",
    "problem.company_id.missing": "Choisissez le client.",
    "problem.company_id.several": "Choisissez un seul client : la liste et le numéro disent autre chose.",
    "problem.site_ids.too_few_items": "Choisissez au moins un site.",
    "problem.rule_ids.too_few_items": "Choisissez au moins une règle.",
    "problem.signature.signature_missing": "Il manque la signature du client.",
    "problem.image_empty": "Cette image est vide. Faites signer de nouveau.",
    "problem.image_too_large": "Cette image est trop lourde. Choisissez-en une plus petite.",
    "problem.image_broken": "Cette image est abîmée. Faites signer de nouveau.",
    "problem.image_type": "Ce n’est pas une image PNG ou JPEG.",
    "problem.image_too_many_pixels": "Cette image est trop grande. Choisissez-en une plus petite.",
    "problem.not_a_number": "Ce doit être un numéro, sans lettres.",
    "problem.out_of_range": "Ce numéro est trop grand. Vérifiez-le.",
    "problem.not_a_time": "Indiquez le jour et l’heure.",
    "problem.bad_instant": "Cette date n’existe pas. Vérifiez-la.",
    "problem.too_long": "C’est trop long. Raccourcissez un peu.",
    "problem.lone_surrogate": "Un caractère ne peut pas être envoyé. Tapez ce texte de nouveau.",
    "problem.other": "Cette valeur n’est pas acceptée. Vérifiez-la.",
    "problem.form": "Ce formulaire n’est plus utilisable. Ouvrez-en un nouveau.",
    "notice.conflict.title": "Une autre saisie a déjà été enregistrée avec ce formulaire",
    "notice.conflict.text": (
        "Ce que vous voyez ici en est différent et n’est pas encore enregistré. Si c’est une intervention de plus, "
        "appuyez encore sur Enregistrer. Sinon, il n’y a rien à faire."
    ),
    "notice.conflict.see": "Voir celle qui est enregistrée",
    "notice.other_person.title": "Quelqu’un d’autre a ouvert fieldsync ici entre-temps",
    "notice.other_person.text": (
        "Cette page a été ouverte par une autre personne : rien n’est encore enregistré. Si cette intervention est la "
        "vôtre, appuyez encore sur Enregistrer : elle le sera à votre nom. Sinon, laissez cette page ouverte jusqu’à "
        "ce que son auteur ait rouvert fieldsync, et laissez-le l’enregistrer."
    ),
    "notice.not_stored.title": "Pas encore enregistré",
    "notice.not_stored.full": (
        "Il n’y a plus de place sur cet appareil. Ne fermez pas cette page : rien de ce que vous voyez n’est perdu. "
        "Libérez de la place (photos, vidéos), puis appuyez de nouveau sur Enregistrer."
    ),
    "notice.not_stored.other": (
        "Cet appareil n’a pas pu l’écrire. Ne fermez pas cette page : rien de ce que vous voyez n’est perdu. "
        "Appuyez de nouveau sur Enregistrer ; si cela recommence, appelez votre responsable."
    ),
    "notice.no_answer.title": "Pas encore confirmé",
    "notice.no_answer.text": (
        "fieldsync ne répond pas sur cet appareil. Ne fermez pas cette page : rien n’est perdu. "
        "Appuyez de nouveau sur Enregistrer ; rien ne sera enregistré deux fois."
    ),
    "notice.too_large.text": "C’est trop lourd pour être enregistré. Choisissez une image de signature plus petite.",
    # Pages for trouble
    "trouble.missing.title": "Cette page n’existe pas",
    "trouble.missing.text": "L’intervention que vous cherchez n’est pas sur cet appareil, ou n’est pas à vous.",
    "trouble.stranger.title": "Ouvrez fieldsync par son lien",
    "trouble.stranger.text": (
        "Cette page ne vous reconnaît pas encore. Ouvrez-la avec l’icône de fieldsync, ou demandez un nouveau lien "
        "à votre responsable. Ce qui est enregistré est gardé."
    ),
    "trouble.forbidden.title": "Cette page n’est pas pour vous",
    "trouble.forbidden.text": "Demandez à votre responsable. Ce qui est enregistré est gardé.",
    "trouble.passing.title": "Un instant",
    "trouble.passing.text": "Cet appareil est occupé. Attendez quelques secondes, puis rechargez la page.",
    "trouble.unreadable.title": "Cet appareil ne peut pas lire ses interventions",
    "trouble.unreadable.text": "Rien n’a été effacé. Ne réinitialisez pas la tablette et appelez votre responsable.",
    "trouble.other.title": "Quelque chose n’a pas marché",
    "trouble.other.text": (
        "Ce qui est enregistré est gardé. Rechargez la page ; si cela recommence, appelez votre responsable."
    ),
    "trouble.reload": "Recharger",
    # Moments
    "moment.today": "aujourd’hui à {time}",
    "moment.yesterday": "hier à {time}",
    "moment.tomorrow": "demain à {time}",
    "moment.day": "le {day} {month} à {time}",
    "moment.year": "le {day} {month} {year} à {time}",
    "month.1": "janvier",
    "month.2": "février",
    "month.3": "mars",
    "month.4": "avril",
    "month.5": "mai",
    "month.6": "juin",
    "month.7": "juillet",
    "month.8": "août",
    "month.9": "septembre",
    "month.10": "octobre",
    "month.11": "novembre",
    "month.12": "décembre",
}
