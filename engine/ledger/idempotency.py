"""Client ids: the first outcome of a creating command, answered again; used in every room's units."""

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from engine.errors import Refusal, RefusalCode, Refused, invalid
from engine.ids import new_id
from engine.ledger.unit import Unit
from models.request import ClientRequest

_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def checked_client_id(client_id: str, field: str = "clientId") -> str:
    """Answer a client's id. Raises Refused when it is not 1 to 64 characters of A-Z a-z 0-9 . _ : -"""
    if not _CLIENT_ID.fullmatch(client_id):
        raise invalid(field, "must be 1 to 64 letters, digits or . _ : -")
    return client_id


def fingerprint(content: Mapping[str, Any]) -> str:
    """Answer the SHA-256, in hexadecimal, of a command's content.

    Equal amounts are equal content however they were written (`1.50` is `1.5`). A secret must not be put in
    here: the fingerprint is kept, and a weak secret could be guessed from it.
    """
    canonical = orjson.dumps(content, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hashlib.sha256(canonical).hexdigest()


async def first_outcome(
    unit: Unit, user_id: str, operation: str, client_id: str, content: Mapping[str, Any]
) -> str | None:
    """Answer the entity that the same request made before, or nothing when this is the first.

    Takes the user's lock, so that of two equal requests at the same moment the later one sees the earlier.
    Raises Refused: IDEMPOTENCY_CONFLICT when the id was used with other content, INVALID_INPUT for a bad id.
    """
    checked_client_id(client_id)
    await unit.lock_user(user_id)
    kept = await unit.get(ClientRequest, user_id=user_id, operation=operation, client_id=client_id)
    if kept is None:
        return None
    if kept.fingerprint != fingerprint(content):
        words = f"{operation} was already asked with the client id {client_id} and other content"
        raise Refused(Refusal(RefusalCode.IDEMPOTENCY_CONFLICT, words, field="clientId"))
    return kept.entity_id


async def remember(
    unit: Unit, user_id: str, operation: str, client_id: str, content: Mapping[str, Any], entity_id: str
) -> None:
    """Keep what a first request made; committed with the unit's rows."""
    await unit.insert(
        ClientRequest(
            id=new_id("req", unit.now),
            user_id=user_id,
            operation=operation,
            client_id=client_id,
            fingerprint=fingerprint(content),
            entity_id=entity_id,
            created_at=unit.now,
        )
    )


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError(f"{type(value).__name__} cannot be part of a command's content")
