"""Venue credentials over a real ledger: sealed, bound to their owner, replaced, rotated, and never seen again."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from engine.actor import SYSTEM, Actor
from engine.errors import Refusal, RefusalCode
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.security.credentials import Credentials, StoreCredential, rotate
from engine.security.users import ensure_user
from engine.security.vault import Vault
from models.audit import AuditEntry, AuditOutcome
from models.credential import BrokerCredential
from models.event import TradingEvent
from models.request import ClientRequest
from models.user import Role

pytestmark = pytest.mark.anyio

SECRET = "hunter2-of-the-venue"


def files_with(content: bytes, folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if content in file.read_bytes()]


async def trader(ledger: Ledger, name: str = "anna") -> Actor:
    async def work(unit: Unit) -> Actor:
        user = await ensure_user(unit, name, Role.TRADER, Decimal(100_000))
        return Actor(user.name, user.role, user.id)

    return await ledger.write(work)


async def stored(credentials: Credentials, actor: Actor, command: StoreCredential) -> BrokerCredential:
    row = await credentials.store(actor, command)
    assert isinstance(row, BrokerCredential), row
    return row


async def test_a_credential_is_kept_sealed_and_told_without_its_secret(
    ledger: Ledger, vault: Vault, tmp_path: Path
) -> None:
    """Row, event and audit entry are there; the secret is in no file of the data directory."""
    anna = await trader(ledger)
    row = await stored(
        Credentials(ledger, vault), anna, StoreCredential("c1", "PAPER", "main account", SECRET)
    )
    assert vault.open(row.user_id, row.venue, row.ciphertext) == SECRET
    event = await TradingEvent.filter(entity_id=row.id).get()
    assert event.payload == {"action": "CREDENTIAL_STORED", "venue": "PAPER", "label": "main account"}
    assert event.user_id == anna.user_id
    entry = await AuditEntry.filter(action="storeBrokerCredential").get()
    assert (entry.outcome, entry.entity_id) == (AuditOutcome.ACCEPTED, row.id)
    assert not files_with(SECRET.encode(), tmp_path)


def test_a_command_does_not_print_its_secret() -> None:
    """Not even by accident, in a log or a traceback."""
    assert SECRET not in repr(StoreCredential("c1", "PAPER", "main", SECRET))


async def test_the_same_request_again_answers_the_first_outcome(ledger: Ledger, vault: Vault) -> None:
    """One row and one event, however often it is asked, even after the keys were rotated."""
    anna, credentials = await trader(ledger), Credentials(ledger, vault)
    command = StoreCredential("c1", "PAPER", "main", SECRET)
    first = await stored(credentials, anna, command)
    await rotate(ledger, vault)
    assert (await stored(credentials, anna, command)).id == first.id
    assert await BrokerCredential.all().count() == 1
    assert await TradingEvent.filter(entity_id=first.id).count() == 1


async def test_another_secret_under_the_same_client_id_is_a_conflict(ledger: Ledger, vault: Vault) -> None:
    """The first secret stays; the conflict is typed and audited."""
    anna, credentials = await trader(ledger), Credentials(ledger, vault)
    row = await stored(credentials, anna, StoreCredential("c1", "PAPER", "main", SECRET))
    refusal = await credentials.store(anna, StoreCredential("c1", "PAPER", "main", "another"))
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.IDEMPOTENCY_CONFLICT
    kept = await BrokerCredential.get(id=row.id)
    assert vault.open(kept.user_id, kept.venue, kept.ciphertext) == SECRET
    assert await AuditEntry.filter(outcome="REFUSED", code="IDEMPOTENCY_CONFLICT").count() == 1


async def test_what_is_remembered_of_a_secret_needs_the_key_file_to_be_guessed(
    ledger: Ledger, vault: Vault, tmp_path: Path
) -> None:
    """Equal secrets of two installations leave different fingerprints."""
    anna = await trader(ledger)
    other = Vault(tmp_path / "elsewhere" / "vault.key")
    await stored(Credentials(ledger, vault), anna, StoreCredential("c1", "PAPER", "one", "1234"))
    await stored(Credentials(ledger, other), anna, StoreCredential("c2", "PAPER", "one", "1234"))
    one, two = await ClientRequest.all()
    assert one.fingerprint != two.fingerprint


async def test_the_same_venue_and_label_replace_the_secret(ledger: Ledger, vault: Vault) -> None:
    """The row keeps its id; the event says it was replaced."""
    anna, credentials = await trader(ledger), Credentials(ledger, vault)
    first = await stored(credentials, anna, StoreCredential("c1", "PAPER", "main", SECRET))
    again = await stored(credentials, anna, StoreCredential("c2", "PAPER", "main", "renewed"))
    assert again.id == first.id
    kept = await BrokerCredential.get(id=first.id)
    assert vault.open(kept.user_id, kept.venue, kept.ciphertext) == "renewed"
    newest = await TradingEvent.filter(entity_id=first.id).order_by("-position").first()
    assert newest is not None
    assert newest.payload["action"] == "CREDENTIAL_REPLACED"


async def test_two_users_do_not_meet(ledger: Ledger, vault: Vault) -> None:
    """Same client id, venue and label: each has their own."""
    credentials = Credentials(ledger, vault)
    command = StoreCredential("c1", "PAPER", "main", SECRET)
    rows = [await stored(credentials, await trader(ledger, name), command) for name in ("anna", "bert")]
    assert len({row.id for row in rows}) == 2


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (StoreCredential("", "PAPER", "main", SECRET), "clientId"),
        (StoreCredential("c 1", "PAPER", "main", SECRET), "clientId"),
        (StoreCredential("c1", "", "main", SECRET), "venue"),
        (StoreCredential("c1", "PA PER", "main", SECRET), "venue"),
        (StoreCredential("c1", "x" * 41, "main", SECRET), "venue"),
        (StoreCredential("c1", "PAPER", "", SECRET), "label"),
        (StoreCredential("c1", "PAPER", "a\0b", SECRET), "label"),
        (StoreCredential("c1", "PAPER", "x" * 65, SECRET), "label"),
        (StoreCredential("c1", "PAPER", "main", ""), "secret"),
        (StoreCredential("c1", "PAPER", "main", "x" * 4097), "secret"),
    ],
)
async def test_bad_input_is_refused_by_its_field(
    ledger: Ledger, vault: Vault, command: StoreCredential, field: str
) -> None:
    """Nothing is written but the audit entry."""
    refusal = await Credentials(ledger, vault).store(await trader(ledger), command)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.field) == (RefusalCode.INVALID_INPUT, field)
    assert await BrokerCredential.all().count() == 0
    assert await ClientRequest.all().count() == 0
    assert await AuditEntry.filter(action="storeBrokerCredential", outcome="REFUSED").count() == 1


async def test_the_engine_itself_has_no_credentials(ledger: Ledger, vault: Vault) -> None:
    """An actor who acts for nobody is refused, not crashed."""
    refusal = await Credentials(ledger, vault).store(SYSTEM, StoreCredential("c1", "PAPER", "main", SECRET))
    assert isinstance(refusal, Refusal)


async def test_rotation_seals_everything_with_the_new_key(
    ledger: Ledger, vault: Vault, tmp_path: Path
) -> None:
    """Afterwards the newest key alone opens every credential, and the audit trail says that it happened."""
    anna, credentials = await trader(ledger), Credentials(ledger, vault)
    for number in range(3):
        await stored(credentials, anna, StoreCredential(f"c{number}", "PAPER", f"label {number}", SECRET))
    assert await rotate(ledger, vault) == 3
    newest = (tmp_path / "vault.key").read_bytes().split()[0]
    (tmp_path / "vault.key").write_bytes(newest)
    alone = Vault(tmp_path / "vault.key")
    for row in await BrokerCredential.all():
        assert alone.open(row.user_id, row.venue, row.ciphertext) == SECRET
    assert await AuditEntry.filter(action="rotateVault", outcome="ACCEPTED").count() == 1


async def test_a_row_that_nobody_can_open_stops_the_rotation_whole(
    ledger: Ledger, vault: Vault, tmp_path: Path
) -> None:
    """Either all rows are sealed anew or none; the older keys stay, so nothing is lost."""
    anna, credentials = await trader(ledger), Credentials(ledger, vault)
    row = await stored(credentials, anna, StoreCredential("c1", "PAPER", "a", SECRET))
    await stored(credentials, anna, StoreCredential("c2", "PAPER", "b", SECRET))
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
        database.execute("UPDATE broker_credentials SET ciphertext = 'x' WHERE label = 'b'")
    database.close()
    with pytest.raises(Exception, match="another key, or was changed"):
        await rotate(ledger, vault)
    kept = await BrokerCredential.get(id=row.id)
    assert kept.ciphertext == row.ciphertext
    assert vault.open(kept.user_id, kept.venue, kept.ciphertext) == SECRET
