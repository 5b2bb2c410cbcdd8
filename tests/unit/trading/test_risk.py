"""Pre-trade checks: each limit at, just below and just above it, with the figures told."""

from decimal import Decimal
from typing import Any

import pytest

from engine.trading.risk import Circumstances, OrderIntent, UserExposure, check_order, limit_amount
from models.order import OrderSide
from tests.unit.trading.exposures import D, around, config, exposure, failed, intent

BUY, SELL = OrderSide.BUY, OrderSide.SELL

# What a user has; the order; the limit; what each order of the three would come to (below, at, above).
# Equity is 100,000: 5 percent of it are 5,000, 30 percent 30,000, 80 percent 80,000.
LIMITS: dict[str, tuple[UserExposure, list[OrderIntent], str, list[str], str]] = {
    "POSITION_SIZE": (
        exposure(values={"IBM": D(3_000)}, held={"IBM": D(30)}),
        [intent(quantity="19"), intent(quantity="20"), intent(quantity="21")],
        "5000.00",
        ["4900", "5000", "5100"],
        "2000.00",
    ),
    "SECTOR_EXPOSURE": (
        exposure(values={"MSFT": D(28_000)}, buying={"MSFT": D(1_000)}),
        [intent(quantity="9"), intent(quantity="10"), intent(quantity="11")],
        "30000.00",
        ["29900", "30000", "30100"],
        "1000.00",
    ),
    "PORTFOLIO_EXPOSURE": (
        exposure(values={"KO": D(78_000)}, buying={"KO": D(1_500)}),
        [intent(quantity="4"), intent(quantity="5"), intent(quantity="6")],
        "80000.00",
        ["79900", "80000", "80100"],
        "500.00",
    ),
    "FUNDS": (
        exposure(cash=D("1000.00"), reserved=D(100)),
        [
            intent(quantity="9", commission=D("-0.01")),
            intent(quantity="9"),
            intent(quantity="9", commission=D("0.01")),
        ],
        "900.00",
        ["899.99", "900", "900.01"],
        "900.00",
    ),
    "SHORT_SELLING": (
        exposure(held={"IBM": D(30)}, values={"IBM": D(3_000)}, selling={"IBM": D(10)}),
        [intent(SELL, "19"), intent(SELL, "20"), intent(SELL, "21")],
        "20",
        ["19", "20", "21"],
        "20",
    ),
}


@pytest.mark.parametrize("code", list(LIMITS))
def test_a_limit_admits_what_reaches_it_and_denies_what_passes_it(code: str) -> None:
    """Below and at the limit an order passes; the first step above it does not, and the figures say why."""
    has, orders, limit, observed, headroom = LIMITS[code]
    below, at, above = (failed(order, has, around()) for order in orders)
    assert (below, at) == ({}, {})
    assert list(above) == [code]
    told = above[code].to_reason()
    assert told.limit is not None
    assert told.headroom is not None
    assert (D(told.limit), D(told.headroom)) == (D(limit), D(headroom))
    assert told.observed == observed[2]
    assert observed[2] in told.message


@pytest.mark.parametrize("code", ["POSITION_SIZE", "SECTOR_EXPOSURE", "PORTFOLIO_EXPOSURE", "FUNDS"])
def test_what_passes_is_told_with_its_figures_too(code: str) -> None:
    """A preview shows the room left everywhere, not only where there is none."""
    has, orders, limit, observed, _ = LIMITS[code]
    for order, used in zip(orders[:2], observed[:2], strict=True):
        finding = next(finding for finding in check_order(order, has, around()) if finding.code == code)
        assert (finding.limit, finding.observed) == (D(limit), D(used))


@pytest.mark.parametrize(("working", "verdict"), [(8, []), (9, []), (10, ["CONCURRENT_ORDERS"])])
def test_working_orders_are_counted(working: int, verdict: list[str]) -> None:
    """The tenth working order is admitted, the eleventh is not."""
    findings = failed(intent(), exposure(working_orders=working), around())
    assert list(findings) == verdict
    for finding in findings.values():
        assert (finding.limit, finding.observed, finding.headroom) == (D(10), D(11), D(0))


def test_all_reasons_are_told_together() -> None:
    """A denial says everything that stands in the way, the stop first."""
    has = exposure(cash=D(0), equity=D(1_000), working_orders=10, values={"KO": D(1_000)})
    moment = around(halted="trading is stopped: drill", price_is_stale=True)
    findings = failed(intent(quantity="100"), has, moment)
    assert list(findings) == [
        "TRADING_HALTED",
        "STALE_PRICE",
        "FUNDS",
        "CONCURRENT_ORDERS",
        "POSITION_SIZE",
        "PORTFOLIO_EXPOSURE",
        "SECTOR_EXPOSURE",
    ]


@pytest.mark.parametrize(
    ("code", "is_breach"),
    [("TRADING_HALTED", False), ("NO_PRICE", False), ("FUNDS", True), ("CONCURRENT_ORDERS", True)],
)
def test_an_order_that_cannot_be_is_no_violation(code: str, is_breach: bool) -> None:
    """Missing prices and stops deny without accusing; broken limits are violations."""
    has = exposure(cash=D(0), working_orders=10)
    moment = around(halted="stopped", unquoted=True)
    assert failed(intent(), has, moment)[code].breach is is_breach


@pytest.mark.parametrize(
    ("order", "moment", "code"),
    [
        (intent(price=None), around(unquoted=True, price_is_stale=True), "NO_PRICE"),
        (intent(price=D(100)), around(unquoted=True, price_is_stale=True), "NO_PRICE"),
        (intent(), around(price_is_stale=True), "STALE_PRICE"),
    ],
)
def test_no_order_enters_on_a_price_that_is_missing_or_old(
    order: OrderIntent, moment: Circumstances, code: str
) -> None:
    """Without a current quote nothing is bought, a limit order neither: its worth could not be judged."""
    assert list(failed(order, exposure(), moment)) == [code]


WORST: dict[str, Any] = {
    "cash": D(-5),
    "equity": D(0),
    "working_orders": 99,
    "held": {"IBM": D(10)},
    "values": {"IBM": D(90_000)},
    "selling": {"IBM": D(10)},
}


def test_leaving_passes_every_limit() -> None:
    """A reduce-only order of what is held is admitted with no cash, no quote, no room and other sells resting."""
    order = intent(SELL, "10", price=None, reduce_only=True)
    assert failed(order, exposure(**WORST), around(unquoted=True, price_is_stale=True)) == {}


def test_leaving_goes_no_further_than_flat() -> None:
    """Reduce-only is no way to sell more than there is."""
    order = intent(SELL, "11", reduce_only=True)
    assert list(failed(order, exposure(**WORST), around())) == ["SHORT_SELLING"]


def test_a_stop_holds_for_reduce_only_orders_that_do_not_pass_stops() -> None:
    """Who passes a stop is decided where the order comes from, not here."""
    order = intent(SELL, "10", reduce_only=True)
    assert list(failed(order, exposure(**WORST), around(halted="stopped"))) == ["TRADING_HALTED"]


def test_selling_what_is_held_passes_the_limits_it_lowers() -> None:
    """With everything far over its limit and no cash, what is free can still be sold."""
    has = exposure(cash=D(-5), equity=D(1_000), held={"IBM": D(900)}, values={"IBM": D(90_000)})
    assert failed(intent(SELL, "900"), has, around()) == {}


def test_selling_counts_as_a_working_order() -> None:
    """Lowering exposure does not exempt from the count."""
    has = exposure(working_orders=10, held={"IBM": D(900)}, values={"IBM": D(1)})
    assert list(failed(intent(SELL, "1"), has, around())) == ["CONCURRENT_ORDERS"]


def test_selling_short_is_denied_unless_the_house_allows_it() -> None:
    """The rule decides, and where it allows, the limits still hold for the part sold short."""
    assert list(failed(intent(SELL, "10"), exposure(), around())) == ["SHORT_SELLING"]
    assert failed(intent(SELL, "50"), exposure(), around(short_selling=True)) == {}
    assert list(failed(intent(SELL, "51"), exposure(), around(short_selling=True))) == ["POSITION_SIZE"]


def test_only_the_part_sold_short_is_held_against_the_limits() -> None:
    """Selling through flat adds what is opened on the other side."""
    has = exposure(held={"IBM": D(20)}, values={"IBM": D(2_000)})
    moment = around(short_selling=True)
    assert failed(intent(SELL, "50"), has, moment) == {}
    assert failed(intent(SELL, "51"), has, moment)["POSITION_SIZE"].observed == D(5_100)


def test_the_switch_turns_off_the_four_limits_and_nothing_else() -> None:
    """risk_check_enabled=false leaves stops, prices, short selling and funds in force."""
    off = config(risk_check_enabled=False)
    has = exposure(cash=D(100), equity=D(100), working_orders=99, values={"IBM": D(90_000)})
    assert failed(intent(quantity="1"), has, around(config=off)) == {}
    moment = around(config=off, halted="stopped", price_is_stale=True)
    assert list(failed(intent(quantity="2"), has, moment)) == ["TRADING_HALTED", "STALE_PRICE", "FUNDS"]
    assert list(failed(intent(SELL, "1"), has, around(config=off))) == ["SHORT_SELLING"]


@pytest.mark.parametrize(
    ("equity", "percent", "amount"),
    [
        ("100000", "5", "5000.00"),
        ("100.19", "5", "5.00"),
        ("99.9999", "100", "99.99"),
        ("0", "5", "0"),
        ("-7", "5", "0"),
    ],
)
def test_a_limit_in_percent_is_never_rounded_up(equity: str, percent: str, amount: str) -> None:
    """Whole cents, down: what is admitted is within the percentage itself; without equity nothing is."""
    assert limit_amount(D(equity), D(percent)) == Decimal(amount)


def test_an_unknown_sector_counts_as_one() -> None:
    """Symbols without a sector share the limit of UNCLASSIFIED instead of each having its own."""
    has = exposure(sectors={}, values={"KO": D(29_500)})
    assert list(failed(intent(quantity="6"), has, around())) == ["SECTOR_EXPOSURE"]
