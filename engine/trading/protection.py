"""The default stop loss: every long position is protected by one resting, reduce-only stop. Runs on the desk."""

from decimal import ROUND_DOWN, Decimal

from engine.actor import Actor
from engine.ledger.configuration import Configuration
from engine.ledger.event import Event
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.trading.halts import Halts
from engine.trading.order_input import Provenance, SubmitOrder
from engine.trading.orders import Orders, request_cancel
from models.order import WORKING, Order, OrderOrigin, OrderSide, OrderType, TimeInForce
from models.position import Position
from models.user import Role


class Protection:
    """Keeps a stop of the position's size at the configured distance below its average price."""

    def __init__(self, ledger: Ledger, orders: Orders, config: Configuration, halts: Halts) -> None:
        self._ledger = ledger
        self._orders = orders
        self._config = config
        self._halts = halts

    async def protect_position(self, event: Event) -> None:
        """Replace the stop of a position that changed, or take it away. Handles POSITION_* events."""
        await self._protect(str(event.user_id), str(event.symbol), event)

    async def protect_all(self, event: Event) -> None:
        """Put stops back once trading goes on: an emergency stop took them away. Handles TRADING_RESUMED."""
        for position in await Position.exclude(quantity=Decimal(0)):
            await self._protect(position.user_id, position.symbol, event)

    async def _protect(self, user_id: str, symbol: str, event: Event) -> None:
        async def look(unit: Unit) -> SubmitOrder | None:
            await unit.lock_user(user_id)
            position = await unit.get(Position, user_id=user_id, symbol=symbol)
            wanted = self._wanted(position, event)
            resting = await unit.find(
                Order,
                user_id=user_id,
                symbol=symbol,
                origin=OrderOrigin.STOP_LOSS,
                status__in=WORKING,
                cancel_requested_at=None,  # one that is being taken back protects nothing
            )
            fits = [
                o
                for o in resting
                if wanted and (o.stop_price, o.leaves_quantity) == (wanted.stop_price, wanted.quantity)
            ]
            for order in resting:
                if order not in fits[:1]:
                    await request_cancel(unit, order, "the position it protects changed", event)
            return None if fits else wanted

        wanted = await self._ledger.write(look)
        if wanted is not None and self._halts.blocking(user_id, symbol, None) is None:
            actor = Actor("stop loss", Role.TRADER, user_id)
            provenance = Provenance(OrderOrigin.STOP_LOSS, reduce_only=True)
            await self._orders.submit(actor, wanted, provenance, event)

    def _wanted(self, position: Position | None, event: Event) -> SubmitOrder | None:
        percent = self._config.now.default_stop_loss_percent
        if position is None or position.quantity <= 0 or percent == 0:
            return None
        instrument = self._orders.instruments.get(position.symbol)
        if instrument is None:
            return None
        exact = position.average_price * (100 - percent) / 100
        ticks = (exact / instrument.tick_size).quantize(Decimal(1), rounding=ROUND_DOWN)
        return SubmitOrder(
            client_order_id=f"stop:{event.id}:{position.id.removeprefix('pos_')}",
            symbol=position.symbol,
            side=OrderSide.SELL,
            type=OrderType.STOP,
            quantity=position.quantity,
            stop_price=max(ticks, Decimal(1)) * instrument.tick_size,
            time_in_force=TimeInForce.GTC,
        )
