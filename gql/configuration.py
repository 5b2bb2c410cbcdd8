"""The run-time configuration in the API: what is set, and changing it."""

from datetime import datetime
from typing import Annotated

import strawberry

from engine.errors import Refusal
from engine.trading.settings_command import update_config
from gql.choices import ConfigType
from gql.context import Info
from gql.fields import mutation, query
from gql.inputs import printable
from gql.refusals import Refused
from models.config import ConfigEntry as ConfigRow


@strawberry.type(description="One setting that the engine obeys from the moment it is changed.")
class ConfigEntry:
    id: strawberry.ID = strawberry.field(description="The same as `key`.")
    key: str = strawberry.field(description="The setting's name.")
    value: str = strawberry.field(description="Its value as text, read as `type` says.")
    type: ConfigType = strawberry.field(description="How the text is read.")
    minimum: str | None = strawberry.field(description="The least it may be.")
    maximum: str | None = strawberry.field(description="The most it may be.")
    description: str = strawberry.field(description="What the engine does with it.")
    version: int = strawberry.field(description="Counts its changes, from 1.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    updated_by: str = strawberry.field(description="Who changed it; `engine` for a default.")

    @classmethod
    def of(cls, row: ConfigRow) -> "ConfigEntry":
        return cls(
            id=strawberry.ID(row.key),
            key=row.key,
            value=row.value,
            type=row.type,
            minimum=row.minimum,
            maximum=row.maximum,
            description=row.description,
            version=row.version,
            updated_at=row.updated_at,
            updated_by=row.updated_by,
        )


@strawberry.input(description="A change of one setting.")
class UpdateConfigInput:
    key: str = strawberry.field(description="The setting.")
    value: str = strawberry.field(description="Its new value as text.")
    expected_version: int | None = strawberry.field(
        description="The version you have seen: a change in the meantime is refused instead of overwritten.",
        default=None,
    )
    reason: str = strawberry.field(description="Why, 1 to 500 characters.")


@strawberry.type(description="The setting was changed.")
class ConfigUpdated:
    entry: ConfigEntry = strawberry.field(description="The setting now.")


UpdateConfigResult = Annotated[
    ConfigUpdated | Refused,
    strawberry.union("UpdateConfigResult", description="What became of a change of a setting."),
]


@strawberry.type
class ConfigQueries:
    @query("Every setting, by key.")
    async def config(self, info: Info) -> list[ConfigEntry]:
        return [ConfigEntry.of(row) for row in await ConfigRow.all().order_by("key")]


@strawberry.type
class ConfigMutations:
    @mutation("Change a setting; obeyed at once, in every process, and kept in the audit trail.")
    async def update_config(
        self,
        info: Info,
        input: Annotated[UpdateConfigInput, strawberry.argument(description="The change.")],
    ) -> UpdateConfigResult:
        context = info.context
        result = await update_config(
            context.engine.ledger,
            context.actor,
            printable(input.key),
            printable(input.value),
            input.expected_version,
            printable(input.reason),
        )
        return (
            Refused.of(result) if isinstance(result, Refusal) else ConfigUpdated(entry=ConfigEntry.of(result))
        )
