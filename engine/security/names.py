"""Which names users may have, and texts of strangers made fit for an audit entry; used within this room."""

import re

from engine.errors import invalid

_USER_NAME = re.compile(r"[a-z0-9._-]{1,64}")


def checked_user_name(name: str, field: str = "user") -> str:
    """Answer a user's name. Raises Refused when it is not 1 to 64 characters of a-z 0-9 . _ -"""
    if not _USER_NAME.fullmatch(name):
        raise invalid(field, "must be 1 to 64 lower-case letters, digits or . _ -")
    return name


def shown(text: str, longest: int = 64) -> str:
    """Answer a text as an audit entry may keep it: cut, and without what a database refuses (NUL)."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:longest])
