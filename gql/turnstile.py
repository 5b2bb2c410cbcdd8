"""What keeps one client, or a thousand that come at once, from holding up everybody else; used by the sockets."""

import asyncio
from types import TracebackType

AT_A_TIME = 4  # newcomers between two turns of the loop: about 5 ms of work


class Turnstile:
    """Lets a few through at a time, in the order they came.

    Signing in and beginning an operation take a millisecond each. A thousand clients that come back at once would
    otherwise do so in one go, and an operator's request would wait for all of them.
    """

    def __init__(self, at_a_time: int = AT_A_TIME) -> None:
        self._places = asyncio.Semaphore(at_a_time)

    async def __aenter__(self) -> None:
        await self._places.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()  # who waits is woken in the loop's next turn, behind whatever else is ready


class Pace:
    """Holds up a sender that sends more than it may; what it sends on waits in its own connection."""

    def __init__(self, per_s: float, at_once: int) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._left = float(at_once)
        self._counted_s = asyncio.get_running_loop().time()

    async def keep(self) -> None:
        """Count one message, and wait where it came too early."""
        now_s = asyncio.get_running_loop().time()
        self._left = min(self._at_once, self._left + (now_s - self._counted_s) * self._per_s) - 1
        self._counted_s = now_s
        if self._left < 0:
            await asyncio.sleep(-self._left / self._per_s)
