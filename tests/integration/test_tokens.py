"""Tokens, sessions and users on SQLite and PostgreSQL: what is promised of them, under races too."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from engine.actor import SYSTEM, Actor
from engine.errors import Refusal, RefusalCode, Refused
from engine.ledger.event import Event
from engine.ledger.idempotency import first_outcome, remember
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.security.bearer import KEPT_S, Viewer
from engine.security.sign_in import CODE_LIFETIME_S, SignInCodes
from engine.security.tokens import MOST_TOKENS, CreateToken, SessionCreated, TokenCreated, Tokens
from engine.security.users import ensure_user
from engine.security.vault import Vault
from models.account import Account
from models.audit import AuditEntry
from models.event import TradingEvent
from models.request import ClientRequest
from models.user import ApiToken, Role, User
from tests.unit.live.ledgers import opened_ledger
from tests.unit.monitoring.manual_clock import ManualClock

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@dataclass(frozen=True)
class Terms:
    """The settings that matter here."""

    starting_cash: Decimal = Decimal(100_000)
    session_hours: float = 12.0


class House:
    """One process's tokens, with what it was told of failures and revocations."""

    def __init__(self, ledger: Ledger, clock: ManualClock, vault: Vault) -> None:
        self.ledger = ledger
        self.clock = clock
        self.failures: list[str] = []
        self.revoked: list[str] = []
        self.tokens = Tokens(ledger, clock, SignInCodes(vault, clock), Terms(), self.failures.append)
        self.tokens.when_revoked(self.revoked.append)

    async def user(self, name: str, role: Role) -> Actor:
        """Make a user and answer them as an actor."""

        async def work(unit: Unit) -> Actor:
            user = await ensure_user(unit, name, role, Decimal(100_000))
            return Actor(user.name, user.role, user.id)

        return await self.ledger.write(work)

    async def created(self, actor: Actor, command: CreateToken) -> TokenCreated:
        """Create a token that must not be refused."""
        made = await self.tokens.create(actor, command)
        assert isinstance(made, TokenCreated), made
        return made

    async def token(
        self, name: str = "anna", role: Role = Role.TRADER, client_id: str = "c1"
    ) -> tuple[str, str]:
        """Make a token for a user and answer its id and secret."""
        made = await self.created(SYSTEM, CreateToken(client_id, name, role, "script"))
        assert made.secret is not None
        return made.row.id, made.secret


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until advanced."""
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[House]:
    """A process over a new ledger, on each database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    async with opened_ledger(tmp_path, url, clock) as ledger:
        yield House(ledger, clock, Vault(tmp_path / "vault.key"))


async def whole_ledger() -> bytes:
    """Everything a reader of the ledger's records would see."""
    tables = (ApiToken, AuditEntry, TradingEvent, ClientRequest, User)
    return orjson.dumps([await table.all().values() for table in tables], default=str)


async def test_a_token_proves_its_user_and_its_secret_is_kept_nowhere(house: House) -> None:
    """Shown once: neither row, event, audit entry nor remembered request holds it."""
    token_id, secret = await house.token()
    viewer = await house.tokens.authenticate(secret)
    assert isinstance(viewer, Viewer)
    assert (viewer.name, viewer.role, viewer.token_id, viewer.expires_at) == (
        "anna",
        Role.TRADER,
        token_id,
        None,
    )
    assert secret.startswith("qlt_")
    assert secret.encode() not in await whole_ledger()
    assert secret not in repr(TokenCreated(await ApiToken.get(id=token_id), secret))
    assert house.failures == []


async def test_a_new_user_gets_an_account_once(house: House) -> None:
    """The first token makes user and account, with their event; the second finds them."""
    await house.token(client_id="c1")
    await house.token(client_id="c2")
    user = await User.get(name="anna")
    account = await Account.get(user_id=user.id)
    assert (account.cash, account.starting_cash) == (Decimal(100_000), Decimal(100_000))
    actions = [event.payload["action"] for event in await TradingEvent.all().order_by("position")]
    assert actions == ["USER_CREATED", "TOKEN_CREATED", "TOKEN_CREATED"]
    assert await AuditEntry.filter(action="createApiToken", outcome="ACCEPTED").count() == 2


async def test_the_operator_is_there_from_the_first_start(house: House) -> None:
    """And at the second start it is the same one."""
    first, again = await house.tokens.ensure_operator(), await house.tokens.ensure_operator()
    assert (first.id, first.role, first.name) == (again.id, Role.OPERATOR, "operator")
    assert await Account.filter(user_id=first.id).count() == 1


FOREIGN_SECRETS = (
    ("", "malformed"),
    ("Bearer x", "malformed"),
    ("qlt_" + "A" * 43, "unknown"),
    ("qls_" + "A" * 43, "unknown"),
    ("qlt_" + "A" * 43 + "' OR '1'='1", "malformed"),
)


async def test_a_foreign_secret_proves_nothing_and_is_counted(
    house: House, subtests: pytest.Subtests
) -> None:
    """Why it failed is for the metrics, never for who asked."""
    for secret, failure in FOREIGN_SECRETS:
        with subtests.test(secret):
            assert await house.tokens.authenticate(secret) is None
            assert house.failures.pop() == failure


async def test_a_token_ends_on_time(house: House) -> None:
    """To the second before, and not a moment longer, even while it is kept in memory."""
    made = await house.created(SYSTEM, CreateToken("c1", "anna", Role.TRADER, "script", 60))
    assert made.secret is not None
    house.clock.advance(59)
    assert await house.tokens.authenticate(made.secret) is not None
    house.clock.advance(1)
    assert await house.tokens.authenticate(made.secret) is None
    assert house.failures == ["expired"]


async def test_a_revoked_token_ends_at_once(house: House) -> None:
    """The memory of it is dropped before the revocation is answered; who holds sockets is told."""
    token_id, secret = await house.token()
    anna = await house.tokens.authenticate(secret)
    assert anna is not None
    revoked = await house.tokens.revoke(anna, token_id)
    assert isinstance(revoked, ApiToken)
    assert revoked.revoked_at is not None
    assert await house.tokens.authenticate(secret) is None
    assert (house.failures, house.revoked) == (["revoked"], [token_id])


async def test_revoking_again_changes_nothing(house: House) -> None:
    """The second answer is the first one; there is one event and there are two audit entries."""
    token_id, _ = await house.token()
    first = await house.tokens.revoke(SYSTEM, token_id)
    house.clock.advance(10)
    again = await house.tokens.revoke(SYSTEM, token_id)
    assert isinstance(first, ApiToken)
    assert isinstance(again, ApiToken)
    assert first.revoked_at == again.revoked_at
    events = [
        event.payload for event in await TradingEvent.all() if event.payload["action"] == "TOKEN_REVOKED"
    ]
    assert events == [{"action": "TOKEN_REVOKED", "tokenId": token_id, "kind": "API", "name": "script"}]
    assert await AuditEntry.filter(action="revokeApiToken", outcome="ACCEPTED").count() == 2


async def test_another_process_learns_of_a_revocation_by_its_event(house: House, tmp_path: Path) -> None:
    """Until then its memory may answer, for seconds; from then on it does not, and its sockets are told."""
    other = House(house.ledger, house.clock, Vault(tmp_path / "vault.key"))
    token_id, secret = await house.token()
    assert await other.tokens.authenticate(secret) is not None
    await house.tokens.revoke(SYSTEM, token_id)
    assert await other.tokens.authenticate(secret) is not None
    row = await TradingEvent.all().order_by("-position").first()
    assert row is not None
    other.tokens.follow([Event.from_row(row)])
    assert await other.tokens.authenticate(secret) is None
    assert other.revoked == [token_id]


async def test_a_process_that_never_hears_of_it_asks_again_within_seconds(
    house: House, tmp_path: Path
) -> None:
    """Even without the event nobody stays signed in for longer than the memory lasts."""
    other = House(house.ledger, house.clock, Vault(tmp_path / "vault.key"))
    token_id, secret = await house.token()
    await other.tokens.authenticate(secret)
    await house.tokens.revoke(SYSTEM, token_id)
    house.clock.advance(KEPT_S)
    assert await other.tokens.authenticate(secret) is None


async def test_another_users_token_is_as_unknown_as_one_that_never_was(house: House) -> None:
    """The two refusals are the same, word for word; an operator may revoke anybody's."""
    token_id, secret = await house.token("anna")
    bert = await house.user("bert", Role.RISK_OFFICER)
    foreign = await house.tokens.revoke(bert, token_id)
    unknown = await house.tokens.revoke(bert, "tok_00000000000000000000000000")
    assert isinstance(foreign, Refusal)
    assert foreign.code is RefusalCode.NOT_FOUND
    assert foreign == unknown
    assert await house.tokens.authenticate(secret) is not None
    assert isinstance(await house.tokens.revoke(await house.user("olga", Role.OPERATOR), token_id), ApiToken)


async def test_a_senseless_id_is_unknown(house: House, subtests: pytest.Subtests) -> None:
    """Whatever is sent as an id, the answer is a typed refusal and an audit entry."""
    for count, token_id in enumerate(("", "' OR 1=1 --", "x" * 10_000, "tok_\0"), start=1):
        with subtests.test(token_id[:20]):
            refusal = await house.tokens.revoke(SYSTEM, token_id)
            assert isinstance(refusal, Refusal)
            assert refusal.code is RefusalCode.NOT_FOUND
            assert await AuditEntry.filter(action="revokeApiToken", outcome="REFUSED").count() == count


async def test_everybody_makes_tokens_for_themselves(house: House) -> None:
    """In their own role, whatever it is."""
    for role in Role:
        actor = await house.user(role.lower(), role)
        assert (await house.created(actor, CreateToken("c1", actor.name, role, "mine"))).secret


async def test_only_an_operator_makes_tokens_for_others_or_of_another_role(
    house: House, subtests: pytest.Subtests
) -> None:
    """Refused alike for users who exist and users who do not, and nothing is made."""
    await house.user("bert", Role.TRADER)
    for role in (Role.VIEWER, Role.TRADER, Role.RISK_OFFICER):
        actor = await house.user(role.lower(), role)
        wanted = [
            CreateToken("c1", "bert", Role.TRADER, "x"),
            CreateToken("c1", "nobody", Role.TRADER, "x"),
            CreateToken("c1", actor.name, Role.OPERATOR, "x"),
        ]
        with subtests.test(role.value):
            refusals = [await house.tokens.create(actor, command) for command in wanted]
            fields = [refusal.field for refusal in refusals if isinstance(refusal, Refusal)]
            assert fields == ["user", "user", "role"]
            assert refusals[0] == refusals[1]
    assert (await User.all().count(), await ApiToken.all().count()) == (4, 0)


async def test_a_token_gives_no_other_role_than_the_user_has(house: House) -> None:
    """Not even an operator changes a role in passing."""
    await house.user("anna", Role.VIEWER)
    refusal = await house.tokens.create(SYSTEM, CreateToken("c1", "anna", Role.OPERATOR, "x"))
    assert isinstance(refusal, Refusal)
    assert (refusal.field, refusal.observed) == ("role", "VIEWER")
    assert await ApiToken.all().count() == 0


async def test_a_repeated_request_answers_the_row_without_the_secret(house: House) -> None:
    """Once is once: the secret cannot be fetched again by repeating the request."""
    command = CreateToken("c1", "anna", Role.TRADER, "script", 3600)
    first = await house.created(SYSTEM, command)
    again = await house.created(SYSTEM, command)
    assert (again.row.id, again.secret) == (first.row.id, None)
    assert await ApiToken.all().count() == 1


async def test_other_content_under_a_used_client_id_is_a_conflict(house: House) -> None:
    """Typed, audited, and nothing is made."""
    command = CreateToken("c1", "anna", Role.TRADER, "script", 3600)
    await house.created(SYSTEM, command)
    others = (
        replace(command, name="other"),
        replace(command, expires_in_s=3601),
        replace(command, expires_in_s=None),
    )
    for other in others:
        refusal = await house.tokens.create(SYSTEM, other)
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.IDEMPOTENCY_CONFLICT
    assert await ApiToken.all().count() == 1
    assert await AuditEntry.filter(code="IDEMPOTENCY_CONFLICT").count() == len(others)


async def test_a_client_id_is_a_matter_of_its_user_and_operation(house: House) -> None:
    """Two users, or two operations, may use the same id."""
    anna, bert = await house.user("anna", Role.TRADER), await house.user("bert", Role.TRADER)
    for actor in (anna, bert):
        assert (await house.created(actor, CreateToken("c1", actor.name, Role.TRADER, "x"))).secret

    async def work(unit: Unit) -> str | None:
        assert anna.user_id is not None
        return await first_outcome(unit, anna.user_id, "somethingElse", "c1", {})

    assert await house.ledger.write(work) is None


async def test_one_request_sent_many_times_at_once_makes_one_token(house: House) -> None:
    """The races of a nervous client end with one row; one answer has the secret, all name the same token."""
    anna = await house.user("anna", Role.TRADER)
    command = CreateToken("c1", "anna", Role.TRADER, "script")
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(house.created(anna, command) for _ in range(20)))
    assert len({answer.row.id for answer in answers}) == 1
    assert sum(answer.secret is not None for answer in answers) == 1
    assert await ApiToken.all().count() == 1


async def test_one_new_user_mentioned_many_times_at_once_is_made_once(house: House) -> None:
    """The name is taken by the first; the others find the user and the account."""
    commands = [CreateToken(f"c{number}", "newcomer", Role.TRADER, "x") for number in range(12)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(house.created(SYSTEM, command) for command in commands))
    assert (await User.all().count(), await Account.all().count(), await ApiToken.all().count()) == (1, 1, 12)


BAD_COMMANDS = (
    (CreateToken("c 1", "anna", Role.TRADER, "x"), "clientId"),
    (CreateToken("c1", "Anna", Role.TRADER, "x"), "user"),
    (CreateToken("c1", "", Role.TRADER, "x"), "user"),
    (CreateToken("c1", "x" * 65, Role.TRADER, "x"), "user"),
    (CreateToken("c1", "anna'; --", Role.TRADER, "x"), "user"),
    (CreateToken("c1", "an\0na", Role.TRADER, "x"), "user"),
    (CreateToken("c1", "anna", Role.TRADER, ""), "name"),
    (CreateToken("c1", "anna", Role.TRADER, "x" * 65), "name"),
    (CreateToken("c1", "anna", Role.TRADER, "a\0b"), "name"),
    (CreateToken("c1", "anna", Role.TRADER, "x", 0), "expiresInSeconds"),
    (CreateToken("c1", "anna", Role.TRADER, "x", -1), "expiresInSeconds"),
    (CreateToken("c1", "anna", Role.TRADER, "x", 10**12), "expiresInSeconds"),
)


async def test_bad_input_is_refused_by_its_field(house: House, subtests: pytest.Subtests) -> None:
    """Nothing is written but the audit entries: no user, no account, no event."""
    for command, field in BAD_COMMANDS:
        with subtests.test(repr(command)[:90]):
            refusal = await house.tokens.create(SYSTEM, command)
            assert isinstance(refusal, Refusal)
            assert (refusal.code, refusal.field) == (RefusalCode.INVALID_INPUT, field)
    for table in (User, Account, ApiToken, TradingEvent, ClientRequest):
        assert await table.all().count() == 0
    refused = await AuditEntry.filter(action="createApiToken", outcome="REFUSED").count()
    assert refused == len(BAD_COMMANDS)


async def test_tokens_of_a_user_are_bounded_and_the_bound_is_named(house: House) -> None:
    """Beyond the bound one is refused with the figures; what was revoked or ran out does not count."""
    for number in range(MOST_TOKENS):
        lifetime_s = 60 if number == 0 else None
        await house.created(SYSTEM, CreateToken(f"c{number}", "anna", Role.TRADER, "x", lifetime_s))
    more = CreateToken("more", "anna", Role.TRADER, "x")
    refusal = await house.tokens.create(SYSTEM, more)
    assert isinstance(refusal, Refusal)
    assert (refusal.limit, refusal.observed, refusal.headroom) == ("100", "100", "0")
    house.clock.advance(60)
    assert (await house.created(SYSTEM, more)).secret


async def test_a_sign_in_code_opens_one_session(house: House) -> None:
    """The session proves the user until it ends; the code is worthless afterwards."""
    operator = await house.tokens.ensure_operator()
    code = house.tokens.new_sign_in_code("operator")
    session = await house.tokens.exchange(code)
    assert isinstance(session, SessionCreated)
    assert session.secret.startswith("qls_")
    assert await house.tokens.authenticate(session.secret) == session.viewer
    assert session.viewer.user_id == operator.id
    again = await house.tokens.exchange(code)
    assert isinstance(again, Refusal)
    assert (again.field, house.failures) == ("code", ["sign_in_code"])
    content = await whole_ledger()
    assert session.secret.encode() not in content
    assert code.encode() not in content
    assert session.secret not in repr(session)
    assert [entry.outcome for entry in await AuditEntry.filter(action="signIn").order_by("sequence")] == [
        "ACCEPTED",
        "REFUSED",
    ]


async def test_a_code_used_many_times_at_once_opens_one_session(house: House) -> None:
    """Of all that try, one signs in; the others get the typed refusal, not an error."""
    await house.tokens.ensure_operator()
    code = house.tokens.new_sign_in_code("operator")
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(house.tokens.exchange(code) for _ in range(12)))
    assert sum(isinstance(answer, SessionCreated) for answer in answers) == 1
    assert sum(isinstance(answer, Refusal) for answer in answers) == 11


async def test_a_session_ends_when_signed_out_and_when_its_time_is_over(house: House) -> None:
    """Both ways the secret proves nothing afterwards."""
    await house.tokens.ensure_operator()
    sessions = [await house.tokens.exchange(house.tokens.new_sign_in_code("operator")) for _ in range(2)]
    first, second = sessions
    assert isinstance(first, SessionCreated)
    assert isinstance(second, SessionCreated)
    assert isinstance(await house.tokens.end_session(first.viewer), ApiToken)
    assert await house.tokens.authenticate(first.secret) is None
    assert await house.tokens.authenticate(second.secret) is not None
    house.clock.advance(12 * 3600)
    assert await house.tokens.authenticate(second.secret) is None
    assert house.failures == ["revoked", "expired"]
    assert await AuditEntry.filter(action="signOut", outcome="ACCEPTED").count() == 1


async def test_a_code_for_nobody_or_too_old_or_made_up_is_refused_alike(house: House) -> None:
    """The answer does not tell whether such a user exists."""
    await house.tokens.ensure_operator()
    old = house.tokens.new_sign_in_code("operator")
    house.clock.advance(CODE_LIFETIME_S + 1)
    codes = [old, house.tokens.new_sign_in_code("nobody"), "x", "", "é" * 100, "A" * 100_000]
    answers = [await house.tokens.exchange(code) for code in codes]
    assert all(isinstance(answer, Refusal) for answer in answers)
    assert len(set(answers)) == 1
    assert house.failures == ["sign_in_code"] * len(codes)


async def test_a_conflict_undoes_what_the_unit_has_written(house: House) -> None:
    """The shared idempotency: the same content answers the first entity, other content undoes the unit."""
    anna = (await house.user("anna", Role.TRADER)).user_id
    assert anna is not None

    async def ask(content: dict[str, object]) -> str | None:
        async def work(unit: Unit) -> str | None:
            user = await unit.lock_user(anna)
            user.name = "changed"
            await unit.save(user, "name")
            earlier = await first_outcome(unit, anna, "op", "c1", content)
            if earlier is None:
                await remember(unit, anna, "op", "c1", content, "ent_1")
            return earlier

        return await house.ledger.write(work)

    assert await ask({"quantity": Decimal("1.0")}) is None
    assert await ask({"quantity": Decimal(1)}) == "ent_1"
    await User.filter(id=anna).update(name="anna")
    with pytest.raises(Refused):
        await ask({"quantity": Decimal(2)})
    assert (await User.get(id=anna)).name == "anna"
