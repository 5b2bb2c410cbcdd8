"""Parameters of strategies: their schema, and the pure step from a user's input to typed values or faults."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ParameterValue = int | Decimal | str

_MAX_DIGITS = 18  # as every decimal of the API
_MAX_DECIMALS = 8
_INTEGER = re.compile(rf"[+-]?[0-9]{{1,{_MAX_DIGITS}}}")
_DECIMAL = re.compile(rf"[+-]?[0-9]{{1,{_MAX_DIGITS}}}(\.[0-9]{{1,{_MAX_DECIMALS}}})?")


class ParameterType(StrEnum):
    """What a parameter's value is."""

    INTEGER = "INTEGER"
    DECIMAL = "DECIMAL"
    STRING = "STRING"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a strategy. Both bounds belong to the range; of a STRING they bound its length."""

    name: str
    type: ParameterType
    default: ParameterValue
    minimum: int | Decimal
    maximum: int | Decimal
    description: str


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """A parameter and the rule its value breaks."""

    field: str
    rule: str


class Values:
    """Checked values of all parameters of a strategy, read by name and type.

    Raises TypeError when read as another type than the schema's: a defect of the strategy.
    """

    def __init__(self, values: Mapping[str, ParameterValue]) -> None:
        self._values = dict(values)

    def integer(self, name: str) -> int:
        """Answer an INTEGER."""
        value = self._values[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is no INTEGER")
        return value

    def decimal(self, name: str) -> Decimal:
        """Answer a DECIMAL."""
        value = self._values[name]
        if not isinstance(value, Decimal):
            raise TypeError(f"{name} is no DECIMAL")
        return value

    def string(self, name: str) -> str:
        """Answer a STRING."""
        value = self._values[name]
        if not isinstance(value, str):
            raise TypeError(f"{name} is no STRING")
        return value

    def as_text(self) -> dict[str, str]:
        """Answer all values as text, as deployments keep them; `parse_values` reads it back."""
        return {
            name: f"{value:f}" if isinstance(value, Decimal) else str(value)
            for name, value in self._values.items()
        }


def parse_values(
    parameters: Sequence[Parameter], given: Mapping[str, object]
) -> Values | tuple[ParameterFault, ...]:
    """Answer typed values, defaults filled in, or every fault; text, int and Decimal are taken, no float."""
    known = {parameter.name for parameter in parameters}
    faults = [ParameterFault(name, "is no parameter of this strategy") for name in given if name not in known]
    values: dict[str, ParameterValue] = {}
    for parameter in parameters:
        value = _parse(parameter, given.get(parameter.name, parameter.default))
        if isinstance(value, ParameterFault):
            faults.append(value)
        else:
            values[parameter.name] = value
    return tuple(faults) or Values(values)


def _parse(parameter: Parameter, given: object) -> ParameterValue | ParameterFault:
    value = _typed(parameter.type, given)
    if value is None:
        return ParameterFault(parameter.name, _TYPE_RULES[parameter.type])
    size = len(value) if isinstance(value, str) else value
    if not parameter.minimum <= size <= parameter.maximum:
        what = "must have" if isinstance(value, str) else "must be"
        unit = " characters" if isinstance(value, str) else ""
        return ParameterFault(parameter.name, f"{what} {parameter.minimum} to {parameter.maximum}{unit}")
    return value


_TYPE_RULES = {
    ParameterType.INTEGER: "must be a whole number",
    ParameterType.DECIMAL: f"must be a plain number with at most {_MAX_DECIMALS} decimals, given as text",
    ParameterType.STRING: "must be printable text",
}


def _typed(wanted: ParameterType, given: object) -> ParameterValue | None:
    """Answer the value in its type, or None when it is of another."""
    if wanted is ParameterType.STRING:
        return given if isinstance(given, str) and given.isprintable() else None
    text = f"{given:f}" if isinstance(given, Decimal) else str(given) if isinstance(given, int | str) else ""
    if wanted is ParameterType.INTEGER:
        return int(text) if _INTEGER.fullmatch(text) else None
    return Decimal(text) if _DECIMAL.fullmatch(text) else None
