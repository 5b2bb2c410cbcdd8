from tortoise import migrations
from tortoise.migrations import operations as ops
from models.fields import Moment, ScaledDecimal
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("models", "0002_event_handlings")]

    initial = False

    operations = [
        ops.CreateModel(
            name="EquityPoint",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("at", Moment()),
                ("equity", ScaledDecimal()),
            ],
            options={
                "table": "equity_history",
                "app": "models",
                "indexes": [Index(fields=["user_id", "id"]), Index(fields=["at"])],
                "pk_attr": "id",
                "table_description": "Cash plus the value of all positions of one account at one moment of our clock.",
            },
        ),
        ops.AddIndex(
            model_name="Execution",
            index=Index(fields=["user_id", "market_time"]),
        ),
        ops.AddField(
            model_name="MarketQuote",
            name="previous_close",
            field=ScaledDecimal(null=True),
        ),
    ]
