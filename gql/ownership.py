"""Whose rows a viewer gets: own ones, all with VIEW_ALL; a foreign id is answered like an unknown one."""

from typing import TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from engine.errors import Refusal, RefusalCode
from gql.context import Context
from gql.inputs import LONGEST_ID, bounded

Row = TypeVar("Row", bound=Model)


def visible(query: QuerySet[Row], context: Context, user_id: str | None, kind: str) -> QuerySet[Row]:
    """Answer the part of a list that the viewer may see, or that part of it which belongs to one user."""
    if user_id is not None:
        asked = bounded(user_id, "userId")
        if not context.sees_all and asked != context.user_id:
            context.foreign(kind)
            return query.filter(user_id="")
        return query.filter(user_id=asked)
    return query if context.sees_all else query.filter(user_id=context.user_id)


async def find_visible(model: type[Row], row_id: str, context: Context, kind: str) -> Row | None:
    """Answer a row by its id, or nothing where it is unknown or not the viewer's to see."""
    row = await model.filter(id=bounded(row_id, "id", LONGEST_ID)).first()
    if row is None or not context.may_see(getattr(row, "user_id", None), kind):
        return None
    return row


async def note_foreign(
    refusal: Refusal, model: type[Model], row_id: str, context: Context, kind: str
) -> None:
    """Count a command on something that is there but belongs to somebody else."""
    if refusal.code is not RefusalCode.NOT_FOUND or not row_id.isprintable():
        return
    if await model.filter(id=row_id[:LONGEST_ID]).exclude(user_id=context.user_id).exists():
        context.foreign(kind)
