"""How the API most likely counts and carries text: in UTF-16 code units, and as UTF-8 on the wire.

Assumed: the limits of 250 and 2500 count code units, as JavaScript does, so that an emoji counts twice.
"""


def utf16_units(text: str) -> int:
    """Length in UTF-16 code units; never less than `len(text)`."""
    return len(text) + sum(char > "\uffff" for char in text)


def lone_surrogate(text: str) -> str | None:
    """The first half of a broken surrogate pair as `U+D83D`, or None. UTF-8 has no way to write one."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"U+{ord(text[error.start]):04X}"
    return None
