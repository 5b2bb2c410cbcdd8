"""Relay connections over the ledger's keyset pages; used by every list of the API that grows."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from tortoise.models import Model
from tortoise.queryset import QuerySet

from engine.errors import invalid
from engine.ledger.reading import Page, PageRequest, page

Node = TypeVar("Node")
Row = TypeVar("Row", bound=Model)

LONGEST_CURSOR = 200  # characters; ours are shorter

First = Annotated[
    int | None, strawberry.argument(description="How many items, newest first: 1 to 100, 20 if not said.")
]
After = Annotated[
    str | None, strawberry.argument(description="Only items after this cursor; goes with `first`.")
]
Last = Annotated[
    int | None,
    strawberry.argument(description="How many items counted from the end, instead of `first`: 1 to 100."),
]
Before = Annotated[
    str | None, strawberry.argument(description="Only items before this cursor; goes with `last`.")
]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether items follow after this page.")
    has_previous_page: bool = strawberry.field(description="Whether items come before this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item, for `before`; where a search had to pause, where it came to."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item, for `after` of the next page; where a search had to pause (a page "
        "with fewer items than asked for, or none, and `hasNextPage`), where it came to."
    )


@strawberry.type(description="An item of a list and its place there.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(
        description="The place in the list: opaque, stable, for `after` and `before`."
    )
    node: Node = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list, newest first.")
class Connection(Generic[Node]):
    edges: list[Edge[Node]] = strawberry.field(description="The items of this page with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")


def requested(first: int | None, after: str | None, last: int | None, before: str | None) -> PageRequest:
    """Take the four arguments of a list. Raises Refused for a text that is too long to be a cursor."""
    for field, cursor in (("after", after), ("before", before)):
        if cursor is not None and len(cursor) > LONGEST_CURSOR:
            raise invalid(field, "is not a cursor of this list")
    return PageRequest(first, after, last, before)


def connect(read: Page[Any], nodes: list[Node]) -> Connection[Node]:
    """Answer the connection of a page whose rows became these nodes, one for one and in order."""
    edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(read.cursors, nodes, strict=True)]
    start, end = (read.cursors[0], read.cursors[-1]) if read.cursors else (None, None)
    if read.reached is not None:
        start, end = (start, read.reached) if read.has_next else (read.reached, end)
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=read.has_next,
            has_previous_page=read.has_previous,
            start_cursor=start,
            end_cursor=end,
        ),
    )


async def connection(
    query: QuerySet[Row], key: str, request: PageRequest, node_of: Callable[[Row], Node]
) -> Connection[Node]:
    """Read one page and turn each row into its node."""
    read = await page(query, key, request)
    return connect(read, [node_of(row) for row in read.rows])
