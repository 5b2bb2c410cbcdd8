"""Venue credentials: stored sealed, never read back through the API; called by the door."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from engine.actor import SYSTEM, Actor
from engine.errors import Refusal, RefusalCode, Refused, invalid, not_found
from engine.ids import new_id
from engine.ledger.idempotency import first_outcome, remember
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.security.names import shown
from engine.security.vault import Vault
from models.credential import BrokerCredential
from models.event import EventType

MOST_CREDENTIALS = 100  # per user
LONGEST_SECRET = 4096  # characters: keys, tokens, a PEM file
OPERATION = "storeBrokerCredential"
_VENUE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_BATCH = 500  # rows sealed anew at a time


@dataclass(frozen=True, slots=True)
class StoreCredential:
    """Keep a venue's secret; the same venue and label again replaces it."""

    client_id: str
    venue: str
    label: str
    secret: str = field(repr=False)


class Credentials:
    """The sealed secrets of all users."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    async def store(self, actor: Actor, command: StoreCredential) -> BrokerCredential | Refusal:
        """Seal and keep a secret for its owner. It is in no audit entry, event, log or fingerprint."""
        detail = {
            "clientId": shown(command.client_id),
            "venue": shown(command.venue),
            "label": shown(command.label),
        }

        async def work(unit: Unit, outcome: CommandOutcome) -> BrokerCredential:
            user_id = _owner_of(actor)
            _check(command)
            content = {
                "venue": command.venue,
                "label": command.label,
                "secret": self._mark(user_id, command.secret),
            }
            earlier = await first_outcome(unit, user_id, OPERATION, command.client_id, content)
            row = (
                await _existing(unit, earlier)
                if earlier is not None
                else await self._keep(unit, user_id, command)
            )
            if earlier is None:
                await remember(unit, user_id, OPERATION, command.client_id, content, row.id)
            outcome.entity_id = row.id
            return row

        return await self._ledger.command(actor, OPERATION, detail, work)

    async def _keep(self, unit: Unit, user_id: str, command: StoreCredential) -> BrokerCredential:
        ciphertext = self._vault.seal(user_id, command.venue, command.secret)
        row = await unit.get(BrokerCredential, user_id=user_id, venue=command.venue, label=command.label)
        replaced = row is not None
        if row is not None:
            row.ciphertext = ciphertext
            await unit.save(row, "ciphertext")
        else:
            await _check_room(unit, user_id)
            row = BrokerCredential(
                id=new_id("crd", unit.now),
                user_id=user_id,
                venue=command.venue,
                label=command.label,
                ciphertext=ciphertext,
                created_at=unit.now,
            )
            await unit.insert(row)
        action = "CREDENTIAL_REPLACED" if replaced else "CREDENTIAL_STORED"
        payload = {"action": action, "venue": row.venue, "label": row.label}
        unit.emit(EventType.USER_ACTION, payload, entity_id=row.id, user_id=user_id)
        return row

    def _mark(self, user_id: str, secret: str) -> str:
        """Answer what tells equal secrets apart from others and is worthless without the key file.

        Made with the oldest key, which a rotation keeps, so that a repeated request is known afterwards, too.
        """
        key = self._vault.derived_keys("credential mark")[-1]
        return hmac.new(key, f"{user_id}\n{secret}".encode(), hashlib.sha256).hexdigest()


async def rotate(ledger: Ledger, vault: Vault) -> int | Refusal:
    """Put a new key first and seal every credential with it; answer how many. Older keys stay in the file."""
    vault.add_key()

    async def work(unit: Unit, outcome: CommandOutcome) -> int:
        count, last = 0, ""
        while rows := await unit.find(BrokerCredential, id__gt=last, order_by="id", limit=_BATCH):
            for row in rows:
                row.ciphertext = vault.reseal(row.ciphertext)
                await unit.save(row, "ciphertext")
            count, last = count + len(rows), rows[-1].id
        return count

    return await ledger.command(SYSTEM, "rotateVault", {}, work)


def _owner_of(actor: Actor) -> str:
    if actor.user_id is None:
        raise invalid("user", "a credential needs an owner")
    return actor.user_id


def _check(command: StoreCredential) -> None:
    if not _VENUE.fullmatch(command.venue):
        raise invalid("venue", "must be 1 to 40 letters, digits or . _ -")
    if not 1 <= len(command.label) <= 64 or not command.label.isprintable():
        raise invalid("label", "must be 1 to 64 printable characters")
    if not 1 <= len(command.secret) <= LONGEST_SECRET:
        raise invalid("secret", f"must be 1 to {LONGEST_SECRET} characters", limit=str(LONGEST_SECRET))


async def _check_room(unit: Unit, user_id: str) -> None:
    kept = await unit.find(BrokerCredential, user_id=user_id, limit=MOST_CREDENTIALS)
    if len(kept) >= MOST_CREDENTIALS:
        words = f"a user keeps at most {MOST_CREDENTIALS} credentials"
        raise Refused(Refusal(RefusalCode.ILLEGAL_STATE, words, limit=str(MOST_CREDENTIALS)))


async def _existing(unit: Unit, credential_id: str) -> BrokerCredential:
    row = await unit.get(BrokerCredential, id=credential_id)
    if row is None:
        raise not_found("credential")
    return row
