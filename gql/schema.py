"""The schema: every noun's part put together, guarded, and printed (`python -m gql.schema`)."""

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from gql.access import AccessMutations, AccessQueries
from gql.alerts import AlertMutations, AlertQueries, AlertSubscriptions
from gql.audit import AuditQueries
from gql.configuration import ConfigMutations, ConfigQueries
from gql.dead_letters import DeadLetterQueries
from gql.events import EventMutations, EventQueries
from gql.guard import guard
from gql.health import HealthQueries, HealthSubscriptions
from gql.live_events import EventSubscriptions
from gql.market import MarketQueries, MarketSubscriptions
from gql.metrics import MetricQueries, MetricSubscriptions
from gql.orders import OrderMutations, OrderQueries, OrderSubscriptions
from gql.positions import PositionQueries, PositionSubscriptions
from gql.risk import RiskQueries
from gql.scalars import SCALARS
from gql.strategies import StrategyMutations, StrategyQueries
from gql.trading_state import TradingStateMutations, TradingStateQueries, TradingStateSubscriptions


@strawberry.type(description="What can be read.")
class Query(
    HealthQueries,
    MetricQueries,
    AlertQueries,
    ConfigQueries,
    EventQueries,
    DeadLetterQueries,
    OrderQueries,
    PositionQueries,
    StrategyQueries,
    RiskQueries,
    AuditQueries,
    MarketQueries,
    TradingStateQueries,
    AccessQueries,
):
    pass


@strawberry.type(description="What can be done. Expected refusals are answers, not errors.")
class Mutation(
    TradingStateMutations,
    OrderMutations,
    StrategyMutations,
    ConfigMutations,
    AlertMutations,
    EventMutations,
    AccessMutations,
):
    pass


@strawberry.type(description="What can be followed live: facts without gaps, figures at their latest.")
class Subscription(
    EventSubscriptions,
    OrderSubscriptions,
    PositionSubscriptions,
    AlertSubscriptions,
    HealthSubscriptions,
    MetricSubscriptions,
    MarketSubscriptions,
    TradingStateSubscriptions,
):
    pass


def build_schema() -> strawberry.Schema:
    """Build the schema from the code."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def guarded_schema() -> GraphQLSchema:
    """Build the schema with the guard around every root field, ready to run operations on."""
    return guard(build_schema()._schema)


def sdl() -> str:
    """Answer the schema in GraphQL's own language, as `schema.graphql` keeps it."""
    return build_schema().as_str() + "\n"


if __name__ == "__main__":
    print(sdl(), end="")  # noqa: T201 - this is what the module is run for
