"""Public ids in Abaco's visible form: 13 letters and digits (abaco-api.md, section 3).

The last two characters check the others, so an id can be told from an alias by looking at it
alone, as Abaco does by decoding its Hashids.
"""

import hashlib
import secrets
from collections.abc import Callable

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BODY = 11
_LENGTH = 13

IdSource = Callable[[], str]


def new_id() -> str:
    """A new random id: 65 random bits and a check."""
    number = secrets.randbits(65)
    body = ""
    for _ in range(_BODY):
        number, digit = divmod(number, 62)
        body += ALPHABET[digit]
    return body + _check(body)


def is_id(text: str) -> bool:
    """Whether `text` can be an id of ours; an alias passes once in 3844 of 13-character names."""
    return (
        len(text) == _LENGTH
        and all(c in ALPHABET for c in text)
        and _check(text[:_BODY]) == text[_BODY:]
    )


def _check(body: str) -> str:
    number = int.from_bytes(hashlib.blake2b(body.encode(), digest_size=4).digest())
    return ALPHABET[number % 62] + ALPHABET[number // 62 % 62]
