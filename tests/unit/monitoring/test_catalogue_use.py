"""Promise of the catalogue: every metric named in the code is declared, with the kind and labels used."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.monitoring.catalogue import CATALOGUE, MetricKind

ROOT = Path(__file__).parents[3]
RECORDING = {
    "count": MetricKind.COUNTER,
    "set": MetricKind.GAUGE,
    "add": MetricKind.GAUGE,
    "observe": MetricKind.HISTOGRAM,
}


def recorded(source: str) -> Iterator[tuple[str, MetricKind, set[str], int]]:
    """Every metric recorded by a literal name: `metrics.count("...")`, its like, `timed(metrics, "...")`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        labels = {keyword.arg or "**" for keyword in node.keywords}
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=verb),
                args=[ast.Constant(value=str(name)), *_],
            ) if verb in RECORDING and owner.strip("_") == "metrics":
                yield name, RECORDING[verb], labels, node.lineno
            case ast.Call(func=ast.Name(id="timed"), args=[_, ast.Constant(value=str(name)), *_]):
                yield name, MetricKind.HISTOGRAM, labels | {"outcome"}, node.lineno


@pytest.mark.parametrize("room", ["engine", "gql"])
def test_every_metric_recorded_in_the_code_is_declared(room: str) -> None:
    """A misspelt name, a wrong kind or a missing label is found here, not on the day the line runs."""
    for path in (ROOT / room).rglob("*.py"):
        for name, kind, labels, line in recorded(path.read_text(encoding="utf-8")):
            where = f"{path.relative_to(ROOT)}:{line}: {name}"
            assert name in CATALOGUE, where
            assert CATALOGUE[name].kind is kind, where
            declared = set(CATALOGUE[name].labels)
            assert "**" in labels or declared in (labels, labels - {"outcome"}), where


def test_the_search_finds_recordings() -> None:
    """The test above looks at something."""
    source = 'self._metrics.count("a_total", priority="LOW")\nwith timed(metrics, "b_seconds"): pass'

    assert list(recorded(source)) == [
        ("a_total", MetricKind.COUNTER, {"priority"}, 1),
        ("b_seconds", MetricKind.HISTOGRAM, {"outcome"}, 2),
    ]
