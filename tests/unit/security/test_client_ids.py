"""Client ids and fingerprints, the pure part of idempotency."""

from decimal import Decimal

import pytest

from engine.errors import Refused
from engine.ledger.idempotency import checked_client_id, fingerprint


@pytest.mark.parametrize("client_id", ["a", "A-1_b.c:2", "x" * 64])
def test_a_client_id_is_taken_as_it_is(client_id: str) -> None:
    """Letters, digits and four signs, up to 64."""
    assert checked_client_id(client_id) == client_id


@pytest.mark.parametrize(
    "client_id", ["", "x" * 65, "a b", "a/b", "ä", "a\n", "'; DROP TABLE users; --", "\0"]
)
def test_another_client_id_is_refused_by_its_rule(client_id: str) -> None:
    """The field is named, nothing is echoed."""
    with pytest.raises(Refused, match="clientId: must be 1 to 64"):
        checked_client_id(client_id)


def test_equal_content_has_one_fingerprint() -> None:
    """The order of fields and the notation of an amount do not matter."""
    one = fingerprint({"a": Decimal("1.50"), "b": "x", "c": None})
    assert one == fingerprint({"c": None, "b": "x", "a": Decimal("1.5")})
    assert len(one) == 64


@pytest.mark.parametrize("other", [{"a": "1"}, {"a": 2}, {"a": 1, "b": None}, {"b": 1}, {}])
def test_other_content_has_another_fingerprint(other: dict[str, object]) -> None:
    """Types and absent fields count."""
    assert fingerprint({"a": 1}) != fingerprint(other)


def test_content_of_unknown_kind_is_a_defect() -> None:
    """An object whose text is an address would differ at every start."""
    with pytest.raises(TypeError):
        fingerprint({"a": object()})
