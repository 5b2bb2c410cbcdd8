"""Which stops are in force, in memory: looked at with no wait between look and send."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.ledger.event import Event
from engine.ledger.unit import Unit
from models.event import EventType
from models.halt import Halt, HaltScope
from models.order import Order, OrderOrigin

# A person's closing order reduces what is at risk: it passes every stop. The protective stop loss does not,
# because after an emergency stop no process sends anything by itself.
PASSES_STOPS = frozenset({OrderOrigin.CLOSE, OrderOrigin.FLATTEN})
LIFTED_REMEMBERED = 1_000  # a stop is confirmed moments after its commit: far fewer are lifted in between


class TradingStatus(StrEnum):
    """Whether trading goes on: everywhere, not everywhere, or nowhere."""

    ACTIVE = "ACTIVE"
    RESTRICTED = "RESTRICTED"
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True)
class ActiveHalt:
    """One stop in force."""

    id: str
    scope: HaltScope
    target: str | None
    reason: str
    since: datetime
    started_by: str
    automatic: bool

    def covers(self, user_id: str, symbol: str, strategy_id: str | None) -> bool:
        """Tell whether orders of this user, symbol and strategy are stopped."""
        return {
            HaltScope.ALL: True,
            HaltScope.USER: self.target == user_id,
            HaltScope.SYMBOL: self.target == symbol,
            HaltScope.STRATEGY: self.target is not None and self.target == strategy_id,
        }[self.scope]

    @classmethod
    def of(cls, halt: Halt) -> "ActiveHalt":
        """Read a ledger row."""
        return cls(
            halt.id, halt.scope, halt.target, halt.reason, halt.started_at, halt.started_by, halt.automatic
        )


@dataclass(frozen=True, slots=True)
class TradingState:
    """Whether trading goes on, and the stops in force."""

    status: TradingStatus
    halts: tuple[ActiveHalt, ...]


class Halts:
    """Stops in force in this process: latched here at once, confirmed by the ledger's facts."""

    def __init__(self) -> None:
        self._active: dict[str, ActiveHalt] = {}
        self._latched: dict[str, ActiveHalt] = {}
        self._met: dict[str, list[str]] = {}  # orders that a latch met, by its id
        self._lifted: deque[str] = deque(maxlen=LIFTED_REMEMBERED)

    def load(self, halts: Iterable[Halt]) -> None:
        """Take the ledger's active stops, at start: a stop survives a restart."""
        self._active = {halt.id: ActiveHalt.of(halt) for halt in halts}

    def latch(self, halt: ActiveHalt) -> None:
        """Stop at once, before anything is written."""
        self._latched[halt.id] = halt
        self._met[halt.id] = []

    def meet(self, halt: ActiveHalt, order_id: str) -> None:
        """Note an order that is taken back because of a latch: when its stop is recorded, it may work no more."""
        if (met := self._met.get(halt.id)) is not None:
            met.append(order_id)

    def met(self, latched_id: str) -> list[str]:
        """Answer the orders that were taken back because of a latch."""
        return self._met.get(latched_id, [])

    def confirm(self, latched_id: str, halt: Halt) -> None:
        """Replace a latch by the stop the ledger now holds, without a moment in between.

        It may be lifted again already: facts are told before the one who stopped is answered.
        """
        if halt.id not in self._lifted:
            self._active[halt.id] = ActiveHalt.of(halt)
        self.unlatch(latched_id)

    def unlatch(self, halt_id: str) -> None:
        """Undo a latch whose stop was refused."""
        self._latched.pop(halt_id, None)
        self._met.pop(halt_id, None)

    def follow(self, events: Sequence[Event]) -> None:
        """Take stops and resumes of any process as they are committed."""
        for event in events:
            if event.type is EventType.EMERGENCY_STOP:
                said = event.payload
                self._active[said["haltId"]] = ActiveHalt(
                    id=said["haltId"],
                    scope=HaltScope(said["scope"]),
                    target=said["target"],
                    reason=said["reason"],
                    since=event.created_at,
                    started_by=said["startedBy"],
                    automatic=said["automatic"],
                )
            elif event.type is EventType.TRADING_RESUMED:
                for halt_id in event.payload["haltIds"]:
                    self._active.pop(halt_id, None)
                    self._lifted.append(halt_id)

    def blocking(self, user_id: str, symbol: str, strategy_id: str | None) -> ActiveHalt | None:
        """Answer a stop that covers such orders, or nothing."""
        for halt in (*self._latched.values(), *self._active.values()):
            if halt.covers(user_id, symbol, strategy_id):
                return halt
        return None

    def blocks(self, order: Order) -> ActiveHalt | None:
        """Answer the stop that keeps an order from being sent, or nothing."""
        if order.origin in PASSES_STOPS:
            return None
        return self.blocking(order.user_id, order.symbol, order.strategy_id)

    @property
    def state(self) -> TradingState:
        """Answer whether trading goes on."""
        halts = tuple({halt.id: halt for halt in (*self._latched.values(), *self._active.values())}.values())
        if any(halt.scope is HaltScope.ALL for halt in halts):
            return TradingState(TradingStatus.HALTED, halts)
        return TradingState(TradingStatus.RESTRICTED if halts else TradingStatus.ACTIVE, halts)


async def stop_on_record(unit: Unit, user_id: str, symbol: str, strategy_id: str | None) -> ActiveHalt | None:
    """Answer a stop in the ledger that covers such orders, or nothing.

    Asked under the shared fence, it knows of every stop that was answered, in whatever process.
    """
    halts = [ActiveHalt.of(halt) for halt in await unit.find(Halt, resumed_at=None)]
    return next((halt for halt in halts if halt.covers(user_id, symbol, strategy_id)), None)
