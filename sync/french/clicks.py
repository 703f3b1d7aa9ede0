"""What the command line's library says by itself, in French: help pages and wrong arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CLICKS: Final[Mapping[str, str]] = {
    "Usage: ": "Utilisation : ",
    "Options": "Options",
    "Commands": "Commandes",
    "Positional arguments": "Arguments",
    "Kinds:": "Types :",
    "Show the version and exit.": "Afficher la version et terminer.",
    "Show this message and exit.": "Afficher cette aide et terminer.",
    "required": "obligatoire",
    "default: {}": "par défaut : {}",
    "Error: {}": "Erreur : {}",
    "Missing argument {}.": "Il manque l'argument {}.",
    "Missing option {}.": "Il manque l'option {}.",
    "Missing option {}. {}": "Il manque l'option {}. {}",
    "Missing command.": "Il manque la commande.",
    "No such command {}.": "Il n'y a pas de commande {}.",
    "No such option {}.": "Il n'y a pas d'option {}.",
    "No such option: {}": "Il n'y a pas d'option {}",
    "Did you mean {}?": "Vouliez-vous dire {} ?",
    "(Did you mean one of: {}?)": "(Vouliez-vous dire l'une de celles-ci : {} ?)",
    "(Possible options: {})": "(Options possibles : {})",
    "Option {} does not take a value.": "L'option {} ne prend pas de valeur.",
    "Option {} requires an argument.": "L'option {} demande une valeur.",
    "Argument {} takes {} values.": "L'argument {} prend {} valeurs.",
    "Got unexpected extra argument ({})": "Argument en trop ({})",
    "Got unexpected extra arguments ({})": "Arguments en trop ({})",
    "Invalid value for {}: {}": "Valeur incorrecte pour {} : {}",
    "Invalid value: {}": "Valeur incorrecte : {}",
    "{} is not a valid integer.": "{} n'est pas un nombre entier.",
    "{} is not a valid integer range.": "{} n'est pas un nombre entier.",
    "{} is not a valid float.": "{} n'est pas un nombre.",
    "{} is not in the range {}.": "{} n'est pas dans l'intervalle {}.",
    "{} is not one of {}.": "{} n'est pas l'un de {}.",
    "Choose from:": "Choisissez parmi :",
    "Path {} does not exist.": "Le chemin {} n'existe pas.",
    "File {} does not exist.": "Le fichier {} n'existe pas.",
    "File {} is a directory.": "{} est un dossier, pas un fichier.",
    "Directory {} does not exist.": "Le dossier {} n'existe pas.",
    "Repeat for confirmation": "Répétez pour confirmer",
    "interrupted": "interrompu",
}
