"""Tokens and sessions: made, shown once, proven, revoked; called by door, command line and runtime."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from engine.actor import Actor
from engine.clock import Clock
from engine.errors import Refusal, RefusalCode, Refused, invalid, not_found
from engine.ids import new_id
from engine.ledger.event import Event
from engine.ledger.idempotency import first_outcome, remember
from engine.ledger.ledger import CommandOutcome, Ledger
from engine.ledger.unit import Unit
from engine.security.bearer import Viewer, ViewerCache, digest_of, looks_right, new_secret
from engine.security.names import shown
from engine.security.permissions import Permission, allows
from engine.security.sign_in import SignInCode, SignInCodes
from engine.security.users import ensure_user
from models.event import EventType
from models.user import ApiToken, Role, TokenKind, User

LONGEST_LIFETIME_S = 10 * 365 * 86400
MOST_TOKENS = 100  # live API tokens a user; beyond, some must be revoked first
OPERATION = "createApiToken"
_TOKEN_ID = re.compile(r"tok_[0-9a-z]{26}")


class AuthFailure(StrEnum):
    """Why somebody could not prove who they are; counted, never told."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SIGN_IN_CODE = "sign_in_code"


class AccountSettings(Protocol):
    """What of the settings matters here."""

    @property
    def starting_cash(self) -> Decimal:
        """Answer the cash a new user's paper account begins with."""

    @property
    def session_hours(self) -> float:
        """Answer how long a browser stays signed in."""


@dataclass(frozen=True, slots=True)
class CreateToken:
    """Make a token named `name` for a user, who is made too if new. It expires after seconds, or never."""

    client_id: str
    user: str
    role: Role
    name: str
    expires_in_s: int | None = None


@dataclass(frozen=True, slots=True)
class TokenCreated:
    """A new token with its secret, which is shown this once; a repeated request answers the row alone."""

    row: ApiToken
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """A browser's new session."""

    secret: str = field(repr=False)
    viewer: Viewer


class Tokens:
    """Everybody's proofs. `on_failure` is told why a proof did not hold."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        codes: SignInCodes,
        settings: AccountSettings,
        on_failure: Callable[[str], None] = lambda kind: None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._codes = codes
        self._settings = settings
        self._on_failure = on_failure
        self._viewers = ViewerCache(clock)
        self._revoked_listeners: list[Callable[[str], None]] = []

    def known(self, secret: str) -> Viewer | None:
        """Answer who is behind a secret that was looked up a moment ago, without a look into the ledger."""
        return self._viewers.find(digest_of(secret))

    async def authenticate(self, secret: str) -> Viewer | None:
        """Answer who is behind a secret, or nothing when it proves nothing."""
        digest = digest_of(secret)
        if viewer := self._viewers.find(digest):
            return viewer
        if not looks_right(secret):
            return self._nobody(AuthFailure.MALFORMED)
        generation = self._viewers.generation
        token = await ApiToken.filter(digest=digest).first().select_related("user")
        if token is None:
            return self._nobody(AuthFailure.UNKNOWN)
        if not token.is_live(self._clock.now()):
            return self._nobody(AuthFailure.EXPIRED if token.revoked_at is None else AuthFailure.REVOKED)
        viewer = _viewer(token, token.user)
        self._viewers.keep(digest, viewer, generation)
        return viewer

    async def create(self, actor: Actor, command: CreateToken) -> TokenCreated | Refusal:
        """Make a token. One's own needs nothing more than being signed in; another's needs MANAGE_USERS."""
        secret = new_secret(TokenKind.API)
        content: Mapping[str, Any] = {
            "user": shown(command.user),
            "role": command.role.value,
            "name": shown(command.name),
            "expiresInSeconds": command.expires_in_s,
        }

        async def work(unit: Unit, outcome: CommandOutcome) -> TokenCreated:
            _check(command)
            _check_permission(actor, command)
            user = await ensure_user(unit, command.user, command.role, self._settings.starting_cash)
            asking = actor.user_id or user.id  # the engine itself has no requests to remember: the user's are
            earlier = await first_outcome(unit, asking, OPERATION, command.client_id, content)
            if earlier is not None:
                outcome.entity_id = earlier
                return TokenCreated(await _token(unit, earlier), None)
            await _check_room(unit, user)
            token = _new_token(unit, user, TokenKind.API, secret, command.name, command.expires_in_s)
            await unit.insert(token)
            await remember(unit, asking, OPERATION, command.client_id, content, token.id)
            _emit(unit, "TOKEN_CREATED", token)
            outcome.entity_id = token.id
            return TokenCreated(token, secret)

        detail = {"clientId": shown(command.client_id), **content}
        return await self._ledger.command(actor, OPERATION, detail, work)

    async def revoke(self, actor: Actor, token_id: str) -> ApiToken | Refusal:
        """End a token or session at once, in every process; ending it again changes nothing."""
        return await self._revoke(actor, "revokeApiToken", token_id)

    async def end_session(self, viewer: Viewer) -> ApiToken | Refusal:
        """Sign out: end the token or session the viewer came with."""
        return await self._revoke(viewer, "signOut", viewer.token_id)

    def new_sign_in_code(self, user_name: str) -> str:
        """Answer a code for a sign-in link: ten minutes, one use."""
        return self._codes.new(user_name)

    async def exchange(self, code: str) -> SessionCreated | Refusal:
        """Turn a sign-in code into a session, once."""
        said = self._codes.read(code)
        user = await User.filter(name=said.user_name).first() if said else None
        if said is None or user is None:
            self._on_failure(AuthFailure.SIGN_IN_CODE)
            return _bad_code().refusal
        created = await self._open_session(user, said)
        if isinstance(created, Refusal):
            self._on_failure(AuthFailure.SIGN_IN_CODE)
        return created

    async def ensure_operator(self, name: str = "operator") -> User:
        """Answer the first user, made at the first start. Raises Refused when the name has another role."""

        async def work(unit: Unit) -> User:
            return await ensure_user(unit, name, Role.OPERATOR, self._settings.starting_cash)

        return await self._ledger.write(work)

    def when_revoked(self, tell: Callable[[str], None]) -> None:
        """Add who is told the id of each revoked token, whatever process did it: sockets close."""
        self._revoked_listeners.append(tell)

    def follow(self, events: Sequence[Event]) -> None:
        """Take facts from the journal: what another process revoked holds here from now on."""
        for event in events:
            if event.type is EventType.USER_ACTION and event.payload.get("action") == "TOKEN_REVOKED":
                self._forget(str(event.payload["tokenId"]))

    async def _open_session(self, user: User, said: SignInCode) -> SessionCreated | Refusal:
        secret = new_secret(TokenKind.SESSION)
        lifetime_s = int(self._settings.session_hours * 3600)

        async def work(unit: Unit, outcome: CommandOutcome) -> SessionCreated:
            await unit.lock_user(user.id)  # two exchanges of one code run one after the other
            if await unit.get(ApiToken, sign_in_code=said.digest) is not None:
                raise _bad_code()
            token = _new_token(unit, user, TokenKind.SESSION, secret, "browser", lifetime_s)
            token.sign_in_code = said.digest
            await unit.insert(token)
            _emit(unit, "SIGNED_IN", token)
            outcome.entity_id = token.id
            return SessionCreated(secret, _viewer(token, user))

        return await self._ledger.command(Actor(user.name, user.role, user.id), "signIn", {}, work)

    async def _revoke(self, actor: Actor, action: str, token_id: str) -> ApiToken | Refusal:
        async def work(unit: Unit, outcome: CommandOutcome) -> ApiToken:
            known = _TOKEN_ID.fullmatch(token_id) is not None  # the column refuses what is longer
            token = await unit.lock(ApiToken, id=token_id) if known else None
            if token is None or not _may_end(actor, token):
                raise not_found("token")
            outcome.entity_id = token.id
            if token.revoked_at is None:
                token.revoked_at = unit.now
                await unit.save(token, "revoked_at")
                _emit(unit, "TOKEN_REVOKED", token)
            return token

        result = await self._ledger.command(actor, action, {"id": shown(token_id)}, work)
        if isinstance(result, ApiToken):
            self._forget(result.id)
        return result

    def _forget(self, token_id: str) -> None:
        self._viewers.drop(token_id)
        for tell in self._revoked_listeners:
            tell(token_id)

    def _nobody(self, kind: AuthFailure) -> Viewer | None:
        self._on_failure(kind)
        return None


def _viewer(token: ApiToken, user: User) -> Viewer:
    return Viewer(user.name, user.role, user.id, token_id=token.id, expires_at=token.expires_at)


def _new_token(
    unit: Unit, user: User, kind: TokenKind, secret: str, name: str, lifetime_s: int | None
) -> ApiToken:
    return ApiToken(
        id=new_id("tok", unit.now),
        user_id=user.id,
        kind=kind,
        name=name,
        digest=digest_of(secret),
        created_at=unit.now,
        expires_at=None if lifetime_s is None else unit.now + timedelta(seconds=lifetime_s),
    )


def _emit(unit: Unit, action: str, token: ApiToken) -> None:
    payload = {"action": action, "tokenId": token.id, "kind": token.kind, "name": token.name}
    unit.emit(EventType.USER_ACTION, payload, entity_id=token.id, user_id=token.user_id)


def _check(command: CreateToken) -> None:
    if not 1 <= len(command.name) <= 64 or not command.name.isprintable():
        raise invalid("name", "must be 1 to 64 printable characters")
    seconds = command.expires_in_s
    if seconds is not None and not 1 <= seconds <= LONGEST_LIFETIME_S:
        bound = str(LONGEST_LIFETIME_S)
        raise invalid("expiresInSeconds", f"must be from 1 to {bound}", limit=bound, observed=str(seconds))


def _check_permission(actor: Actor, command: CreateToken) -> None:
    if allows(actor.role, Permission.MANAGE_USERS):
        return
    if command.user != actor.name:
        raise invalid("user", "a token for somebody else takes an operator")
    if command.role is not actor.role:
        raise invalid("role", f"must be your own, {actor.role}", limit=actor.role, observed=command.role)


async def _check_room(unit: Unit, user: User) -> None:
    unrevoked = await unit.find(ApiToken, user_id=user.id, kind=TokenKind.API, revoked_at=None)
    live = sum(token.is_live(unit.now) for token in unrevoked)
    if live >= MOST_TOKENS:
        words = f"{user.name} has {live} live tokens; revoke some first"
        limit = str(MOST_TOKENS)
        raise Refused(
            Refusal(RefusalCode.ILLEGAL_STATE, words, limit=limit, observed=str(live), headroom="0")
        )


def _may_end(actor: Actor, token: ApiToken) -> bool:
    return token.user_id == actor.user_id or allows(actor.role, Permission.MANAGE_USERS)


async def _token(unit: Unit, token_id: str) -> ApiToken:
    token = await unit.get(ApiToken, id=token_id)
    if token is None:
        raise not_found("token")
    return token


def _bad_code() -> Refused:
    return invalid("code", "is used, too old, or not from this engine; ask for a new link")
