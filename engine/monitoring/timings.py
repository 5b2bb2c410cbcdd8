"""Timing of functions and blocks into a histogram; used wherever a duration is worth knowing.

A block, an asynchronous block, and a function of either kind:

    with timed(metrics, "ledger_commit_seconds"): ...
    async with timed(metrics, "event_handler_seconds", handler="send_order"): ...
    handler = timed(metrics, "event_handler_seconds", handler="send_order")(handler)
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, cast

from engine.monitoring.catalogue import MetricKind
from engine.monitoring.metrics import Metrics

P = ParamSpec("P")
Answer = TypeVar("Answer")

_OUTCOME = "outcome"


class timed:  # noqa: N801 - reads as the verb it is, like the standard library's context managers
    """Time a block or every call of a function; an `outcome` label becomes ok, error or cancelled.

    Exceptions pass through unchanged. One object times one block at a time; a decorated function may run
    any number of times at once.
    """

    __slots__ = ("_labels", "_metrics", "_name", "_started_s", "_with_outcome")

    def __init__(self, metrics: Metrics, name: str, /, **labels: str) -> None:
        spec = metrics.catalogue.get(name)
        if spec is None or spec.kind is not MetricKind.HISTOGRAM:
            raise KeyError(f"{name} is not declared as a histogram in engine/monitoring/catalogue.py")
        self._with_outcome = _OUTCOME in spec.labels and _OUTCOME not in labels
        if set(spec.labels) - {_OUTCOME} != set(labels) - {_OUTCOME}:
            raise TypeError(f"{name} has the labels {spec.labels}, not {tuple(labels)}")
        self._metrics = metrics
        self._name = name
        self._labels = labels
        self._started_s: float | None = None

    def __call__(self, function: Callable[P, Answer]) -> Callable[P, Answer]:
        """Decorate a function or a coroutine function; it keeps its name and signature."""
        if inspect.iscoroutinefunction(function):
            return cast(Callable[P, Answer], self._around_async(function))

        @wraps(function)
        def timed_function(*args: P.args, **kwargs: P.kwargs) -> Answer:
            with self._again():
                return function(*args, **kwargs)

        return timed_function

    def __enter__(self) -> Self:
        if self._started_s is not None:
            raise RuntimeError(f"this timing of {self._name} is already running: make another one")
        self._started_s = self._metrics.clock.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started_s is None:
            raise RuntimeError(f"this timing of {self._name} was not started")
        elapsed_s = self._metrics.clock.monotonic() - self._started_s
        self._started_s = None
        labels = {**self._labels, _OUTCOME: _outcome(kind)} if self._with_outcome else self._labels
        self._metrics.observe(self._name, elapsed_s, **labels)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _around_async(self, function: Callable[P, Awaitable[Answer]]) -> Callable[P, Awaitable[Answer]]:
        @wraps(function)
        async def timed_function(*args: P.args, **kwargs: P.kwargs) -> Answer:
            with self._again():
                return await function(*args, **kwargs)

        return timed_function

    def _again(self) -> "timed":
        """Answer a fresh timing of the same metric, because calls of one function overlap."""
        return timed(self._metrics, self._name, **self._labels)


def _outcome(kind: type[BaseException] | None) -> str:
    if kind is None:
        return "ok"
    return "cancelled" if issubclass(kind, asyncio.CancelledError) else "error"
