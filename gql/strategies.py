"""Strategies in the API: what is deployed, how each day went, deploying, pausing, and signals of one's own."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, cast

import strawberry

from engine.errors import Refusal, invalid
from engine.strategies.deployments import DeployStrategy
from engine.strategies.kinds import StrategyKind as Described
from engine.strategies.parameters import Parameter
from engine.strategies.signals import SubmitSignal
from gql.choices import OrderSide, ParameterType, StrategyStatus
from gql.connections import After, Before, Connection, First, Last, connection, requested
from gql.context import Context, Info
from gql.events import TradingEvent
from gql.fields import mutation, query
from gql.inputs import printable
from gql.ownership import find_visible, note_foreign, visible
from gql.refusals import IdempotencyConflict, Refused, refused
from gql.scalars import JSON
from models.strategy import StrategyDeployment, StrategyPerformance

MOST_SYMBOLS = 1_000  # of one request; the engine's own bound says how many a deployment may have


@strawberry.type(description="One strategy at work on symbols for a user.")
class Strategy:
    id: strawberry.ID = strawberry.field(description="The deployment's id.")
    user_id: strawberry.ID = strawberry.field(description="Whose money it trades.")
    name: str = strawberry.field(description="The name its owner gave it.")
    kind: str = strawberry.field(description="What it does, such as `moving_average_crossover`.")
    symbols: list[str] = strawberry.field(description="What it looks at and trades.")
    parameters: JSON = strawberry.field(description="Its settings, defaults filled in.")
    status: StrategyStatus = strawberry.field(description="Whether it runs.")
    reason: str | None = strawberry.field(description="Why it was paused, stopped or failed.")
    deployed_at: datetime = strawberry.field(description="When it was put to work.")
    updated_at: datetime = strawberry.field(description="When its status last changed.")

    @classmethod
    def of(cls, row: StrategyDeployment) -> "Strategy":
        return cls(
            id=strawberry.ID(row.id),
            user_id=strawberry.ID(row.user_id),
            name=row.name,
            kind=row.kind,
            symbols=list(row.symbols),
            parameters=JSON(row.parameters),
            status=row.status,
            reason=row.reason,
            deployed_at=row.deployed_at,
            updated_at=row.updated_at,
        )


@strawberry.type(description="One setting of a kind of strategies.")
class StrategyParameter:
    name: str = strawberry.field(description="The parameter.")
    type: ParameterType = strawberry.field(description="How its text is read.")
    default: str = strawberry.field(description="What it is where nothing is said.")
    minimum: str = strawberry.field(description="The least it may be; of a STRING, its length.")
    maximum: str = strawberry.field(description="The most it may be; of a STRING, its length.")
    description: str = strawberry.field(description="What it means.")

    @classmethod
    def of(cls, parameter: Parameter) -> "StrategyParameter":
        return cls(
            name=parameter.name,
            type=parameter.type,
            default=_plain(parameter.default),
            minimum=_plain(parameter.minimum),
            maximum=_plain(parameter.maximum),
            description=parameter.description,
        )


@strawberry.type(description="A kind of strategies that can be put to work, and what it takes.")
class StrategyKind:
    id: strawberry.ID = strawberry.field(description="The same as `kind`.")
    kind: str = strawberry.field(description="Its name, for `deployStrategy`.")
    description: str = strawberry.field(description="What it does.")
    parameters: list[StrategyParameter] = strawberry.field(description="Its settings.")

    @classmethod
    def of(cls, kind: Described) -> "StrategyKind":
        parameters = [StrategyParameter.of(parameter) for parameter in kind.parameters]
        return cls(
            id=strawberry.ID(kind.kind), kind=kind.kind, description=kind.description, parameters=parameters
        )


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


@strawberry.type(description="One market day of one strategy.")
class StrategyDay:
    id: strawberry.ID = strawberry.field(description="The row's id.")
    strategy_id: strawberry.ID = strawberry.field(description="The strategy.")
    market_day: date = strawberry.field(description="The day, by the market's clock.")
    signals: int = strawberry.field(description="Signals it gave.")
    orders: int = strawberry.field(description="Orders made of them.")
    denials: int = strawberry.field(description="Orders our own checks refused.")
    fills: int = strawberry.field(description="Fills.")
    realized_pnl: Decimal = strawberry.field(description="Profit of what was sold that day.")
    unrealized_pnl: Decimal = strawberry.field(description="Profit of what was held at the day's end.")
    commission: Decimal = strawberry.field(description="Commission paid that day.")
    turnover: Decimal = strawberry.field(description="The money that was bought and sold for.")
    updated_at: datetime = strawberry.field(description="When the row was last written.")

    @classmethod
    def of(cls, row: StrategyPerformance) -> "StrategyDay":
        return cls(
            id=strawberry.ID(row.id),
            strategy_id=strawberry.ID(row.strategy_id),
            market_day=row.day,
            signals=row.signals,
            orders=row.orders,
            denials=row.denials,
            fills=row.fills,
            realized_pnl=row.realised_profit,
            unrealized_pnl=row.unrealised_profit,
            commission=row.commission,
            turnover=row.turnover,
            updated_at=row.updated_at,
        )


@strawberry.input(
    description="A strategy to put to work. The same client id and content again answers the first outcome."
)
class DeployStrategyInput:
    client_deployment_id: str = strawberry.field(description="Your id for it, 1 to 64 of A-Z a-z 0-9 . _ : -")
    name: str = strawberry.field(description="A name for people.")
    kind: str = strawberry.field(description="What it does, such as `moving_average_crossover`.")
    symbols: list[str] = strawberry.field(description="What it looks at and trades.")
    parameters: JSON | None = strawberry.field(
        description="Its settings as an object; numbers with decimals as text. Defaults are filled in.",
        default=None,
    )


@strawberry.input(description="Which strategy, and why.")
class StrategyInput:
    id: strawberry.ID = strawberry.field(description="The strategy.")
    reason: str = strawberry.field(description="Why; kept with it.", default="asked by its owner")


@strawberry.input(description="A signal of your own: the engine makes an order of it, or says why not.")
class SubmitSignalInput:
    client_signal_id: str = strawberry.field(description="Your id for it, 1 to 64 of A-Z a-z 0-9 . _ : -")
    symbol: str = strawberry.field(description="What to trade.")
    side: OrderSide = strawberry.field(description="Buy or sell.")
    confidence: Decimal = strawberry.field(description="How sure you are, from 0 to 1.")
    quantity: Decimal | None = strawberry.field(
        description="How much; left out, the engine sizes it.", default=None
    )
    strategy_id: strawberry.ID | None = strawberry.field(
        description="Your strategy it belongs to.", default=None
    )
    reason: str = strawberry.field(description="What speaks for it, at most 300 characters.", default="")


@strawberry.type(description="The strategy is at work, or had been for a repeated client id.")
class StrategyDeployed:
    strategy: Strategy = strawberry.field(description="The strategy.")


@strawberry.type(description="The strategy's status was changed.")
class StrategyChanged:
    strategy: Strategy = strawberry.field(description="The strategy now.")


@strawberry.type(description="The signal was taken; what becomes of it follows in `events`.")
class SignalAccepted:
    event: TradingEvent = strawberry.field(description="The event SIGNAL_GENERATED.")


DeployStrategyResult = Annotated[
    StrategyDeployed | Refused | IdempotencyConflict,
    strawberry.union("DeployStrategyResult", description="What became of a deployment."),
]
StrategyResult = Annotated[
    StrategyChanged | Refused,
    strawberry.union("StrategyResult", description="What became of a request about a strategy."),
]
SubmitSignalResult = Annotated[
    SignalAccepted | Refused | IdempotencyConflict,
    strawberry.union("SubmitSignalResult", description="What became of a signal."),
]

WhichStrategy = Annotated[StrategyInput, strawberry.argument(description="Which strategy.")]


@strawberry.type
class StrategyQueries:
    @query("Strategies, newest first; everybody's for roles that see everything.")
    async def strategies(
        self,
        info: Info,
        status: Annotated[StrategyStatus | None, strawberry.argument(description="Only this status.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Strategy]:
        query = visible(StrategyDeployment.all(), info.context, None, "strategy")
        if status is not None:
            query = query.filter(status=status)
        return await connection(query, "id", requested(first, after, last, before), Strategy.of)

    @query("One strategy; null when it is unknown or not yours to see.")
    async def strategy(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The strategy's id.")]
    ) -> Strategy | None:
        found = await find_visible(StrategyDeployment, id, info.context, "strategy")
        return Strategy.of(found) if found else None

    @query("What can be put to work with `deployStrategy`, and the parameters of each.")
    def strategy_kinds(self, info: Info) -> list[StrategyKind]:
        return [StrategyKind.of(kind) for kind in info.context.engine.deployments.kinds()]

    @query("A strategy's market days, newest first; empty for one you may not see.")
    async def strategy_performance(
        self,
        info: Info,
        strategy_id: Annotated[strawberry.ID, strawberry.argument(description="The strategy.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[StrategyDay]:
        found = await find_visible(StrategyDeployment, strategy_id, info.context, "strategy")
        days = StrategyPerformance.filter(strategy_id=found.id if found else "")
        return await connection(days, "id", requested(first, after, last, before), StrategyDay.of)


async def _changed(
    result: StrategyDeployment | Refusal, strategy_id: str, context: Context
) -> StrategyChanged | Refused:
    if isinstance(result, Refusal):
        await note_foreign(result, StrategyDeployment, strategy_id, context, "strategy")
        return Refused.of(result)
    return StrategyChanged(strategy=Strategy.of(result))


@strawberry.type
class StrategyMutations:
    @mutation("Put a strategy to work.")
    async def deploy_strategy(
        self,
        info: Info,
        input: Annotated[DeployStrategyInput, strawberry.argument(description="The strategy.")],
    ) -> DeployStrategyResult:
        context = info.context
        parameters: Any = {} if input.parameters is None else input.parameters
        if not isinstance(parameters, Mapping) or len(input.symbols) > MOST_SYMBOLS:
            bad = "parameters" if not isinstance(parameters, Mapping) else "symbols"
            refusal = invalid(bad, "must be an object" if bad == "parameters" else "are too many").refusal
            await context.engine.ledger.record_refusal(context.actor, "deployStrategy", {}, refusal)
            return Refused.of(refusal)
        command = DeployStrategy(
            client_deployment_id=printable(input.client_deployment_id),
            name=printable(input.name),
            kind=printable(input.kind),
            symbols=tuple(printable(symbol) for symbol in input.symbols),
            parameters=cast(Mapping[str, Any], parameters),
        )
        result = await context.engine.deployments.deploy(context.actor, command)
        return (
            refused(result) if isinstance(result, Refusal) else StrategyDeployed(strategy=Strategy.of(result))
        )

    @mutation("Pause a strategy: it sees no bars and signals nothing until it is resumed.")
    async def pause_strategy(self, info: Info, input: WhichStrategy) -> StrategyResult:
        context, strategy_id = info.context, printable(input.id)
        result = await context.engine.deployments.pause(context.actor, strategy_id, printable(input.reason))
        return await _changed(result, strategy_id, context)

    @mutation("Let a paused strategy go on.")
    async def resume_strategy(self, info: Info, input: WhichStrategy) -> StrategyResult:
        context, strategy_id = info.context, printable(input.id)
        result = await context.engine.deployments.resume(context.actor, strategy_id, printable(input.reason))
        return await _changed(result, strategy_id, context)

    @mutation("End a strategy for good; its positions stay.")
    async def stop_strategy(self, info: Info, input: WhichStrategy) -> StrategyResult:
        context, strategy_id = info.context, printable(input.id)
        result = await context.engine.deployments.stop(context.actor, strategy_id, printable(input.reason))
        return await _changed(result, strategy_id, context)

    @mutation("Give a signal of your own, as a strategy would.")
    async def submit_signal(
        self,
        info: Info,
        input: Annotated[SubmitSignalInput, strawberry.argument(description="The signal.")],
    ) -> SubmitSignalResult:
        context = info.context
        signal = SubmitSignal(
            client_signal_id=printable(input.client_signal_id),
            symbol=printable(input.symbol),
            side=input.side,
            confidence=input.confidence,
            quantity=input.quantity,
            strategy_id=None if input.strategy_id is None else printable(input.strategy_id),
            reason=printable(input.reason),
        )
        result = await context.engine.signals.submit(context.actor, signal)
        if isinstance(result, Refusal):
            return refused(result)
        return SignalAccepted(event=TradingEvent.of(result, context))
