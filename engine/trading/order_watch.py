"""Waiting for orders to be done, wherever in the system that happens; used by cancels and stops."""

import asyncio
from collections.abc import Iterable, Sequence

from engine.ledger.event import Event
from models.event import EventType
from models.order import WORKING, Order

_DONE = frozenset(
    {
        EventType.ORDER_FILLED,
        EventType.ORDER_CANCELLED,
        EventType.ORDER_REJECTED,
        EventType.ORDER_EXPIRED,
    }
)


class OrderWatch:
    """Resolves whoever waits for an order once a fact says that it works no more."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def follow(self, events: Sequence[Event]) -> None:
        """Take facts as they are committed, by any process."""
        for event in events:
            if event.type in _DONE and event.entity_id in self._waiting:
                for future in self._waiting.pop(event.entity_id):
                    if not future.done():
                        future.set_result(None)

    async def closed(self, order_ids: Iterable[str], timeout_s: float) -> list[Order]:
        """Wait until none of the orders works any more, or time is up; answer them as they are then."""
        wanted = list(order_ids)
        if not wanted:
            return []
        loop = asyncio.get_running_loop()
        futures = {order_id: loop.create_future() for order_id in wanted}
        for order_id, future in futures.items():
            self._waiting.setdefault(order_id, set()).add(future)
        try:
            for order in await Order.filter(id__in=wanted).exclude(status__in=list(WORKING)):
                futures[order.id].cancel()
            if pending := [future for future in futures.values() if not future.done()]:
                await asyncio.wait(pending, timeout=timeout_s)
        finally:
            for order_id, future in futures.items():
                self._waiting.get(order_id, set()).discard(future)
                if not self._waiting.get(order_id, True):
                    del self._waiting[order_id]
        return list(await Order.filter(id__in=wanted))
