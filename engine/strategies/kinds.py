"""Kinds of strategies: what each is and takes, and an instance built from a deployment; asked by deployments."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import Reason, Refusal, RefusalCode, Refused, invalid
from engine.security.names import shown
from engine.strategies.parameters import Parameter, ParameterFault, Values, parse_values
from engine.strategies.strategy import Strategy
from models.strategy import StrategyDeployment

MOST_FAULTS_TOLD = 20  # of one input; who sends thousands of unknown parameters is not told of each

Kinds = Mapping[str, type[Strategy]]


@dataclass(frozen=True, slots=True)
class StrategyKind:
    """A kind as users see it: its name, what it does, and the parameters of its deployments."""

    kind: str
    description: str
    parameters: tuple[Parameter, ...]


def described(kinds: Kinds) -> tuple[StrategyKind, ...]:
    """Answer every kind, in order of name."""
    return tuple(
        StrategyKind(name, kinds[name].description, kinds[name].parameters) for name in sorted(kinds)
    )


def checked_values(kinds: Kinds, kind: str, given: Mapping[str, object]) -> Values:
    """Answer the typed values of a kind's parameters. Raises Refused that names every faulty field."""
    if kind not in kinds:
        raise invalid("kind", f"is none of {', '.join(sorted(kinds))}")
    parsed = parse_values(kinds[kind].parameters, given)
    faults = kinds[kind].check(parsed) if isinstance(parsed, Values) else parsed
    if faults or not isinstance(parsed, Values):
        raise _faulty(faults)
    return parsed


def build(kinds: Kinds, row: StrategyDeployment) -> Strategy:
    """Answer a new instance for a deployment. Raises ValueError when its kind or parameters no longer fit."""
    try:
        values = checked_values(kinds, row.kind, row.parameters)
    except Refused as refused:  # a later version of the product may have dropped or changed the kind
        raise ValueError(refused.refusal.message) from None
    return kinds[row.kind](tuple(row.symbols), values)


def _faulty(faults: tuple[ParameterFault, ...]) -> Refused:
    fields = [(f"parameters.{shown(fault.field)}", fault.rule) for fault in faults[:MOST_FAULTS_TOLD]]
    reasons = tuple(Reason(RefusalCode.INVALID_INPUT, f"{field}: {rule}") for field, rule in fields)
    message = "; ".join(reason.message for reason in reasons)
    return Refused(Refusal(RefusalCode.INVALID_INPUT, message, field=fields[0][0], reasons=reasons))
