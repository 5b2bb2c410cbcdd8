"""What keeps one client, or a thousand that come at once, from holding up everybody else; used by the sockets."""

import asyncio
from collections import deque

AT_A_TIME = 4  # newcomers in one turn of the loop: about 5 ms of work


class Turnstile:
    """Lets a few through in each turn of the loop, in the order they came.

    Signing in, beginning an operation and cleaning up take up to a millisecond each. A thousand clients that come or
    go at once would otherwise do so in one turn, and an operator's request would wait for all of them. (A semaphore
    would not do: work that does not wait for anything leaves it as soon as it has entered.)
    """

    def __init__(self, at_a_time: int = AT_A_TIME) -> None:
        self._at_a_time = at_a_time
        self._left = at_a_time
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False

    async def turn(self) -> None:
        """Return when it is one's turn: at once where few have come."""
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._next_turn)
        if self._left > 0:
            self._left -= 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await mine

    def _next_turn(self) -> None:
        self._left = self._at_a_time
        while self._waiting and self._left > 0:
            mine = self._waiting.popleft()
            if not mine.done():  # who was cancelled has gone away
                mine.set_result(None)
                self._left -= 1
        self._is_turning = self._left < self._at_a_time
        if self._is_turning:
            asyncio.get_running_loop().call_soon(self._next_turn)


class Pace:
    """Measures a sender that may send so much; what is sent too early waits in the sender's own connection."""

    def __init__(self, per_s: float, at_once: int) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._left = float(at_once)
        self._counted_s = asyncio.get_running_loop().time()

    def spend(self) -> float:
        """Count one message, and answer how many seconds too early it came."""
        now_s = asyncio.get_running_loop().time()
        self._left = min(self._at_once, self._left + (now_s - self._counted_s) * self._per_s) - 1
        self._counted_s = now_s
        return max(0.0, -self._left / self._per_s)

    async def keep(self) -> None:
        """Count one message, and wait where it came too early."""
        if (early_s := self.spend()) > 0:
            await asyncio.sleep(early_s)
