"""The engine's own figures in the API: now, each second, and a row a minute."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, cast

import strawberry

from engine.monitoring.catalogue import CATALOGUE
from engine.monitoring.telemetry import METRICS_TOPIC
from gql.connections import After, Before, Connection, First, Last, connection, requested
from gql.context import Info
from gql.fields import query, subscription
from gql.inputs import some
from models.metric import MetricMinute

MOST_NAMES = 100
LONGEST_NAME = 300  # characters: a name with its labels

_UNITS = {".count": "values", ".recent": "values"}

Names = Annotated[
    list[str] | None,
    strawberry.argument(
        description="Only these figures: a metric's name takes all its labels and quantiles along, "
        'a full name such as `api_operation_seconds{operation="orders",outcome="ok"}.p99` one figure.'
    ),
]


@strawberry.type(description="One figure at one moment.")
class Figure:
    name: str = strawberry.field(
        description="The metric with its labels. Timings end in .count, .sum (since the start), "
        ".p50, .p95, .p99, .max or .recent (of the last minute)."
    )
    value: float = strawberry.field(description="The figure.")
    unit: str = strawberry.field(description="What it counts or measures.")
    description: str = strawberry.field(description="What it means.")


@strawberry.type(description="The figures of one process at one moment.")
class MetricSample:
    at: datetime = strawberry.field(description="When they were taken.")
    process: str = strawberry.field(description="The process they speak of.")
    figures: list[Figure] = strawberry.field(description="The figures, by name.")


def figures_of(read: Mapping[str, float], names: list[str] | None) -> list[Figure]:
    """Answer flat figures with what the catalogue says of each."""
    wanted = None if names is None else frozenset(names)
    found = []
    for flat, value in sorted(read.items()):
        name = flat.partition("{")[0].partition(".")[0]
        if wanted is not None and flat not in wanted and name not in wanted:
            continue
        spec = CATALOGUE.get(name)
        suffix = flat[flat.rfind(".") :] if "." in flat else ""
        unit = _UNITS.get(suffix, spec.unit if spec else "")
        found.append(Figure(name=flat, value=value, unit=unit, description=spec.description if spec else ""))
    return found


def _checked(names: list[str] | None) -> list[str] | None:
    return None if names is None else some(names, "names", MOST_NAMES, LONGEST_NAME)


@strawberry.type
class MetricQueries:
    @query("The figures of this process at this moment.")
    def metrics(self, info: Info, names: Names = None) -> MetricSample:
        engine, wanted = info.context.engine, _checked(names)
        return MetricSample(
            at=engine.clock.now(),
            process=engine.process,
            figures=figures_of(engine.metrics.snapshot(), wanted),
        )

    @query("The figures of past minutes, newest first; kept for seven days.")
    async def metric_history(  # noqa: PLR0913 - arguments of the schema
        self,
        info: Info,
        names: Names = None,
        since: Annotated[datetime | None, strawberry.argument(description="Not before this moment.")] = None,
        until: Annotated[datetime | None, strawberry.argument(description="Before this moment.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[MetricSample]:
        wanted = _checked(names)
        query = MetricMinute.all()
        if since is not None:
            query = query.filter(at__gte=since)
        if until is not None:
            query = query.filter(at__lt=until)

        def sample(row: MetricMinute) -> MetricSample:
            return MetricSample(at=row.at, process=row.process, figures=figures_of(row.figures, wanted))

        return await connection(query, "id", requested(first, after, last, before), sample)


@strawberry.type
class MetricSubscriptions:
    @subscription("The figures of every process, each second; a slow reader gets the latest.")
    async def metrics(self, info: Info, names: Names = None) -> AsyncGenerator[MetricSample, None]:
        wanted = _checked(names)
        async with aclosing(info.context.engine.hub.watch([METRICS_TOPIC])) as samples:
            async for _, value in samples:
                said = cast(Mapping[str, Any], value)
                yield MetricSample(
                    at=datetime.fromisoformat(said["at"]),
                    process=said["process"],
                    figures=figures_of(said["figures"], wanted),
                )
