"""A worker process as the harness sees it: started, listened to line by line, told things, killed."""

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tests.faults.nursery import Nursery
from tests.faults.plan import Plan

SHOWN_LINES = 5  # of what a worker complained of, when it ended in error
PATIENCE_S = 25.0  # for a line that must come; below the limit of a round, so that it can say which


class Unexpected(Exception):
    """Something other than the injected fault went wrong: a promise that was not kept, told in one line."""


class Child:
    """One worker. What it said is kept by the first word of each line: nothing of a killed one is lost."""

    def __init__(self, pid: int, tell: BinaryIO, hear: BinaryIO, complained: Path) -> None:
        self.pid = pid
        self.said: defaultdict[str, list[list[str]]] = defaultdict(list)
        self._tell = tell
        self._complained = complained
        self._has_ended = False
        self._heard = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(hear), name="child-listener")

    def keys(self, word: str) -> list[str]:
        """Answer the keys it said after a word."""
        return [words[0] for words in self.said[word]]

    def tell(self, *words: object) -> None:
        """Give it a command; one that has ended misses it."""
        with suppress(BrokenPipeError, ValueError):
            self._tell.write((" ".join(map(str, words)) + "\n").encode())

    async def hear(self, word: str, count: int = 1, within_s: float = PATIENCE_S) -> list[list[str]]:
        """Wait until it has said a word so many times in all; answer the words that followed it each time.

        Raises Unexpected when it ends before, or says nothing for too long.
        """
        await self.until(lambda: len(self.said[word]) >= count, word, within_s)
        return self.said[word]

    async def hear_any(self, *words: str) -> None:
        """Wait until it has said one of these. Raises Unexpected like `hear`."""
        await self.until(lambda: any(self.said[word] for word in words), " or ".join(words))

    async def until(self, is_heard: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
        """Wait until what it has said is enough. Raises Unexpected like `hear`."""
        try:
            async with asyncio.timeout(within_s):
                while not is_heard():
                    if self._has_ended:
                        raise Unexpected(f"the process ended before it said {what}: {self._last_words()}")
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            raise Unexpected(f"waited {within_s:g} s in vain for the process to say {what}") from None

    async def hear_more(self, word: str, more: int = 1) -> float:
        """Wait until it says a word again, so many times from now on; answer the seconds that took."""
        begin = time.monotonic()
        await self.hear(word, len(self.said[word]) + more)
        return time.monotonic() - begin

    async def kill(self) -> None:
        """Kill it at once (SIGKILL) and hear what it had said before."""
        if not self._has_ended:
            os.kill(self.pid, signal.SIGKILL)
        await self.ended()

    async def stop(self) -> None:
        """Ask it to end. Raises Unexpected when it does not, or not well."""
        self.tell("stop")
        await self.hear("closed")
        await self.kill()  # all that is left of it is Python's own ending

    async def ended(self) -> None:
        """Wait for its end: nobody else holds the pipe it speaks through. Raises Unexpected when it does not end."""
        ended, _ = await asyncio.wait({self._listening}, timeout=PATIENCE_S)
        if not ended:
            raise Unexpected(f"the process did not end within {PATIENCE_S:g} s")

    async def _listen(self, hear: BinaryIO) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), hear)
        try:
            async for line in reader:
                first, *rest = line.decode().split()
                self.said[first].append(rest)
                self._heard.set()
            self._has_ended = True
        finally:
            transport.close()
            self._tell.close()
            self._heard.set()

    def _last_words(self) -> str:
        return (
            " | ".join(self._complained.read_text().strip().splitlines()[-SHOWN_LINES:]) or "without a word"
        )


@asynccontextmanager
async def running_child(nursery: Nursery, plan: Plan, complained: Path) -> AsyncIterator[Child]:
    """Run a worker until it is ready and beyond; it is killed at the end if it still runs."""
    child = Child(*nursery.start(plan.to_text(), complained), complained)
    try:
        await child.hear("ready")
        yield child
    finally:
        await child.kill()
