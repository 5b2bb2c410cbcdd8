"""Identifiers: a type prefix and a ULID, unique across the product and sortable by time of birth."""

import os
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_RANDOM_BITS = 80
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # two letters for ten bits


def new_id(prefix: str, at: datetime) -> str:
    """Answer `prefix_` and 26 characters: 48 bits of Unix milliseconds, then 80 random bits (the ULID layout).

    Ids of one millisecond are in no particular order: where order matters, the journal's cursor gives it.
    """
    number = (int(at.timestamp() * 1000) << _RANDOM_BITS) | int.from_bytes(os.urandom(10))
    letters = [_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(letters)}"
