"""Every figure the product keeps about itself, in one table; read by the registry, `/metrics` and the tests.

To add a metric: add a row here, then record it by name (`metrics.count`, `set`, `add`, `observe`, `timed`).
Names follow Prometheus: counters end in `_total`; a unit that is not in the words comes last (`_seconds`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """How a figure behaves."""

    COUNTER = "counter"  # only grows, from zero at the start of the process
    GAUGE = "gauge"  # the latest value
    HISTOGRAM = "histogram"  # how values are spread: quantiles of the last minute, totals since the start


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One row: a name, how it behaves, what is counted, what it means, and by what it is split."""

    name: str
    kind: MetricKind
    unit: str
    description: str
    labels: tuple[str, ...] = ()


OVERFLOW_METRIC = "metrics_label_overflow_total"


def _counter(name: str, unit: str, description: str, *labels: str) -> MetricSpec:
    return MetricSpec(name, MetricKind.COUNTER, unit, description, labels)


def _gauge(name: str, unit: str, description: str, *labels: str) -> MetricSpec:
    return MetricSpec(name, MetricKind.GAUGE, unit, description, labels)


def _histogram(name: str, unit: str, description: str, *labels: str) -> MetricSpec:
    return MetricSpec(name, MetricKind.HISTOGRAM, unit, description, labels)


# A row: name, unit, description, labels. Values of a label come from a small set of ours (an operation is a
# root field of the schema), never from a text that a client made up.
_TRADING = (
    _counter("trading_orders_submitted_total", "orders", "Orders sent to a venue."),
    _counter("trading_orders_denied_total", "orders", "Orders our own checks refused.", "code"),
    _counter("trading_orders_filled_total", "orders", "Orders filled completely."),
    _counter("trading_orders_cancelled_total", "orders", "Orders cancelled before they were filled."),
    _counter("trading_orders_rejected_total", "orders", "Orders the venue refused."),
    _counter("trading_orders_expired_total", "orders", "Orders that outlived their time."),
    _counter("trading_fills_total", "fills", "Executions the venue reported."),
    _counter("trading_signals_total", "signals", "Signals of strategies and users."),
    _counter("trading_risk_violations_total", "violations", "Risk limits that were hit.", "code"),
    _gauge("trading_orders_working", "orders", "Orders that may still be filled."),
    _gauge("trading_order_failures_in_row", "orders", "Orders failed at the venue since one went well."),
    _gauge("trading_halts_active", "halts", "Stops of trading in force, of any scope."),
    _histogram("order_submit_to_fill_seconds", "seconds", "From an order's creation to its last fill."),
)
_EVENTS = (
    _counter("events_published_total", "events", "Events committed to the ledger.", "priority"),
    _counter("events_handled_total", "events", "Events all of whose handlers are done."),
    _counter("events_failed_total", "attempts", "Attempts of a handler that failed.", "handler"),
    _counter("events_retried_total", "attempts", "Attempts made again after a failure.", "handler"),
    _counter("events_dead_total", "events", "Events given up after the last attempt.", "handler"),
    _gauge("events_dead_letters", "events", "Events given up and not yet retried by somebody."),
    _gauge("events_queue_depth", "events", "Events waiting for their handlers.", "priority"),
    _histogram("event_handler_seconds", "seconds", "Time of one handler call.", "handler", "outcome"),
    _histogram("event_wait_seconds", "seconds", "From commit to the first handler.", "priority"),
)
_LEDGER = (
    _counter("ledger_commits_total", "commits", "Transactions committed.", "outcome"),
    _histogram("ledger_commit_seconds", "seconds", "Time of one transaction, waiting excluded."),
    _histogram("ledger_units_per_commit", "units", "Units of work that shared one transaction."),
)
_LIVE = (
    _gauge("live_subscribers", "subscribers", "Subscriptions being served.", "field"),
    _counter("live_deliveries_total", "messages", "Messages handed to subscribers."),
    _counter("live_lagged_total", "subscribers", "Subscribers ended because they were too slow."),
    _counter("wire_messages_total", "messages", "Messages between processes.", "direction"),
    _counter("wire_reconnects_total", "connections", "Times the wire had to be connected again."),
    _counter("feed_steps_total", "bars", "Steps of the market data feed."),
    _gauge("feed_age_seconds", "seconds", "Time since the feed last gave a price."),
)
_DOOR = (
    _histogram("api_operation_seconds", "seconds", "Time of one operation.", "operation", "outcome"),
    _counter("api_executions_total", "operations", "Operations by how they were executed.", "way"),
    _counter("api_operation_errors_total", "errors", "Operations with errors.", "operation", "code"),
    _counter("security_sign_in_failures_total", "attempts", "Unusable tokens and codes.", "reason"),
    _counter("security_foreign_access_total", "attempts", "Requests for another user's things.", "kind"),
)
_HOST = (
    _gauge("host_cpu_percent", "percent", "Use of the machine's processors."),
    _gauge("host_memory_used_percent", "percent", "Memory of the machine in use."),
    _gauge("host_memory_available_percent", "percent", "Memory that can be had without swapping."),
    _gauge("host_disk_free_percent", "percent", "Free part of the data directory's disk."),
    _gauge("host_disk_free_bytes", "bytes", "Free space on the data directory's disk."),
    _gauge("process_cpu_percent", "percent", "Use of one processor by this process; may exceed 100."),
    _gauge("process_resident_memory_bytes", "bytes", "Physical memory this process holds."),
    _gauge("process_threads", "threads", "Threads of this process."),
    _gauge("process_open_files", "files", "Files and sockets this process holds open."),
    _histogram("event_loop_lag_seconds", "seconds", "How late the event loop wakes a timer."),
)
_MONITOR = (
    _gauge("health_score", "points", "The health score, 0 to 100."),
    _gauge("alerts_open", "alerts", "Alerts not yet resolved.", "level"),
    _counter(OVERFLOW_METRIC, "values", "Values recorded under the label 'other'.", "metric"),
)

CATALOGUE: Mapping[str, MetricSpec] = {
    spec.name: spec for spec in (*_TRADING, *_EVENTS, *_LEDGER, *_LIVE, *_DOOR, *_HOST, *_MONITOR)
}
