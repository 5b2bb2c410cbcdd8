"""Parameters of strategies: from a user's input to typed values or named faults."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategies.parameters import Parameter, ParameterFault, ParameterType, Values, parse_values

SCHEMA = (
    Parameter("length", ParameterType.INTEGER, 20, 2, 200, "Bars."),
    Parameter("size", ParameterType.DECIMAL, Decimal("1.5"), Decimal("0.1"), Decimal(10), "Shares."),
    Parameter("label", ParameterType.STRING, "main", 1, 8, "A name."),
)


def parsed(**given: object) -> Values:
    values = parse_values(SCHEMA, given)
    assert isinstance(values, Values)
    return values


def test_what_is_not_given_has_its_default() -> None:
    """A deployment without parameters is a whole one."""
    values = parsed()
    assert (values.integer("length"), values.decimal("size"), values.string("label")) == (
        20,
        Decimal("1.5"),
        "main",
    )


@pytest.mark.parametrize(
    ("name", "given_value", "expected"),
    [
        ("length", 2, 2),
        ("length", "200", 200),
        ("length", "+7", 7),
        ("length", Decimal(9), 9),
        ("size", "0.1", Decimal("0.1")),
        ("size", 10, Decimal(10)),
        ("size", Decimal("1E+1"), Decimal(10)),
        ("label", "x y", "x y"),
    ],
)
def test_values_are_taken_as_text_or_number(name: str, given_value: object, expected: object) -> None:
    """Both bounds belong to the range."""
    assert parsed(**{name: given_value}).as_text()[name] == parsed(**{name: expected}).as_text()[name]


@pytest.mark.parametrize(
    ("name", "given_value", "rule"),
    [
        ("length", 1, "must be 2 to 200"),
        ("length", "201", "must be 2 to 200"),
        ("length", "9" * 19, "must be a whole number"),
        ("length", "9" * 5000, "must be a whole number"),
        ("length", "2.5", "must be a whole number"),
        ("length", 2.0, "must be a whole number"),
        ("length", True, "must be a whole number"),
        ("length", "٣", "must be a whole number"),
        ("length", None, "must be a whole number"),
        ("length", [], "must be a whole number"),
        ("size", "NaN", "must be a plain number"),
        ("size", "1e1", "must be a plain number"),
        ("size", Decimal("Infinity"), "must be a plain number"),
        ("size", 1.5, "must be a plain number"),
        ("size", "0.123456789", "must be a plain number"),
        ("size", "0.05", "must be 0.1 to 10"),
        ("label", "", "must have 1 to 8 characters"),
        ("label", "123456789", "must have 1 to 8 characters"),
        ("label", "a\nb", "must be printable text"),
        ("label", 5, "must be printable text"),
        ("colour", "red", "is no parameter of this strategy"),
    ],
)
def test_a_fault_names_its_field_and_rule(name: str, given_value: object, rule: str) -> None:
    """A user sees what to change; nothing is guessed or cut."""
    faults = parse_values(SCHEMA, {name: given_value})
    assert isinstance(faults, tuple)
    (fault,) = faults
    assert fault.field == name
    assert fault.rule.startswith(rule)


def test_all_faults_come_at_once() -> None:
    """One answer is enough to repair a deployment."""
    faults = parse_values(SCHEMA, {"length": 0, "size": "x", "other": 1})
    assert isinstance(faults, tuple)
    assert [fault.field for fault in faults] == ["other", "length", "size"]
    assert faults[1] == ParameterFault("length", "must be 2 to 200")


@given(
    st.integers(min_value=2, max_value=200),
    st.decimals(min_value="0.1", max_value=10, places=8),
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8),
)
def test_values_kept_as_text_read_back_the_same(length: int, size: Decimal, label: str) -> None:
    """A deployment means the same after a restart."""
    values = parsed(length=length, size=size, label=label)
    again = parsed(**values.as_text())
    assert (again.integer("length"), again.decimal("size"), again.string("label")) == (length, size, label)


def test_reading_a_value_as_another_type_is_a_defect() -> None:
    """A strategy that mistakes its own schema fails at its first line, not in a trade."""
    values = parsed()
    with pytest.raises(TypeError):
        values.integer("size")
    with pytest.raises(TypeError):
        values.decimal("label")
    with pytest.raises(TypeError):
        values.string("length")
