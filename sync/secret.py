"""Values nobody may read by accident, and the filter that takes them out of text.

`Secret` keeps a token or a signed address out of every repr; `redact` cleans text that others wrote before it is
stored, shown or logged. Both lean on the same memory: what was once a `Secret` is recognised in any text, which is
the only way to catch a token that looks like nothing in particular. Redact before cutting: half a token has no mark.
"""

import re
from collections import OrderedDict
from functools import cache
from threading import Lock
from typing import Final, NoReturn

MASK: Final = "***"

_MEMORY_SIZE = 128  # tokens change by the hour, and a worker runs for months
_SHORTEST_REMEMBERED = 8  # hiding every "abc" would make logs unreadable and save nothing
_LONG_FOR_WORDS = 24  # shorter and without a digit it is a word, such as a header's name, and no token
_known: OrderedDict[str, None] = OrderedDict()
_known_lock = Lock()


def _remember(value: str) -> None:
    has_digit = any(char.isdigit() for char in value)
    if len(value) < (_SHORTEST_REMEMBERED if has_digit else _LONG_FOR_WORDS):
        return
    with _known_lock:
        _known[value] = None
        _known.move_to_end(value)
        if len(_known) > _MEMORY_SIZE:
            _known.popitem(last=False)


class Secret:
    """A text that shows itself only to who calls `reveal()`. Equal by value, false when empty."""

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str, *, remembered: bool = True) -> None:
        """`remembered` False is for the many and short-lived that `redact` knows by their form, such as signed URLs."""
        object.__setattr__(self, "_value", value)
        if remembered:
            _remember(value)

    def reveal(self) -> str:
        return self._value

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        # A pickle is a file in waiting: the value would be readable in it.
        raise TypeError("a secret cannot be pickled")


# A value as it stands in headers, reprs, JSON, and JSON inside JSON: in its own quotes, or up to a separator.
# An HTTP auth scheme in front belongs to it, or `Authorization: Basic abc` would lose only the word Basic.
_VALUE = (
    r"""(?:(b?")(?:[^"\\]|\\[\s\S])*|(b?')(?:[^'\\]|\\[\s\S])*|(\\{1,8}")[^"\\]*|(\\{1,8}')[^'\\]*"""
    r"""|(?:(?:Basic|Bearer|Digest|Token)\s+)?[^\s,;&<>"'}\])]+)"""
)
_HIDDEN = rf"\1\2\3\4\5{MASK}"  # the name, the opening quote if any, and no value
_NAMES = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|password|passwd|client[-_]?secret"
    r"|(?:access|refresh|session|security|bearer|auth|api|id)[-_]{0,2}token|secret[-_]?access[-_]?key"
)
_GIVES = r"""(?:\\{0,8}["']?\s{0,8}(?:[:=]|=>)\s*|\\{0,8}["']\s{0,8},\s*|%3D)"""

_WORD = r"(?:[^\s\"'<>]|'(?=[\w%&=+.-]))+"  # an apostrophe inside an address does not end it
_ENCODED_QUERY = r"(?i)%(?:25)?3F[^&]*"
_LONGEST = 65_536  # nothing longer is stored or logged, and what a server sends must not cost seconds here


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    # Compiled at first use: some 3 ms, and `fieldsync status` rarely has anything to redact.
    return (
        # The slashes of an address may be escaped: it may come out of JSON.
        (re.compile(r"(?i)([a-z][a-z0-9+.-]{0,20}:(?:\\?/){2})[^\s/?#@\"'<>]+@"), rf"\1{MASK}@"),
        # JWT: a JSON object in base64url begins with one of these; the first is what everybody sends, whole or cut.
        (re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:(?:\.|%2E)[A-Za-z0-9_-]*)*"), MASK),
        (re.compile(r"(?:eyA|ewo|ew0|ewk)[A-Za-z0-9_-]{6,512}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), MASK),
        (re.compile(rf"(?i)((?<![a-z0-9])(?:{_NAMES}){_GIVES}){_VALUE}"), _HIDDEN),
        (re.compile(rf"(?i)(\\{{0,8}}[\"']token\\{{0,8}}[\"']\s{{0,8}}:\s*|\btoken=){_VALUE}"), _HIDDEN),
        # "Bearer token missing" is a sentence and stays one.
        (
            re.compile(r"(?i)\b(bearer(?:\s|%20|[:=])+)(?!(?:tokens?|auth\w*)(?:[\s.,;:!]|$))[^\s\"',;<>]+"),
            rf"\1{MASK}",
        ),
        (
            re.compile(
                r"(?i)((?:X-Amz-[a-z0-9-]{1,40}|\bSignature|\bCredential|AWSAccessKeyId|GoogleAccessId)"
                r"(?:=|%3D|%253D))[^&\s\"'<>,]+"
            ),
            rf"\1{MASK}",
        ),
        # S3 explains a refused signature by repeating all of it.
        (
            re.compile(
                r"(?i)<(AWSAccessKeyId|SignatureProvided|StringToSign(?:Bytes)?|CanonicalRequest(?:Bytes)?|Token-\d+)>"
                r"[^<]*"
            ),
            rf"<\1>{MASK}",
        ),
        (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), MASK),
    )


def redact(text: str) -> str:
    """`text` without URL queries, tokens, signatures and any value that was ever a `Secret` in this process.

    Too much rather than too little; never raises. Give it the whole text and cut afterwards.
    """
    if not text:
        return text
    with _known_lock:
        # Longest first: one secret may be the beginning of another.
        known = sorted((value for value in _known if value in text), key=len, reverse=True)
    for value in known:
        text = text.replace(value, MASK)
    if len(text) > _LONGEST:
        text = text[:_LONGEST]
    for pattern, replacement in _rules():
        text = pattern.sub(replacement, text)
    if "?" in text or "%3" in text or "%253" in text:
        text = re.sub(_WORD, _without_query, text)
    return text


def _without_query(word: re.Match[str]) -> str:
    """One word of a text; an address in it, or a bare request target as connection libraries log it, is cut."""
    text = word[0]
    path, mark, query = text.partition("?")
    if query and "/" in path:
        text = f"{path}{mark}{MASK}"
    if "%2" in text:  # an address inside an address, or one that a form has encoded
        text = re.sub(_ENCODED_QUERY, f"?{MASK}", text)
    return text
