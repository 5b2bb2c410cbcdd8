"""The figures of every minute, kept in the ledger for `metricHistory`; written by the monitor."""

from datetime import datetime, timedelta

from engine.ids import new_id
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from engine.monitoring.metrics import Metrics
from models.metric import MetricMinute

KEPT = timedelta(days=7)  # 10,080 rows a process
PRUNED_AT_ONCE = 1_000  # rows deleted with one write: a backlog goes in minutes and holds nobody up


class MinuteHistory:
    """Writes a row when a minute is over and deletes what is older than KEPT."""

    def __init__(self, ledger: Ledger, metrics: Metrics, process: str) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._process = process
        self._written = _minute(metrics.clock.now())  # the first row comes with the first whole minute

    async def keep(self) -> None:
        """Write the row of the minute that is over, if there is one; a failed write is tried again."""
        at = _minute(self._metrics.clock.now())
        if at == self._written:
            return
        row = MetricMinute(
            id=new_id("met", at), at=at, process=self._process[:64], figures=self._metrics.snapshot()
        )
        await self._ledger.write(lambda unit: unit.insert(row))
        self._written = at
        await self._ledger.write(lambda unit: _prune(unit, at - KEPT))


async def _prune(unit: Unit, before: datetime) -> None:
    await unit.delete(MetricMinute, limit=PRUNED_AT_ONCE, at__lt=before)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
