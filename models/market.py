"""The last known price of each symbol, so that a restart knows what positions are worth."""

from tortoise import fields

from models.fields import amount, amount_or_null, moment
from models.record import Record


class MarketQuote(Record):
    """The latest bar of a symbol: `market_time` is the data's clock, `received_at` ours."""

    symbol = fields.CharField(max_length=32, primary_key=True)
    last_price = amount('"{}" > 0')
    open = amount('"{}" > 0')
    high = amount('"{}" > 0')
    low = amount('"{}" > 0')
    volume = amount('"{}" >= 0')
    previous_close = amount_or_null()
    market_time = moment()
    received_at = moment()
    source = fields.CharField(max_length=120)

    class Meta:
        table = "market_data_cache"
