"""Health in the API: the score, its reasons, and every component; now and as it changes."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime

import strawberry

from engine import __version__
from engine.ledger.health import examine_ledger
from engine.monitoring import health as monitoring
from engine.runtime import Engine
from gql.choices import ComponentStatus, HealthStatus
from gql.context import Info
from gql.fields import query, subscription

LOOK_EVERY_S = 1.0


@strawberry.type(description="One part of the engine and how it is.")
class ComponentHealth:
    name: str = strawberry.field(description="The component.")
    status: ComponentStatus = strawberry.field(description="How it is.")
    reason: str = strawberry.field(description="Why, where it is not as it should be.")
    latency_ms: float | None = strawberry.field(description="How fast it answered, in milliseconds.")
    since: datetime = strawberry.field(description="Since when the status stands.")


@strawberry.type(description="A table of the ledger and its size.")
class TableSize:
    name: str = strawberry.field(description="The table.")
    rows: int = strawberry.field(description="How many rows it has.")


@strawberry.type(description="A close look at the ledger.")
class LedgerHealth:
    dialect: str = strawberry.field(description="The database: `sqlite` or `postgres`.")
    epoch: str = strawberry.field(description="Which ledger this is; cursors of another are not honoured.")
    schema_version: str = strawberry.field(description="The last migration that was applied.")
    journal_position: int = strawberry.field(description="How many facts were committed.")
    audit_entries: int = strawberry.field(description="How many commands were audited.")
    waiting: int = strawberry.field(description="Units of work that wait for their commit.")
    write_ms: float = strawberry.field(description="The time of one durable write, in milliseconds.")
    tables: list[TableSize] = strawberry.field(description="Every table.")


@strawberry.type(description="How the engine is.")
class Health:
    status: HealthStatus = strawberry.field(description="How the whole is.")
    score: int = strawberry.field(description="From 0 to 100.")
    reasons: list[str] = strawberry.field(description="Why points are missing, the costliest first.")
    components: list[ComponentHealth] = strawberry.field(description="Every component.")
    uptime_seconds: float = strawberry.field(description="How long the engine has been running, in seconds.")
    version: str = strawberry.field(description="The version of the product.")

    @query(
        "A close look at the ledger, for who may see everything. It writes, and counts all rows.", weight=500
    )
    async def ledger(self, info: Info) -> LedgerHealth | None:
        if not info.context.sees_all:
            return None
        found = await examine_ledger(info.context.engine.ledger)
        return LedgerHealth(
            dialect=found.dialect,
            epoch=found.epoch,
            schema_version=found.schema_version,
            journal_position=found.journal_position,
            audit_entries=found.audit_entries,
            waiting=found.waiting,
            write_ms=found.write_ms,
            tables=[TableSize(name=name, rows=rows) for name, rows in sorted(found.rows.items())],
        )


def health_of(engine: Engine) -> Health:
    """Answer how an engine is by what its components said last."""
    report: monitoring.HealthReport = engine.health()
    return Health(
        status=report.status,
        score=report.score,
        reasons=list(report.reasons),
        components=[
            ComponentHealth(
                name=component.name,
                status=component.status,
                reason=component.reason,
                latency_ms=None if component.latency_ms is None else round(component.latency_ms, 3),
                since=component.since,
            )
            for component in report.components
        ],
        uptime_seconds=(engine.clock.now() - engine.started_at).total_seconds(),
        version=__version__,
    )


@strawberry.type
class HealthQueries:
    @query("How the engine is: a score from 0 to 100 and what takes points away.")
    def health(self, info: Info) -> Health:
        return health_of(info.context.engine)


@strawberry.type
class HealthSubscriptions:
    @subscription("How the engine is now, then each time that changes; looked at every second.")
    async def health(self, info: Info) -> AsyncGenerator[Health, None]:
        engine, told = info.context.engine, None
        while True:
            report = engine.health()
            seen = (
                report.status,
                report.score,
                report.reasons,
                [(c.name, c.status) for c in report.components],
            )
            if seen != told:
                told = seen
                yield health_of(engine)
            await asyncio.sleep(LOOK_EVERY_S)
