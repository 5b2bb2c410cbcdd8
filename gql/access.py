"""People and what proves who they are, in the API: oneself, tokens, and secrets of venues."""

from datetime import datetime
from typing import Annotated

import strawberry

from engine.errors import Refusal
from engine.security.credentials import StoreCredential
from engine.security.permissions import PERMISSIONS
from engine.security.tokens import CreateToken
from gql.choices import Permission, Role, TokenKind
from gql.context import Info
from gql.fields import mutation, query
from gql.inputs import printable
from gql.ownership import note_foreign
from gql.refusals import IdempotencyConflict, Refused, refused
from models.credential import BrokerCredential as CredentialRow
from models.user import ApiToken as TokenRow


@strawberry.type(description="Whoever asks.")
class Me:
    id: strawberry.ID = strawberry.field(description="Your user's id.")
    name: str = strawberry.field(description="Your user's name.")
    role: Role = strawberry.field(description="Your role.")
    permissions: list[Permission] = strawberry.field(description="What your role may do.")
    token_id: strawberry.ID = strawberry.field(description="The token or session you came with.")
    expires_at: datetime | None = strawberry.field(
        description="Until when it holds; null: until it is revoked."
    )


@strawberry.type(description="A token; its secret was shown once and is not kept.")
class ApiToken:
    id: strawberry.ID = strawberry.field(description="The token's id.")
    user_id: strawberry.ID = strawberry.field(description="Whom it signs in.")
    kind: TokenKind = strawberry.field(description="How it is used.")
    name: str = strawberry.field(description="What it was named.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(
        description="Until when it holds; null: until it is revoked."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was revoked.")

    @classmethod
    def of(cls, row: TokenRow) -> "ApiToken":
        return cls(
            id=strawberry.ID(row.id),
            user_id=strawberry.ID(row.user_id),
            kind=row.kind,
            name=row.name,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )


@strawberry.type(description="A secret of a venue, sealed; it is never answered.")
class BrokerCredential:
    id: strawberry.ID = strawberry.field(description="The credential's id.")
    user_id: strawberry.ID = strawberry.field(description="Whose it is.")
    venue: str = strawberry.field(description="The venue it is for.")
    label: str = strawberry.field(description="What it was labelled.")
    created_at: datetime = strawberry.field(description="When it was first stored.")

    @classmethod
    def of(cls, row: CredentialRow) -> "BrokerCredential":
        return cls(
            id=strawberry.ID(row.id),
            user_id=strawberry.ID(row.user_id),
            venue=row.venue,
            label=row.label,
            created_at=row.created_at,
        )


@strawberry.input(
    description="A token to make. One for somebody else takes an operator; a new user is made along."
)
class CreateApiTokenInput:
    client_id: str = strawberry.field(description="Your id for this request, 1 to 64 of A-Z a-z 0-9 . _ : -")
    user: str = strawberry.field(description="The user's name: 1 to 64 of a-z 0-9 . _ -")
    role: Role = strawberry.field(description="The user's role.")
    name: str = strawberry.field(description="What to name the token.")
    expires_in_seconds: int | None = strawberry.field(
        description="How long it holds; left out, for ever.", default=None
    )


@strawberry.input(description="Which token to revoke.")
class RevokeApiTokenInput:
    id: strawberry.ID = strawberry.field(description="The token.")


@strawberry.input(description="A venue's secret to keep. The same venue and label again replaces it.")
class StoreBrokerCredentialInput:
    client_id: str = strawberry.field(description="Your id for this request, 1 to 64 of A-Z a-z 0-9 . _ : -")
    venue: str = strawberry.field(description="The venue.")
    label: str = strawberry.field(description="A label for people.")
    secret: str = strawberry.field(description="The secret; sealed at once, never answered, never logged.")


@strawberry.type(description="The token was made, or had been for a repeated client id.")
class ApiTokenCreated:
    token: ApiToken = strawberry.field(description="The token.")
    secret: str | None = strawberry.field(
        description="What to send as bearer token. Shown this once; null for a repeated request."
    )


@strawberry.type(description="The token proves nothing any more, in every process.")
class ApiTokenRevoked:
    token: ApiToken = strawberry.field(description="The token.")


@strawberry.type(description="The secret is kept, sealed.")
class BrokerCredentialStored:
    credential: BrokerCredential = strawberry.field(description="What is known of it.")


CreateApiTokenResult = Annotated[
    ApiTokenCreated | Refused | IdempotencyConflict,
    strawberry.union("CreateApiTokenResult", description="What became of a request for a token."),
]
RevokeApiTokenResult = Annotated[
    ApiTokenRevoked | Refused,
    strawberry.union("RevokeApiTokenResult", description="What became of a request to revoke a token."),
]
StoreBrokerCredentialResult = Annotated[
    BrokerCredentialStored | Refused | IdempotencyConflict,
    strawberry.union("StoreBrokerCredentialResult", description="What became of a secret to keep."),
]


@strawberry.type
class AccessQueries:
    @query("Who you are and what you may do.")
    def me(self, info: Info) -> Me:
        viewer = info.context.viewer
        return Me(
            id=strawberry.ID(info.context.user_id),
            name=viewer.name,
            role=viewer.role,
            permissions=sorted(PERMISSIONS[viewer.role]),
            token_id=strawberry.ID(viewer.token_id),
            expires_at=viewer.expires_at,
        )


@strawberry.type
class AccessMutations:
    @mutation("Make a token for a script: your own, or as an operator anybody's.")
    async def create_api_token(
        self,
        info: Info,
        input: Annotated[CreateApiTokenInput, strawberry.argument(description="The token.")],
    ) -> CreateApiTokenResult:
        context = info.context
        command = CreateToken(
            client_id=printable(input.client_id),
            user=printable(input.user),
            role=input.role,
            name=input.name,
            expires_in_s=input.expires_in_seconds,
        )
        result = await context.engine.tokens.create(context.actor, command)
        if isinstance(result, Refusal):
            return refused(result)
        return ApiTokenCreated(token=ApiToken.of(result.row), secret=result.secret)

    @mutation("Revoke a token or end a session: your own, or as an operator anybody's.")
    async def revoke_api_token(
        self,
        info: Info,
        input: Annotated[RevokeApiTokenInput, strawberry.argument(description="Which token.")],
    ) -> RevokeApiTokenResult:
        context, token_id = info.context, printable(input.id)
        result = await context.engine.tokens.revoke(context.actor, token_id)
        if isinstance(result, Refusal):
            await note_foreign(result, TokenRow, token_id, context, "token")
            return Refused.of(result)
        return ApiTokenRevoked(token=ApiToken.of(result))

    @mutation("Keep a venue's secret. It can be used by the engine and read by nobody.")
    async def store_broker_credential(
        self,
        info: Info,
        input: Annotated[StoreBrokerCredentialInput, strawberry.argument(description="The secret.")],
    ) -> StoreBrokerCredentialResult:
        context = info.context
        command = StoreCredential(
            client_id=printable(input.client_id),
            venue=printable(input.venue),
            label=printable(input.label),
            secret=input.secret,
        )
        result = await context.engine.credentials.store(context.actor, command)
        if isinstance(result, Refusal):
            return refused(result)
        return BrokerCredentialStored(credential=BrokerCredential.of(result))
