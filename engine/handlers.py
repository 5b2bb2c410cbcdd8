"""The one table of event handlers: which parts of the engine act on which facts. Read by the dispatcher.

Each row has a name that the ledger keeps, `lane.handler`; lanes do not wait for each other. A handler may be run again
after a crash or a failure, so each is safe to run twice: what it does has an id of its own (a client order id made of
the event's), or is committed together with the mark that it is done. Handlers of other packages are added to these.
"""

from collections.abc import Awaitable, Callable

from engine.events.handler import Handle, Handler
from engine.events.handling import Handling
from engine.ledger.event import Event
from engine.monitoring.alerts import Alerts
from engine.strategies.signals import Signals
from engine.trading.execution import Execution
from engine.trading.kill_switch import KillSwitch
from engine.trading.protection import Protection
from models.event import EventType as E


def built_in_handlers(
    execution: Execution, kill_switch: KillSwitch, protection: Protection, signals: Signals, alerts: Alerts
) -> tuple[Handler, ...]:
    """Answer who handles what."""
    positions = (E.POSITION_OPENED, E.POSITION_UPDATED, E.POSITION_CLOSED)
    return (
        _row("signals.order_signal", _of_event(signals.order_signal), E.SIGNAL_GENERATED),
        _row("trading.send_order", _of_event(execution.send_order), E.ORDER_CREATED),
        _row("trading.cancel_order", _of_event(execution.cancel_order), E.ORDER_CANCEL_REQUESTED),
        _row("trading.protect_position", _of_event(protection.protect_position), *positions),
        _row("trading.enforce_stop", _of_event(kill_switch.enforce), E.EMERGENCY_STOP),
        _row("trading.protect_all", _of_event(protection.protect_all), E.TRADING_RESUMED),
        _row("alerts.on_order_rejected", alerts.on_order_rejected, E.ORDER_REJECTED),
        _row("alerts.on_risk_violation", alerts.on_risk_violation, E.RISK_VIOLATION),
        _row("alerts.on_emergency_stop", alerts.on_emergency_stop, E.EMERGENCY_STOP),
        _row("alerts.on_trading_resumed", alerts.on_trading_resumed, E.TRADING_RESUMED),
        _row("alerts.on_system_error", alerts.on_system_error, E.SYSTEM_ERROR),
    )


def _row(name: str, handle: Handle, *types: E) -> Handler:
    return Handler(name, frozenset(types), handle)


def _of_event(handle: Callable[[Event], Awaitable[None]]) -> Handle:
    """Answer a handler that needs nothing but the event: what it writes has ids of its own."""

    async def handle_event(event: Event, handling: Handling) -> None:
        await handle(event)

    return handle_event
