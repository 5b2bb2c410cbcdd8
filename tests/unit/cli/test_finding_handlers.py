"""Promises of `--handler`: all installed ones without, some by name, one by where it is written; a bad one is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli import replay
from engine.cli.replay import find_handlers
from engine.errors import SettingsError
from engine.events.handler import Handler, handles
from engine.events.handling import Handling
from engine.ledger.event import Event
from models.event import EventType

Install = Callable[..., None]

WRITTEN = """
from engine.events.handler import handles
from models.event import EventType

@handles(EventType.ORDER_FILLED, name="written.note")
async def note(event, handling): ...
"""


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Have handlers of these names installed."""

    def install(*names: str) -> None:
        monkeypatch.setattr(replay, "installed_handlers", lambda: tuple(map(_handler, names)))

    return install


def test_without_names_all_installed_handlers_are_taken(install: Install) -> None:
    """In the order in which they were found."""
    install("a.one", "b.two")
    assert [handler.name for handler in find_handlers([])] == ["a.one", "b.two"]


def test_handlers_are_taken_by_name_in_the_order_asked_for(install: Install) -> None:
    """No others."""
    install("a.one", "b.two", "c.three")
    assert [handler.name for handler in find_handlers(["c.three", "a.one"])] == ["c.three", "a.one"]


def test_a_handler_is_loaded_from_where_one_is(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By module and function, beside installed ones."""
    install("a.one")
    (tmp_path / "handlers_written_here.py").write_text(WRITTEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [])
    found = find_handlers(["handlers_written_here:note", "a.one"])
    assert [handler.name for handler in found] == ["written.note", "a.one"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "none is installed"),
        (["a.one"], r"a\.one: is not among the installed ones \(none\)"),
        (["no_such_module:note"], "no_such_module:note: cannot be loaded: No module named"),
        (["json:nothing"], "json:nothing: cannot be loaded"),
        (["json:loads"], "json:loads: is not declared by @handles"),
    ],
)
def test_a_handler_that_is_none_is_named(install: Install, names: list[str], words: str) -> None:
    """With the reason."""
    install()
    with pytest.raises(SettingsError, match=f"handler.*{words}"):
        find_handlers(names)


def _handler(name: str) -> Handler:
    @handles(EventType.ORDER_FILLED, name=name)
    async def handle(event: Event, handling: Handling) -> None: ...

    return handle
