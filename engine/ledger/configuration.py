"""The run-time configuration: the table of defaults, and the values in memory that the engine obeys."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import assert_never

from engine.errors import invalid
from engine.ledger.event import Event
from models.config import ConfigEntry, ConfigType
from models.event import EventType


@dataclass(frozen=True, slots=True)
class ConfigDefault:
    """One setting as a new ledger has it."""

    key: str
    type: ConfigType
    value: str
    minimum: str | None
    maximum: str | None
    description: str

    def to_row(self, now: datetime) -> ConfigEntry:
        """Answer the row of version 1."""
        return ConfigEntry(
            key=self.key,
            value=self.value,
            type=self.type,
            minimum=self.minimum,
            maximum=self.maximum,
            description=self.description,
            version=1,
            updated_at=now,
            updated_by="engine",
        )


INTEGER, DECIMAL, BOOLEAN = ConfigType.INTEGER, ConfigType.DECIMAL, ConfigType.BOOLEAN

CONFIG_DEFAULTS = (
    ConfigDefault(
        "max_concurrent_orders", INTEGER, "10", "1", "1000", "Working orders a user may have at a time."
    ),
    ConfigDefault(
        "order_timeout_seconds", INTEGER, "300", "1", "86400",
        "Seconds after which an order still working is taken back and expires; protective stops are exempt.",
    ),
    ConfigDefault(
        "risk_check_enabled", BOOLEAN, "true", None, None,
        "Whether orders are held against the limits on count, position, portfolio and sector. "
        "Funds, short selling, stale prices and stops are checked in any case.",
    ),
    ConfigDefault(
        "emergency_stop_enabled", BOOLEAN, "true", None, None,
        "Whether the engine may stop trading by itself; people may always.",
    ),
    ConfigDefault(
        "max_position_size_percent", DECIMAL, "5", "0.01", "100",
        "Largest position in one symbol, working orders included, in percent of the portfolio value.",
    ),
    ConfigDefault(
        "max_portfolio_exposure_percent", DECIMAL, "80", "0.01", "1000",
        "Largest sum of all positions, working orders included, in percent of the portfolio value.",
    ),
    ConfigDefault(
        "max_sector_exposure_percent", DECIMAL, "30", "0.01", "1000",
        "Largest sum of positions in one sector, working orders included, in percent of the portfolio value.",
    ),
    ConfigDefault(
        "default_stop_loss_percent", DECIMAL, "5", "0", "99",
        "Distance below the average price of the resting stop that protects a new position; 0 places none.",
    ),
    ConfigDefault(
        "market_data_refresh_seconds", DECIMAL, "1", "0.1", "60",
        "Seconds between two quotes of a symbol sent to subscribers; a price ten times as old is too stale to trade on.",
    ),
    ConfigDefault(  # the longest of what binds firms: six years in SEC rule 17a-4, five in MiFID II, article 25
        "event_retention_days", INTEGER, "2192", "1", "36500",
        "Days after which events are deleted that no working order, open position, stop, alert or audit entry needs.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TradingConfig:
    """The settings, typed, as one consistent set."""

    max_concurrent_orders: int
    order_timeout_seconds: int
    risk_check_enabled: bool
    emergency_stop_enabled: bool
    max_position_size_percent: Decimal
    max_portfolio_exposure_percent: Decimal
    max_sector_exposure_percent: Decimal
    default_stop_loss_percent: Decimal
    market_data_refresh_seconds: Decimal
    event_retention_days: int


_PLAIN = re.compile(r"[+-]?[0-9]*\.?[0-9]*")  # Decimal would take 1e5, 1_000 and digits of other scripts, too


def typed(type: ConfigType, text: str) -> int | Decimal | bool:
    """Read a value's text. Raises Refused naming the field and what it takes."""
    match type:
        case ConfigType.INTEGER:
            if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19:
                return int(text)
            raise invalid("value", "must be a whole number")
        case ConfigType.DECIMAL:
            try:
                number = Decimal(text)
            except InvalidOperation:
                raise invalid("value", "must be a decimal number") from None
            if not number.is_finite() or not _PLAIN.fullmatch(text) or len(text) > 20:
                raise invalid("value", "must be a decimal number in plain notation, at most 18 digits")
            return number
        case ConfigType.BOOLEAN:
            if text not in ("true", "false"):
                raise invalid("value", "must be true or false")
            return text == "true"
        case _:
            assert_never(type)


def checked(entry: ConfigEntry, text: str) -> str:
    """Answer the canonical text of a new value. Raises Refused when it is not of the type or out of bounds."""
    value = typed(entry.type, text.strip())
    if isinstance(value, bool):
        return text.strip()
    for bound, words in ((entry.minimum, "at least"), (entry.maximum, "at most")):
        if bound is None:
            continue
        limit = typed(entry.type, bound)
        if value < limit if words == "at least" else value > limit:
            raise invalid("value", f"must be {words} {bound}", limit=bound, observed=str(value))
    return str(value) if isinstance(value, int) else f"{value.normalize() + 0:f}"  # + 0: no minus zero


class Configuration:
    """The values in memory; kept current by CONFIG_CHANGED facts from any process."""

    def __init__(self) -> None:
        self._values = {default.key: typed(default.type, default.value) for default in CONFIG_DEFAULTS}
        self.now = TradingConfig(**self._values)  # type: ignore[arg-type]

    def load(self, entries: Iterable[ConfigEntry]) -> None:
        """Take the ledger's rows."""
        known = {entry.key: typed(entry.type, entry.value) for entry in entries if entry.key in self._values}
        self._values |= known
        self.now = TradingConfig(**self._values)  # type: ignore[arg-type]

    def follow(self, events: Sequence[Event]) -> None:
        """Take changes as they are committed."""
        for event in events:
            if event.type is EventType.CONFIG_CHANGED and event.payload["key"] in self._values:
                self._values[event.payload["key"]] = typed(
                    ConfigType(event.payload["type"]), event.payload["value"]
                )
                self.now = TradingConfig(**self._values)  # type: ignore[arg-type]
