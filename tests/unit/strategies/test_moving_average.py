"""The moving-average crossover, the strategy of the demonstration."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategies.moving_average import MovingAverageCrossover
from engine.strategies.parameters import ParameterFault, Values, parse_values
from engine.strategies.strategy import SignalIntent, Strategy
from models.order import OrderSide
from tests.unit.market.samples import bar, closes

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def values(fast: int = 1, slow: int = 2, quantity: str = "30") -> Values:
    given_values = {"fast": fast, "slow": slow, "quantity": quantity}
    made = parse_values(MovingAverageCrossover.parameters, given_values)
    assert isinstance(made, Values)
    return made


def crossover(fast: int = 1, slow: int = 2) -> MovingAverageCrossover:
    return MovingAverageCrossover(["IBM"], values(fast, slow))


def sides(strategy: Strategy, *prices: int) -> list[OrderSide | None]:
    """Answer what each bar made the strategy want."""
    return [next((intent.side for intent in strategy.on_bar(one)), None) for one in closes(*prices)]


def test_it_buys_when_the_fast_average_crosses_above() -> None:
    """Once, at the crossing, with its quantity and a reason for people."""
    strategy = crossover()
    assert sides(strategy, 10, 9, 8) == [None, None, None]
    (intent,) = strategy.on_bar(bar("12 12 12 12"))
    assert (intent.symbol, intent.side, intent.quantity, intent.confidence) == (
        "IBM",
        BUY,
        Decimal(30),
        Decimal(1),
    )
    assert intent.reason == "average of 1 (12.00) above average of 2 (10.00)"
    assert sides(strategy, 13, 14) == [None, None]


def test_it_sells_all_it_holds_when_the_fast_average_falls_below() -> None:
    """The position, not the parameter, says how much."""
    strategy = crossover()
    sides(strategy, 10, 9, 12)
    strategy.position_changed("IBM", Decimal(17))
    (intent,) = strategy.on_bar(bar("8 8 8 8"))
    assert (intent.side, intent.quantity) == (SELL, Decimal(17))


def test_it_does_not_sell_what_it_does_not_hold() -> None:
    """Selling short is not its trade."""
    assert sides(crossover(), 9, 10, 8, 7) == [None, None, None, None]


def test_it_does_not_add_to_a_position() -> None:
    """A crossing while something is held is passed over."""
    strategy = crossover()
    strategy.position_changed("IBM", Decimal(30))
    assert sides(strategy, 10, 12) == [None, None]
    assert sides(strategy, 8) == [SELL]
    assert sides(strategy, 12) == [None]


def test_it_asks_for_a_close_once_until_the_next_crossing() -> None:
    """While the order is under way no second one is made; if it failed, the next fall asks again."""
    strategy = crossover()
    strategy.position_changed("IBM", Decimal(30))
    assert sides(strategy, 10, 12, 8, 7, 6, 9, 5) == [None, None, SELL, None, None, None, SELL]


def test_a_fill_that_comes_after_the_fall_is_closed() -> None:
    """A late position is not held through the fall."""
    strategy = crossover()
    assert sides(strategy, 10, 9, 12, 8) == [None, None, BUY, None]
    strategy.position_changed("IBM", Decimal(30))
    assert sides(strategy, 7, 6) == [SELL, None]


def test_warm_up_counts_but_does_not_signal() -> None:
    """The first live bar can be a crossing, and the first comparison never is."""
    warm = crossover(2, 4)
    warm.warm_up(closes(10, 9, 8, 7))
    assert sides(warm, 20) == [BUY]
    assert sides(crossover(2, 4), 7, 8, 9, 10, 11) == [None] * 5


def test_bars_of_other_symbols_are_passed_over() -> None:
    """A deployment sees only its own symbols."""
    strategy = crossover()
    for one in closes(10, 9, 12, symbol="AAPL"):
        assert strategy.on_bar(one) == ()
    strategy.warm_up(closes(10, 9, symbol="AAPL"))
    strategy.position_changed("AAPL", Decimal(1))
    assert sides(strategy, 10, 9, 12) == [None, None, BUY]


def test_symbols_do_not_mix() -> None:
    """Each symbol has averages and a position of its own."""
    strategy = MovingAverageCrossover(["IBM", "AAPL"], values())
    strategy.position_changed("AAPL", Decimal(5))
    for ibm, aapl in zip(closes(10, 9), closes(10, 11, symbol="AAPL"), strict=True):
        strategy.on_bar(ibm)
        strategy.on_bar(aapl)
    (buy,) = strategy.on_bar(closes(12)[0])
    (sell,) = strategy.on_bar(closes(8, symbol="AAPL")[0])
    assert (buy.symbol, buy.side, sell.symbol, sell.side) == ("IBM", BUY, "AAPL", SELL)


@given(
    st.lists(st.integers(min_value=1, max_value=50), min_size=6, max_size=60),
    st.integers(min_value=1, max_value=3),
    st.integers(min_value=4, max_value=6),
)
def test_it_signals_as_the_definition_says(prices: list[int], fast: int, slow: int) -> None:
    """The running sums give the same answers as averages worked out afresh for each bar."""
    strategy = crossover(fast, slow)
    expected: list[OrderSide | None] = []
    above: bool | None = None
    for end in range(1, len(prices) + 1):
        before = above
        if end >= slow:
            above = sum(prices[end - fast : end]) * slow > sum(prices[end - slow : end]) * fast
        expected.append(BUY if before is False and above else None)
    assert sides(strategy, *prices) == expected


def test_a_fast_average_no_faster_than_the_slow_one_is_refused() -> None:
    """Each value alone is in its range; together they make no crossover."""
    assert MovingAverageCrossover.check(values(5, 20)) == ()
    assert MovingAverageCrossover.check(values(20, 20)) == (ParameterFault("fast", "must be less than slow"),)


def test_the_defaults_are_a_sound_strategy() -> None:
    """A deployment without parameters works."""
    defaults = parse_values(MovingAverageCrossover.parameters, {})
    assert isinstance(defaults, Values)
    assert MovingAverageCrossover.check(defaults) == ()
    kind: type[Strategy] = MovingAverageCrossover
    assert kind(["IBM"], defaults).on_bar(bar()) == ()


@pytest.mark.parametrize("confidence", ["-0.1", "1.1", "NaN"])
def test_an_intent_without_a_sound_confidence_is_a_defect(confidence: str) -> None:
    """A user's strategy fails where it is wrong, not in the ledger."""
    with pytest.raises(ValueError, match="confidence"):
        SignalIntent("IBM", BUY, Decimal(confidence), None, "x")


@pytest.mark.parametrize("quantity", ["0", "-1", "Infinity"])
def test_an_intent_without_a_sound_quantity_is_a_defect(quantity: str) -> None:
    """No quantity means that the engine sizes the order; zero means nothing."""
    with pytest.raises(ValueError, match="quantity"):
        SignalIntent("IBM", BUY, Decimal(1), Decimal(quantity), "x")
