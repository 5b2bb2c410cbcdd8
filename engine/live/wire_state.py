"""How the wire is: up, or degraded and why; told to the runtime on every change, for health and alerts."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class WireStatus(StrEnum):
    """Whether live news travels; without the wire it is read from the ledger, later."""

    UP = "UP"
    DEGRADED = "DEGRADED"


@dataclass(frozen=True, slots=True)
class WireState:
    """The status with its reason, which is empty while all is well."""

    status: WireStatus
    reason: str


class FaultBoard:
    """Collects what is wrong with the parts of the wire, and tells whenever the whole changes."""

    def __init__(self, parts: tuple[str, ...], on_state: Callable[[WireState], None]) -> None:
        self._faults: dict[str, str] = dict.fromkeys(parts, "connecting")
        self._on_state = on_state
        self.state = self._whole()

    @property
    def is_up(self) -> bool:
        """Tell whether no part has a fault."""
        return not self._faults

    def has_fault(self, part: str) -> bool:
        """Tell whether a part has a fault."""
        return part in self._faults

    def report(self, part: str, fault: str | None) -> None:
        """Take a part's fault, or that it has none."""
        if fault is None:
            self._faults.pop(part, None)
        else:
            self._faults[part] = fault
        whole = self._whole()
        if whole != self.state:
            self.state = whole
            self._on_state(whole)

    def _whole(self) -> WireState:
        if not self._faults:
            return WireState(WireStatus.UP, "")
        return WireState(WireStatus.DEGRADED, "; ".join(sorted(set(self._faults.values()))))
