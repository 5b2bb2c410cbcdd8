"""Whether the ledger takes writes, how fast, and how many events were given up; asked for by the monitor."""

import structlog

from engine.errors import LedgerError, Refused
from engine.ledger.ledger import Ledger
from engine.monitoring.health import ComponentBoard, ComponentStatus
from engine.monitoring.metrics import Metrics
from models.handling import EventHandling, HandlingStatus

PROBE_EVERY_S = 5.0  # a write costs an fsync: often enough to be believed, seldom enough to cost nothing
OVERDUE_S = 5.0  # without an answer for so long the ledger counts as down

log = structlog.get_logger(__name__)


class LedgerWatch:
    """Probes the ledger every few seconds and tells the board."""

    def __init__(self, ledger: Ledger, metrics: Metrics, board: ComponentBoard) -> None:
        self.dead_letters: int | None = None
        self._ledger = ledger
        self._metrics = metrics
        self._board = board
        self._due_s = float("-inf")
        self._began_s = 0.0

    async def check(self) -> None:
        """Probe if it is time; a failure of the ledger is its own news, not one of the monitor."""
        now_s = self._metrics.clock.monotonic()
        if now_s < self._due_s:
            return
        self._due_s, self._began_s = now_s + PROBE_EVERY_S, now_s
        self.dead_letters = None
        if await self._probe():
            self.dead_letters = await EventHandling.filter(status=HandlingStatus.DEAD).count()
            self._metrics.set("events_dead_letters", self.dead_letters)

    def overdue(self) -> None:
        """Tell the board that a probe has not been answered yet."""
        waited_s = self._metrics.clock.monotonic() - self._began_s
        status = ComponentStatus.DOWN if waited_s >= OVERDUE_S else ComponentStatus.DEGRADED
        reason = f"a write has waited {waited_s:.0f} s; {self._ledger.waiting} units wait"
        self._board.report("ledger", status, reason, waited_s * 1000)

    async def _probe(self) -> bool:
        try:
            latency_s = await self._ledger.probe()
        except Refused as refused:
            self._board.report("ledger", ComponentStatus.DEGRADED, refused.refusal.message)
            return False
        except Exception as error:
            expected = isinstance(error, LedgerError)  # its words are for people; others go to the log only
            self._board.report("ledger", ComponentStatus.DOWN, str(error) if expected else "a write failed")
            log.error("ledger_probe_failed", error=str(error), exc_info=None if expected else error)
            return False
        self._board.report("ledger", ComponentStatus.UP, latency_ms=latency_s * 1000)
        return True
