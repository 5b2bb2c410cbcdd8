"""The one table of event handlers: which parts of the engine act on which facts. Read by the dispatcher.

Handlers of a type run one after another in the order listed. A handler that raises is tried again with all that
come before it, so each is safe to run twice.
"""

from engine.events.handler import HandlerTable
from engine.monitoring.alerts import Alerts
from engine.strategies.signals import Signals
from engine.trading.execution import Execution
from engine.trading.kill_switch import KillSwitch
from engine.trading.protection import Protection
from models.event import EventType


def handler_table(
    execution: Execution, kill_switch: KillSwitch, protection: Protection, signals: Signals, alerts: Alerts
) -> HandlerTable:
    """Answer who handles what."""
    return {
        EventType.SIGNAL_GENERATED: (signals.order_signal,),
        EventType.ORDER_CREATED: (execution.send_order,),
        EventType.ORDER_CANCEL_REQUESTED: (execution.cancel_order,),
        EventType.ORDER_REJECTED: (alerts.on_order_rejected,),
        EventType.POSITION_OPENED: (protection.protect_position,),
        EventType.POSITION_UPDATED: (protection.protect_position,),
        EventType.POSITION_CLOSED: (protection.protect_position,),
        EventType.RISK_VIOLATION: (alerts.on_risk_violation,),
        EventType.EMERGENCY_STOP: (kill_switch.enforce, alerts.on_emergency_stop),
        EventType.TRADING_RESUMED: (protection.protect_all, alerts.on_trading_resumed),
        EventType.SYSTEM_ERROR: (alerts.on_system_error,),
    }
