"""Whether trading goes on, in the API: the stops in force, stopping, resuming, and hearing of both."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Annotated

import strawberry

from engine.errors import Refusal, not_found
from engine.security.permissions import Permission, allows
from engine.trading.halts import ActiveHalt
from engine.trading.kill_switch import StopRequest
from gql.changes import follow
from gql.choices import HaltScope, TradingStatus
from gql.context import Context, Info
from gql.errors import ErrorCode, coded
from gql.fields import mutation, query, subscription
from gql.guard import refuse
from gql.inputs import printable
from gql.orders import Order
from gql.refusals import Refused
from gql.strategies import Strategy
from models.event import EventType
from models.halt import Halt as HaltRow
from models.strategy import StrategyDeployment

STATE_EVENTS = frozenset({EventType.EMERGENCY_STOP, EventType.TRADING_RESUMED})


@strawberry.type(description="A stop of trading.")
class Halt:
    id: strawberry.ID = strawberry.field(description="The stop's id.")
    scope: HaltScope = strawberry.field(description="What it covers.")
    target: str | None = strawberry.field(description="The user, strategy or symbol it covers; null for ALL.")
    reason: str = strawberry.field(description="Why.")
    since: datetime = strawberry.field(description="Since when.")
    started_by: str = strawberry.field(description="Who stopped; `engine` when it did so by itself.")
    automatic: bool = strawberry.field(description="Whether the engine stopped by itself.")

    @classmethod
    def of(cls, halt: ActiveHalt) -> "Halt":
        return cls(
            id=strawberry.ID(halt.id),
            scope=halt.scope,
            target=halt.target,
            reason=halt.reason,
            since=halt.since,
            started_by=halt.started_by,
            automatic=halt.automatic,
        )


@strawberry.type(description="Whether trading goes on.")
class TradingState:
    state: TradingStatus = strawberry.field(description="ACTIVE, RESTRICTED or HALTED.")
    halts: list[Halt] = strawberry.field(description="The stops in force that concern you.")


@strawberry.input(description="What to stop, and why.")
class EmergencyStopInput:
    reason: str = strawberry.field(description="Why, 1 to 500 characters.")
    scope: HaltScope = strawberry.field(description="What to stop.")
    target: str | None = strawberry.field(
        description="The id of the user or strategy, or the symbol; absent for ALL. USER without it means yourself.",
        default=None,
    )
    flatten: bool = strawberry.field(
        description="Whether to close the positions covered, at the market, as well.", default=False
    )


@strawberry.input(description="Which stop to lift, and why.")
class ResumeTradingInput:
    reason: str = strawberry.field(description="Why, 1 to 500 characters.")
    scope: HaltScope = strawberry.field(description="The scope of the stop.")
    target: str | None = strawberry.field(description="Its target; absent for ALL.", default=None)


@strawberry.type(
    description="Trading is stopped. Each order that was working is in exactly one of the three lists."
)
class EmergencyStopReport:
    halt: Halt = strawberry.field(description="The stop.")
    cancelled: list[Order] = strawberry.field(description="Orders that were taken back.")
    failed: list[Order] = strawberry.field(description="Orders that were filled or done before that.")
    unknown: list[Order] = strawberry.field(
        description="Orders of which the venue has not told yet; taking them back goes on."
    )
    paused_strategies: list[Strategy] = strawberry.field(description="Strategies that were paused.")
    flatten_orders: list[Order] = strawberry.field(description="Orders that close positions.")


@strawberry.type(
    description="The stop was lifted; strategies it paused are resumed one by one, with `resumeStrategy`."
)
class TradingResumed:
    trading_state: TradingState = strawberry.field(description="Whether trading goes on now.")
    lifted: list[strawberry.ID] = strawberry.field(description="The stops that were lifted.")
    paused_strategies: list[Strategy] = strawberry.field(
        description="Strategies that are still paused by them."
    )


EmergencyStopResult = Annotated[
    EmergencyStopReport | Refused,
    strawberry.union("EmergencyStopResult", description="What an emergency stop did."),
]
ResumeTradingResult = Annotated[
    TradingResumed | Refused,
    strawberry.union("ResumeTradingResult", description="What became of a request to resume."),
]


async def state_of(context: Context) -> TradingState:
    """Answer the state as it concerns the viewer: stops of other users and their strategies are not theirs to see."""
    halts = await _visible(context, context.engine.kill_switch.state.halts)
    status = TradingStatus.RESTRICTED if halts else TradingStatus.ACTIVE
    if any(halt.scope is HaltScope.ALL for halt in halts):
        status = TradingStatus.HALTED
    return TradingState(state=status, halts=[Halt.of(halt) for halt in halts])


async def _visible(context: Context, halts: Iterable[ActiveHalt]) -> list[ActiveHalt]:
    halts = list(halts)
    if context.sees_all:
        return halts
    targets = [halt.target for halt in halts if halt.scope is HaltScope.STRATEGY and halt.target is not None]
    own = (
        {row.id for row in await StrategyDeployment.filter(id__in=targets, user_id=context.user_id)}
        if targets
        else set()
    )
    return [
        halt
        for halt in halts
        if halt.scope in (HaltScope.ALL, HaltScope.SYMBOL)
        or (halt.scope is HaltScope.USER and halt.target == context.user_id)
        or halt.target in own
    ]


@strawberry.type
class TradingStateQueries:
    @query("Whether trading goes on, and the stops in force.")
    async def trading_state(self, info: Info) -> TradingState:
        return await state_of(info.context)


@strawberry.type
class TradingStateMutations:
    @mutation(
        "Stop trading: nothing is admitted or sent from here on, working orders are taken back, "
        "strategies paused. It survives restarts, until `resumeTrading`."
    )
    async def emergency_stop(
        self,
        info: Info,
        input: Annotated[EmergencyStopInput, strawberry.argument(description="What to stop.")],
    ) -> EmergencyStopResult:
        context = info.context
        target = None if input.target is None else printable(input.target)
        if input.scope is HaltScope.USER and target is None:
            target = context.user_id
        if not allows(context.viewer.role, Permission.STOP_ANY):
            denied = await _beyond_own(context, input.scope, target)
            if denied is not None:
                return denied
        request = StopRequest(input.scope, target, printable(input.reason), input.flatten)
        report = await context.engine.kill_switch.stop(context.actor, request)
        if isinstance(report, Refusal):
            return Refused.of(report)
        return EmergencyStopReport(
            halt=Halt.of(ActiveHalt.of(report.halt)),
            cancelled=[Order.of(order) for order in report.cancelled],
            failed=[Order.of(order) for order in report.failed],
            unknown=[Order.of(order) for order in report.unknown],
            paused_strategies=[Strategy.of(row) for row in report.paused_strategies],
            flatten_orders=[Order.of(order) for order in report.flatten_orders],
        )

    @mutation("Lift a stop. What it cancelled stays cancelled, what it paused stays paused.")
    async def resume_trading(
        self,
        info: Info,
        input: Annotated[ResumeTradingInput, strawberry.argument(description="Which stop.")],
    ) -> ResumeTradingResult:
        context = info.context
        target = None if input.target is None else printable(input.target)
        if input.scope is HaltScope.USER and target is None:
            target = context.user_id
        request = StopRequest(input.scope, target, printable(input.reason))
        result = await context.engine.kill_switch.resume(context.actor, request)
        if isinstance(result, Refusal):
            return Refused.of(result)
        return TradingResumed(
            trading_state=await state_of(context),
            lifted=[strawberry.ID(halt.id) for halt in result.halts],
            paused_strategies=[Strategy.of(row) for row in result.paused_strategies],
        )


async def _beyond_own(context: Context, scope: HaltScope, target: str | None) -> Refused | None:
    """Answer what keeps a trader from stopping this. Raises GraphQLError (FORBIDDEN) for what reaches others."""
    if scope is HaltScope.USER and target == context.user_id:
        return None
    if scope is HaltScope.STRATEGY:
        row = None if target is None else await StrategyDeployment.filter(id=target[:64]).first()
        if row is not None and row.user_id == context.user_id:
            return None
        if row is not None:
            context.foreign("strategy")
        refusal = not_found("strategy").refusal
        await context.engine.ledger.record_refusal(context.actor, "emergencyStop", {"scope": scope}, refusal)
        return Refused.of(refusal)
    message = (
        f"stopping beyond your own trading needs the right {Permission.STOP_ANY}; use scope USER or STRATEGY"
    )
    await refuse(context, "emergencyStop", message)
    raise coded(ErrorCode.FORBIDDEN, message)


@strawberry.type
class TradingStateSubscriptions:
    @subscription("Whether trading goes on now, then after each stop and each resume.")
    async def trading_state(self, info: Info) -> AsyncGenerator[TradingState, None]:
        context = info.context
        async with follow(context, STATE_EVENTS) as changes:
            yield await state_of(context)
            async for _ in changes:
                yield await state_of(context)

    @subscription("The stops in force that concern you, then each new one as it happens.")
    async def emergency_stop(self, info: Info) -> AsyncGenerator[Halt, None]:
        context = info.context
        async with follow(context, {EventType.EMERGENCY_STOP}) as changes:
            for halt in await _visible(context, context.engine.kill_switch.state.halts):
                yield Halt.of(halt)
            async for event in changes:
                row = await HaltRow.filter(id=event.entity_id).first()
                if row is not None:
                    for halt in await _visible(context, [ActiveHalt.of(row)]):
                        yield Halt.of(halt)
