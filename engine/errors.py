"""Everything that can go wrong, sorted by who must act.

    EngineError
    ├── SettingsError        the operator's settings are unusable; all faults at once
    ├── MarketDataError      a price or instrument file is unusable; names line, column and rule
    ├── RecordingError       a file of recorded events is unusable; names file and line
    ├── LedgerError          the ledger cannot serve
    │   ├── LedgerInUse      another process owns this SQLite ledger
    │   ├── LedgerTooNew     the ledger was written by a newer version of the product
    │   ├── LedgerBusy       the database stayed locked or full for longer than a unit may wait
    │   ├── OutcomeUnknown   the database went away during a commit; the same client id tells what became of it
    │   └── Fenced           another process is the desk now; what this one wanted to write as desk is refused
    ├── VenueError           a venue could not take or answer an order
    ├── VaultError           a secret cannot be opened (wrong key, wrong owner, tampered)
    └── Refused              raised inside a command's unit of work; the caller receives its Refusal as a value

Expected refusals are values (`Refusal`); exceptions are for defects and for what stops a component.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class EngineError(Exception):
    """The root of the product's own exceptions."""


class SettingsError(EngineError):
    """The settings cannot be used; the message lists every fault."""


class MarketDataError(EngineError):
    """A price or instrument file cannot be used."""

    def __init__(self, source: str, faults: Sequence[str]) -> None:
        self.source = source
        self.faults = tuple(faults)
        super().__init__(f"{source}: " + "; ".join(self.faults))


class RecordingError(EngineError):
    """A file of recorded events cannot be read or written."""


class LedgerError(EngineError):
    """The ledger cannot serve."""


class LedgerInUse(LedgerError):
    """Another process owns this SQLite ledger."""


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer version of the product."""


class LedgerBusy(LedgerError):
    """The database did not take the unit of work in time; nothing of it was written."""


class OutcomeUnknown(LedgerError):
    """The database went away during the commit and did not come back in time to be asked about it."""


class Fenced(LedgerError):
    """Another process has become the desk; nothing of the unit was written."""


class VenueError(EngineError):
    """A venue could not take or answer an order."""


class VaultError(EngineError):
    """A secret cannot be opened: wrong key, wrong owner, or tampered with."""


class RefusalCode(StrEnum):
    """Why a command was refused; a closed set that scripts may branch on."""

    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    ILLEGAL_STATE = "ILLEGAL_STATE"
    TRADING_HALTED = "TRADING_HALTED"
    RISK_LIMIT = "RISK_LIMIT"
    OVERLOADED = "OVERLOADED"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that said no: a code, words, and the figures that explain it (plain decimal text, or nothing)."""

    code: str
    message: str
    limit: str | None = None
    observed: str | None = None
    headroom: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An expected no, answered as a value."""

    code: RefusalCode
    message: str
    field: str | None = None
    limit: str | None = None
    observed: str | None = None
    headroom: str | None = None
    reasons: tuple[Reason, ...] = ()


class Refused(EngineError):
    """Raised inside a unit of work to undo its rows; the command answers the refusal it carries."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)


def invalid(field: str, rule: str, limit: str | None = None, observed: str | None = None) -> Refused:
    """Build the refusal of one bad input field, naming the rule it breaks."""
    refusal = Refusal(
        RefusalCode.INVALID_INPUT, f"{field}: {rule}", field=field, limit=limit, observed=observed
    )
    return Refused(refusal)


def not_found(what: str) -> Refused:
    """Build the refusal for an unknown id; another user's id is answered with exactly this, too."""
    return Refused(Refusal(RefusalCode.NOT_FOUND, f"no such {what}"))
