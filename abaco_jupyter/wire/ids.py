"""Public ids in Abaco's visible form: 13 letters and digits (abaco-api.md, section 3).

The last two characters check the others, so an id can be told from an alias by looking at it
alone, as Abaco does by decoding its Hashids.
"""

import hashlib
import secrets
from collections.abc import Callable
from itertools import count

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BODY = 11
_LENGTH = 13

IdSource = Callable[[], str]


def new_id() -> str:
    """A new random id: 65 random bits and a check."""
    return _spell(secrets.randbits(65))


class IdSequence:
    """An IdSource for what is made often and is no secret: ids that follow one another.

    The start is random, so that no two sequences meet. Rows that are added together then lie
    together in an index: the store takes about twice as many messages a second as with `new_id`.
    Who knows one id can guess the next: never use it for a credential.
    """

    def __init__(self) -> None:
        self._numbers = count(secrets.randbits(64))

    def __call__(self) -> str:
        return _spell(next(self._numbers))


class IdBlocks:
    """Blocks of ids that follow one another, within a block and from block to block."""

    def __init__(self) -> None:
        self._next = secrets.randbits(64)

    def take(self, count: int) -> str:
        """The first id of a block of `count`; `following` has the others."""
        first, self._next = self._next, self._next + count
        return _spell(first)


def following(first: str, offset: int, count: int) -> list[str]:
    """`count` ids of a block, from its `offset`-th on. Raises ValueError if `first` is no id."""
    if not is_id(first):
        raise ValueError(f"{first!r} is no id")
    number = 0
    for letter in first[:_BODY]:
        number = number * 62 + ALPHABET.index(letter)
    found: list[str] = []
    start, end = number + offset, number + offset + count
    while start < end:
        # Neighbours differ in the last digit: the others are spelled once for all 62.
        beginning, digit = _body(start)[:-1], start % 62
        some = ALPHABET[digit : digit + end - start]
        found += [(body := beginning + letter) + _check(body) for letter in some]
        start += len(some)
    return found


def is_id(text: str) -> bool:
    """Whether `text` can be an id of ours; an alias passes once in 3844 of 13-character names."""
    return (
        len(text) == _LENGTH
        and all(c in ALPHABET for c in text)
        and _check(text[:_BODY]) == text[_BODY:]
    )


def _spell(number: int) -> str:
    """The most significant digit first: neighbours share their beginning."""
    body = _body(number)
    return body + _check(body)


def _body(number: int) -> str:
    digits = []
    for _ in range(_BODY):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _check(body: str) -> str:
    number = int.from_bytes(hashlib.blake2b(body.encode(), digest_size=4).digest())
    return ALPHABET[number % 62] + ALPHABET[number // 62 % 62]
