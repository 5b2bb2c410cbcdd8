"""Scripts that send mutations through everything that happens, each with an id of its own until it is acknowledged."""

import asyncio
from itertools import count

import httpx

from tests.live.house import House

CLIENTS = 4
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

    async def run(self) -> None:
        """Send until `stop`; what was begun then is still acknowledged."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(self._send_on(number))

    def stop(self) -> None:
        """Begin nothing more."""
        self._is_over = True

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
                self.acknowledged.add(outcome["order"]["id"])
                return
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                await asyncio.sleep(0.05)
