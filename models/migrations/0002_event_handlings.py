from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops
from models.fields import Choice, Moment, Number
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index


# Who handled what when the state of the work moved from the events to rows of its own.
HANDLERS = (
    ("SIGNAL_GENERATED", "signals.order_signal"),
    ("ORDER_CREATED", "trading.send_order"),
    ("ORDER_CANCEL_REQUESTED", "trading.cancel_order"),
    ("ORDER_REJECTED", "alerts.on_order_rejected"),
    ("POSITION_OPENED", "trading.protect_position"),
    ("POSITION_UPDATED", "trading.protect_position"),
    ("POSITION_CLOSED", "trading.protect_position"),
    ("RISK_VIOLATION", "alerts.on_risk_violation"),
    ("EMERGENCY_STOP", "trading.enforce_stop"),
    ("EMERGENCY_STOP", "alerts.on_emergency_stop"),
    ("TRADING_RESUMED", "trading.protect_all"),
    ("TRADING_RESUMED", "alerts.on_trading_resumed"),
    ("SYSTEM_ERROR", "alerts.on_system_error"),
)
OPEN_WORK = [
    "INSERT INTO event_handlings (id, position, handler, lane, critical, status, attempts, available_at, handled_at, error) "
    f"SELECT id || ':{handler}', position, '{handler}', '{handler.partition('.')[0]}', priority = 'CRITICAL', status, attempts, available_at, NULL, error "
    f"FROM trading_events WHERE type = '{type}' AND status <> 'HANDLED'"
    for type, handler in HANDLERS
]
FOUNDATIONS = [
    "INSERT INTO journal_keeping (id, pruned_through, counted_through, counts, timeline, place) SELECT 1, 0, 0, '{}', '{}', '' FROM journal_head",
    "INSERT INTO desk_term (id, term, holder, beat) SELECT 1, 0, '', 0 FROM journal_head",
]


class DropColumn(ops.RemoveField):
    """Removes one column and nothing else: on SQLite the tool's own way rebuilds the table without its indexes."""

    async def database_forward(
        self, app_label: str, old_state: Any, new_state: Any, state_editor: Any = None
    ) -> None:
        if state_editor:
            await state_editor._run_sql(f'ALTER TABLE "trading_events" DROP COLUMN "{self.name}"')


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="DeskTerm",
            fields=[
                ("id", Number(primary_key=True, unique=True, db_index=True, check='"{}" = 1')),
                ("term", Number(check='"{}" >= 0')),
                ("holder", fields.CharField(max_length=120)),
                ("beat", Number(check='"{}" >= 0')),
            ],
            options={
                "table": "desk_term",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Whose turn it is to be the desk, each turn has a number, and who acts under an old one is refused.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EventHandling",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=128)),
                ("position", Number()),
                ("handler", fields.CharField(max_length=64)),
                ("lane", fields.CharField(max_length=40)),
                ("critical", fields.BooleanField()),
                ("status", Choice(names=("PENDING", "FAILED", "HANDLED", "DEAD", "DISCARDED"))),
                ("attempts", Number(check='"{}" >= 0')),
                ("available_at", Moment(null=True)),
                ("handled_at", Moment(null=True)),
                ("error", fields.CharField(null=True, max_length=500)),
            ],
            options={
                "table": "event_handlings",
                "app": "models",
                "indexes": [
                    Index(fields=["status", "lane", "critical", "position"]),
                    Index(fields=["position"]),
                ],
                "pk_attr": "id",
                "table_description": "One handler's work on one event, written with the event, its id is the idempotency key of the work.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="HandlerFigures",
            fields=[
                ("handler", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("handled", Number(check='"{}" >= 0')),
                ("failed", Number(check='"{}" >= 0')),
                ("dead", Number(check='"{}" >= 0')),
                ("total_us", Number(check='"{}" >= 0')),
                ("slowest_us", Number(check='"{}" >= 0')),
            ],
            options={
                "table": "handler_figures",
                "app": "models",
                "pk_attr": "handler",
                "table_description": "What one handler has done since the ledger was made, kept in the transactions that mark its work.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JournalKeeping",
            fields=[
                ("id", Number(primary_key=True, unique=True, db_index=True, check='"{}" = 1')),
                ("pruned_through", Number(check='"{}" >= 0')),
                ("counted_through", Number(check='"{}" >= 0')),
                ("counts", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("timeline", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("place", fields.CharField(max_length=200)),
            ],
            options={
                "table": "journal_keeping",
                "app": "models",
                "pk_attr": "id",
                "table_description": "How much of the journal is still kept, how many events of each type there were, and where it lies.",
            },
            bases=["Model"],
        ),
        ops.RunSQL([*OPEN_WORK, *FOUNDATIONS]),
        ops.RemoveIndex(
            model_name="TradingEvent",
            name=None,
            fields=["status", "position"],
        ),
        ops.AddIndex(model_name="TradingEvent", index=Index(fields=["user_id", "type", "position"])),
        ops.AlterModelOptions(
            name="TradingEvent",
            options={
                "table": "trading_events",
                "app": "models",
                "indexes": [
                    Index(fields=["type", "position"]),
                    Index(fields=["user_id", "position"]),
                    Index(fields=["user_id", "type", "position"]),
                    Index(fields=["entity_id", "position"]),
                    Index(fields=["correlation_id", "position"]),
                    Index(fields=["symbol", "position"]),
                    Index(fields=["priority", "position"]),
                    Index(fields=["created_at"]),
                ],
                "pk_attr": "position",
                "table_description": "One fact, never changed. `position` is the commit-ordered cursor without holes.",
            },
        ),
        DropColumn(model_name="TradingEvent", name="attempts"),
        DropColumn(model_name="TradingEvent", name="available_at"),
        DropColumn(model_name="TradingEvent", name="error"),
        DropColumn(model_name="TradingEvent", name="handled_at"),
        DropColumn(model_name="TradingEvent", name="status"),
    ]
