"""Running a coroutine from a fixture that is no coroutine itself, whether a loop runs already or not."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_beside(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread and a loop of its own, and wait: a shared fixture may first be asked for by an async test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
