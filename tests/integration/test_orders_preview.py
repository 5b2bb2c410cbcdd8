"""A preview says what submitting would: on any state, for any request, and writes nothing."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from engine.trading.order_input import SubmitOrder
from engine.trading.orders import OrderAccepted
from models.halt import HaltScope
from models.order import Order
from tests.trading_desk import SELL, TradingDesk, client_id, code_of, limit, market, opened_desk, stop

pytestmark = pytest.mark.anyio

D = Decimal
ROUNDS = 150


def any_request(random: Random) -> SubmitOrder:
    """Choose a request, sound or not, small or beyond every limit."""
    symbol = random.choice(["IBM", "MSFT", "KO", "XOM", "NOPE"])
    side = random.choice(["BUY", "BUY", "SELL"])
    quantity = str(random.choice([0, 1, 5, 20, 45, 60, 900, 5_000, "1.5"]))
    price = str(random.choice(["0", "9.99", "55", "100", "100.005", "4000"]))
    asked = random.choice(
        [
            market(quantity=quantity, symbol=symbol),
            limit(price, quantity=quantity, symbol=symbol),
            stop(price, quantity=quantity, symbol=symbol),
        ]
    )
    return replace(asked, side=type(SELL)(side))


async def change_something(desk: TradingDesk, random: Random) -> None:
    """Let the state of the desk drift: prices, time, limits, stops."""
    match random.randrange(8):
        case 0:
            desk.clock.advance(random.choice([1, 20]))
        case 1 | 2:
            desk.quote(**{random.choice(["IBM", "MSFT", "KO", "XOM"]): str(random.choice([40, 60, 101]))})
        case 3:
            await desk.configure("max_position_size_percent", str(random.choice([1, 5, 20])))
        case 4:
            await desk.configure("risk_check_enabled", random.choice(["true", "true", "false"]))
        case 5:
            await desk.stop(HaltScope.SYMBOL, "KO")
        case 6 if desk.halts.state.halts:
            await desk.resume(HaltScope.SYMBOL, "KO")
        case _:
            symbol = random.choice(["IBM", "MSFT"])
            await desk.step(" ".join([str(random.choice([50, 90, 110]))] * 4), symbol)


@pytest.mark.parametrize("seed", range(3))
async def test_a_preview_is_the_verdict_of_submitting(tmp_path: Path, seed: int) -> None:
    """On the same state both say the same code, words, reasons and figures; the preview writes nothing."""
    random = Random(seed)
    verdicts = set()
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        desk.quote(IBM="100", MSFT="50", KO="40")
        for _ in range(ROUNDS):
            await change_something(desk, random)
            await desk.settle()
            request = any_request(random)
            before = await desk.ledger.row_counts()
            preview = await desk.orders.preview(ann, request)
            assert await desk.ledger.row_counts() == before
            result = await desk.orders.submit(ann, request)
            verdicts.add(code_of(result))
            assert preview.allowed == isinstance(result, OrderAccepted)
            if not isinstance(result, OrderAccepted):
                assert preview.code == code_of(result)
                assert preview.message == getattr(result, "message", None)
            kept = getattr(result, "order", None)
            if isinstance(kept, Order) and kept.denial:
                failed = [f.to_reason() for f in preview.findings if not f.passed]
                assert [(r["code"], r["observed"]) for r in kept.denial] == [
                    (r.code, r.observed) for r in failed
                ]
    assert {"ACCEPTED", "INVALID_INPUT", "SHORT_SELLING", "POSITION_SIZE"} <= verdicts


async def test_a_preview_tells_price_worth_and_commission(tmp_path: Path) -> None:
    """What an order would cost is told before it is placed."""
    async with opened_desk(tmp_path) as desk:
        ann = await desk.user()
        desk.quote(IBM="100.50")
        preview = await desk.orders.preview(ann, market(quantity="10", id=client_id()))
        assert (preview.allowed, preview.code) == (True, None)
        assert (preview.reference_price, preview.notional) == (D("100.50"), D("1005.00"))
        assert preview.commission == 1
        assert {finding.code for finding in preview.findings} >= {
            "FUNDS",
            "POSITION_SIZE",
            "CONCURRENT_ORDERS",
        }
