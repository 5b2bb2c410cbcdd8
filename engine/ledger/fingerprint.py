"""What makes two requests the same: a digest of their content, compared under a repeated client id."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson


def fingerprint(content: Mapping[str, Any]) -> str:
    """Answer the SHA-256 of a request's content, in hexadecimal; Decimals count by value, not by notation."""
    plain = orjson.dumps(content, default=_plain, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(plain).hexdigest()


def _plain(value: Any) -> str:
    return f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
