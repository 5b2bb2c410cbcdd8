"""Scripts that send mutations through everything that happens, each with an id of its own until it is acknowledged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import httpx

from tests.live.house import House

CLIENTS = 8
BEGUN_WITHIN_S = 30.0
TRY_AGAIN_S = 0.05
SUBMIT = """
mutation ($input: SubmitOrderInput!) { submitOrder(input: $input) {
  __typename
  ... on OrderAccepted { order { id } }
  ... on OrderDenied { order { id } }
} }
"""


class Publishing:
    """Sends orders that the limits deny: each leaves events, a row and an audit entry, and none needs a price."""

    def __init__(self, house: House, token: str, per_s: float) -> None:
        self.acknowledged: set[str] = set()  # ids of orders
        self._house = house
        self._token = token
        self._pause_s = CLIENTS / per_s
        self._numbers = count()
        self._is_over = False
        self._first = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Send until `end`, or until this is left."""
        self._tasks = [asyncio.create_task(self._send_on(number)) for number in range(CLIENTS)]
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def begun(self) -> None:
        """Return when the first order is acknowledged. Raises TimeoutError."""
        async with asyncio.timeout(BEGUN_WITHIN_S):
            await self._first.wait()

    async def end(self) -> None:
        """Begin nothing more, and return when all that was begun is acknowledged."""
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _send_on(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        headers = {"authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(headers=headers, timeout=5.0, trust_env=False) as http:
            due_s = loop.time()
            while not self._is_over:
                await self._send(http, number)
                due_s = max(due_s + self._pause_s, loop.time() - 1.0)
                await asyncio.sleep(max(0.0, due_s - loop.time()))

    async def _send(self, http: httpx.AsyncClient, number: int) -> None:
        """Send one order until it is acknowledged: to one engine or another, always with the same id."""
        order = {
            "clientOrderId": f"live-{next(self._numbers)}",
            "symbol": "MSFT",
            "side": "BUY",
            "type": "LIMIT",
            "limitPrice": "1000",
            "quantity": "100000",
        }
        for attempt in count():
            engine = self._house.engines[(number + attempt) % len(self._house.engines)]
            try:
                body = {"query": SUBMIT, "variables": {"input": order}}
                response = await http.post(f"{engine.url}/graphql", json=body)
                outcome = response.json()["data"]["submitOrder"]
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                assert "order" in outcome, f"an order was answered with {outcome}"
                self.acknowledged.add(outcome["order"]["id"])
                self._first.set()
                return
