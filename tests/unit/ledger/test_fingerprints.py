"""Promises of client ids and fingerprints: equal content is equal however it is written."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refused
from engine.ledger.idempotency import checked_client_id, fingerprint
from models.order import OrderSide

PLAIN = st.dictionaries(
    st.text(max_size=8).filter(str.isprintable),
    st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=8).filter(str.isprintable) | st.booleans(),
    max_size=5,
)


@given(PLAIN)
def test_the_order_of_fields_does_not_matter(content: dict[str, object]) -> None:
    """The same fields in another order are the same request."""
    assert fingerprint(dict(reversed(content.items()))) == fingerprint(content)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9))
def test_zeros_at_the_end_do_not_matter(value: Decimal) -> None:
    """`1.50` and `1.5` are the same amount."""
    assert fingerprint({"quantity": value}) == fingerprint({"quantity": value.normalize()})


@given(PLAIN, PLAIN)
def test_other_content_is_another_fingerprint(one: dict[str, object], other: dict[str, object]) -> None:
    """And only other content is."""
    same = [(k, type(v), v) for k, v in sorted(one.items())] == [
        (k, type(v), v) for k, v in sorted(other.items())
    ]
    assert (fingerprint(one) == fingerprint(other)) is same


def test_a_moment_is_the_same_in_any_zone() -> None:
    """Clients differ in zones, not in what they ask; enums count by their names."""
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=2)))
    assert fingerprint({"at": noon, "side": OrderSide.BUY}) == fingerprint({"at": noon, "side": "BUY"})
    assert fingerprint({"at": noon.isoformat()}) != fingerprint({"at": elsewhere.isoformat()})


def test_what_has_no_one_notation_is_a_defect() -> None:
    """An object of its own kind is told at once, not hashed by chance."""
    with pytest.raises(TypeError):
        fingerprint({"thing": object()})


@pytest.mark.parametrize("text", ["a", "order-1", "A.b_c:d-9", "x" * 64])
def test_a_good_client_id_is_taken_as_it_is(text: str) -> None:
    """Letters, digits and . _ : - up to 64."""
    assert checked_client_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a\n", "ä", "a;b", "'--", "a\x00", "٣"])
def test_a_bad_client_id_is_refused_by_its_field(text: str) -> None:
    """The refusal names the field it came in."""
    with pytest.raises(Refused) as refused:
        checked_client_id(text, "clientOrderId")
    assert refused.value.refusal.field == "clientOrderId"
