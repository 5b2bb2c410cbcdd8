"""Keeps secrets out of the logs by the name of a field and the look of a text; used by the log pipeline."""

import re
from collections.abc import Mapping

HIDDEN = "[redacted]"
MAX_TEXT_LENGTH = 20_000  # characters: a long traceback fits, a hostile body does not fill the disk
MAX_DEPTH = 6  # nesting; what is deeper is not shown

_SECRET_NAME = re.compile(
    r"token|passw|secret|authorization|cookie|credential|api_?key|private_?key|signature|session_?key|fernet",
    re.IGNORECASE,
)
_EXACTLY_SECRET = frozenset({"code", "sign_in_code", "auth"})  # a refusal's code is logged as refusal=
# What a secret's name says about it is no secret: token_id, token_ttl_s.
_HARMLESS_NAME = re.compile(r"(_id|_ids|_count|_kind|_name|_prefix|_s|_ms)$", re.IGNORECASE)

_SECRET_TEXTS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 " + HIDDEN),
    (re.compile(r"(\b\w+://[^\s:/@]*):[^\s/@]+@"), r"\1:" + HIDDEN + "@"),  # a password in a database URL
    (
        re.compile(r"(?i)([?&#](?:code|token|access_token|api_key|password|secret)=)[^&\s\"']+"),
        r"\1" + HIDDEN,
    ),
)


def redacted(value: object, name: str = "", depth: int = 0) -> object:
    """Answer a value fit for a log: secrets replaced, texts cut to a bound, in nested values as well."""
    if is_secret(name):
        return HIDDEN if value not in (None, "") else value
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth >= MAX_DEPTH:
            return "[too deep]"
        if isinstance(value, Mapping):
            return {key: redacted(inner, str(key), depth + 1) for key, inner in value.items()}
        return [redacted(inner, "", depth + 1) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    return value


def is_secret(name: str) -> bool:
    """Say whether a field of this name holds a secret."""
    lowered = name.lower()
    if lowered in _EXACTLY_SECRET:
        return True
    return bool(_SECRET_NAME.search(lowered)) and not _HARMLESS_NAME.search(lowered)


def _clean(text: str) -> str:
    if len(text) > MAX_TEXT_LENGTH:
        text = f"{text[:MAX_TEXT_LENGTH]}... [{len(text) - MAX_TEXT_LENGTH} more characters]"
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text
