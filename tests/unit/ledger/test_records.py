"""How new rows are made: cheap, but a misspelled column is told at once."""

import pytest

from models.handling import HandlerFigures
from models.order import Order


def test_a_new_row_has_its_defaults_and_nothing_else() -> None:
    """What is not named is the column's default, or absent; no row shares state with another."""
    order, other = Order(id="ord_1"), Order(id="ord_2")
    assert order.reduce_only is False
    assert order.stop_price is None
    order.reason = "no price"
    assert (order.id, other.id, other.reason) == ("ord_1", "ord_2", None)
    assert order._await_when_save is not other._await_when_save
    assert (order._saved_in_db, order._partial) == (False, False)


def test_a_column_that_is_not_there_is_named() -> None:
    """A typing error must not be a value that is silently never written."""
    with pytest.raises(TypeError, match="HandlerFigures has no column fialed, handeld"):
        HandlerFigures(handler="h", handeld=1, fialed=2)
