"""The walls of the house, read from the source without running it: layers, rooms, cycles, sizes, names.

Each rule is a function from a root folder to the sentences it has to say; the first test holds them on this
repository, the second shows each of them fail on a small broken sample.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 100

# Which top-level packages a layer may import. Everything else of the repository is nobody's to import.
LAYERS: Mapping[str, frozenset[str]] = {
    "gql": frozenset({"gql", "engine", "models"}),
    "engine": frozenset({"engine", "models"}),
    "models": frozenset({"models"}),
}
OUTSIDE = frozenset({"benchmarks", "examples", "frontend", "scripts", "tests"})

# The rooms of the engine and what each may import; what those may import is allowed as well.
LEAVES = ("actor", "clock", "errors", "ids", "settings")
ROOMS: Mapping[str, tuple[str, ...]] = {
    "actor": (),
    "clock": (),
    "errors": (),
    "ids": (),
    "settings": ("errors",),
    "ledger": LEAVES,
    "events": ("ledger",),
    "market": LEAVES,
    "monitoring": ("ledger", "events"),
    "security": ("ledger",),
    "venues": ("market",),
    "trading": ("ledger", "events", "market", "venues", "security", "monitoring"),
    "strategies": ("trading", "market"),
    "live": ("ledger",),
    "handlers": ("strategies", "live"),
    "desk": ("strategies", "live"),
    "components": ("desk",),
    "runtime": ("handlers", "components"),  # the only wiring
    "cli": ("runtime",),
}

NAMES_THAT_SAY_NOTHING = frozenset({"utils", "util", "helpers", "helper", "manager", "base", "common"})
NOT_OURS = frozenset({"node_modules", "__pycache__"})
NAMED_FOLDERS = ("gql", "engine", "models", "tests", "benchmarks", "examples", "scripts", "frontend/src")
MEASURED_FOLDERS = ("gql", "engine", "models", "tests", "benchmarks", "examples", "scripts")

# Tortoise's ways to open a transaction. Cancelled at the wrong moment they keep its lock for ever, so only
# the one write path, which no caller's cancellation reaches, may use them.
OPENS_A_TRANSACTION = frozenset(
    {"in_transaction", "atomic", "get_or_create", "update_or_create", "bulk_create"}
)
READS_THE_TIME = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
)


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file of the tree under examination."""

    name: str
    path: Path
    is_package: bool
    tree: ast.Module
    lines: int

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    @property
    def is_migration(self) -> bool:
        """Migrations are written by a tool: their length and opening are its own."""
        return ".migrations." in self.name


@cache
def modules(root: Path, folders: tuple[str, ...]) -> tuple[Module, ...]:
    """Read every Python file below these folders."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            if not NOT_OURS & set(path.relative_to(root).parts):
                found.append(_read(root, path))
    return tuple(found)


def _read(root: Path, path: Path) -> Module:
    parts = list(path.relative_to(root).with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    text = path.read_text(encoding="utf-8")
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, path, is_package, ast.parse(text, str(path)), len(text.splitlines()))


def product(root: Path) -> tuple[Module, ...]:
    return modules(root, tuple(LAYERS))


def imports(module: Module, known: Mapping[str, Module] | None = None) -> Iterator[tuple[str, int]]:
    """Name what a module imports, with the line: below `if TYPE_CHECKING` and inside functions as well.

    `from a.b import c` means the module a.b.c where there is one (`known`), else a.b.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(module, node)
            for alias in node.names:
                member = f"{source}.{alias.name}"
                yield (member if known is None or member in known else source), node.lineno


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *(node.module.split(".") if node.module else [])])


def layers_are_one_way(root: Path) -> list[str]:
    """The door imports the desk, the desk the ledger; never back, and never what stands beside them."""
    said = []
    for module in product(root):
        for name, line in imports(module):
            target = name.partition(".")[0]
            if (target in LAYERS or target in OUTSIDE) and target not in LAYERS[module.layer]:
                said.append(f"{module.path}:{line}: {module.layer} must not import {name}")
    return said


def frontend_holds_no_python(root: Path) -> list[str]:
    """The pages know the product by schema.graphql only."""
    return [f"{module.path}: Python in the front end" for module in modules(root, ("frontend",))]


def rooms_are_in_order(root: Path) -> list[str]:
    """A room of the engine imports only what the table lists for it, and what those may import."""
    said = []
    for module in modules(root, ("engine",)):
        if module.name == "engine":
            continue
        room = module.name.split(".")[1]
        if room not in ROOMS:
            said.append(f"{module.path}: the room {room} is not in the table of rooms")
            continue
        allowed = {room} | _below(room)
        for name, line in imports(module):
            parts = name.split(".")
            if parts[0] == "engine" and len(parts) > 1 and parts[1] in ROOMS and parts[1] not in allowed:
                said.append(f"{module.path}:{line}: {room} must not import {name}")
    return said


def _below(room: str) -> set[str]:
    listed = set(ROOMS[room])
    return listed.union(*(_below(other) for other in listed))


def imports_have_no_cycle(root: Path) -> list[str]:
    """No module needs itself through others, imports for the type checker counted."""
    known = {module.name: module for module in product(root)}
    edges = {
        name: sorted({target for target, _ in imports(module, known) if target in known})
        for name, module in known.items()
    }
    return [f"import cycle: {' -> '.join([*ring, ring[0]])}" for ring in _cycles(edges)]


def _cycles(edges: Mapping[str, list[str]]) -> list[list[str]]:
    """Answer one ring of names for each import that leads back onto the path that led to it."""
    rings: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            rings.append(path[path.index(name) :])
            return
        if name in done:
            return
        for target in edges[name]:
            visit(target, [*path, name])
        done.add(name)

    for name in edges:
        visit(name, [])
    return rings


def files_are_short(root: Path) -> list[str]:
    """A file that outgrows the bound wants to be two rooms."""
    return [
        f"{module.path}: {module.lines} lines, more than {MAX_FILE_LINES}"
        for module in modules(root, MEASURED_FOLDERS)
        if module.lines > MAX_FILE_LINES and not module.is_migration
    ]


def functions_are_short(root: Path) -> list[str]:
    """A function that outgrows the bound wants a name for each of its parts."""
    said = []
    for module in modules(root, MEASURED_FOLDERS):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    said.append(f"{module.path}:{node.lineno}: {node.name} has {length} lines")
    return said


def modules_open_with_a_sentence(root: Path) -> list[str]:
    """Every module says at its top what it is and who calls it."""
    return [
        f"{module.path}: no opening docstring"
        for module in modules(root, MEASURED_FOLDERS)
        if not module.is_migration and module.tree.body and not ast.get_docstring(module.tree)
    ]


def names_say_something(root: Path) -> list[str]:
    """No file or folder is named after nothing in particular."""
    said = []
    for folder in NAMED_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            words = set(re.split(r"[_.-]", path.name.lower()))
            if words & NAMES_THAT_SAY_NOTHING and not NOT_OURS & set(path.relative_to(root).parts):
                said.append(f"{path}: a name that says nothing")
    return said


def transactions_are_opened_in_the_ledger_room(root: Path) -> list[str]:
    """Only the one write path opens a transaction."""
    said = []
    for module in modules(root, MEASURED_FOLDERS):
        if f"{module.name}.".startswith("engine.ledger."):
            continue
        # Tests and tools write to databases of their own; the bare transaction stays forbidden to them, too.
        forbidden = OPENS_A_TRANSACTION if module.layer in LAYERS else {"in_transaction"}
        for name, line in _calls(module):
            if name.rpartition(".")[2] in forbidden:
                said.append(f"{module.path}:{line}: {name}() opens a transaction outside engine/ledger")
    return said


def time_is_read_from_the_clock(root: Path) -> list[str]:
    """Only engine/clock.py reads the machine's time: everywhere else a clock is handed in."""
    said = []
    for module in modules(root, ("engine", "gql")):
        if module.name == "engine.clock":
            continue
        for name, line in _calls(module):
            if ".".join(name.split(".")[-2:]) in READS_THE_TIME:
                said.append(f"{module.path}:{line}: {name}() instead of the injected clock")
    return said


def _calls(module: Module) -> Iterator[tuple[str, int]]:
    """Name every function called (`a.b.c`), import aliases resolved; bare decorators count as calls."""
    origin: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            origin |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            origin |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in ast.walk(module.tree):
        called: list[ast.expr] = []
        if isinstance(node, ast.Call):
            called = [node.func]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            called = [each for each in node.decorator_list if not isinstance(each, ast.Call)]
        for function in called:
            if name := _dotted(function):
                first, dot, rest = name.partition(".")
                yield origin.get(first, first) + dot + rest, function.lineno


def _dotted(node: ast.expr) -> str:
    """Answer the dotted name of an expression; of `f(x).save` what can be named, `save`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""


Rule = Callable[[Path], list[str]]

RULES: tuple[Rule, ...] = (
    layers_are_one_way,
    frontend_holds_no_python,
    rooms_are_in_order,
    imports_have_no_cycle,
    files_are_short,
    functions_are_short,
    modules_open_with_a_sentence,
    names_say_something,
    transactions_are_opened_in_the_ledger_room,
    time_is_read_from_the_clock,
)

DOC = '"""A sample."""\n'

# (rule, the files of a sample, how many times the rule must speak)
SAMPLES: tuple[tuple[Rule, dict[str, str], int], ...] = (
    (layers_are_one_way, {"models/order.py": DOC + "from engine import clock\n"}, 1),
    (layers_are_one_way, {"models/order.py": DOC + "import gql.app\n"}, 1),
    (layers_are_one_way, {"engine/cli.py": DOC + "def main():\n    from gql.app import create_app\n"}, 1),
    (layers_are_one_way, {"engine/runtime.py": DOC + "from tests.servers import free_port\n"}, 1),
    (layers_are_one_way, {"gql/app.py": DOC + "import engine.runtime, models.order, json\n"}, 0),
    (frontend_holds_no_python, {"frontend/build.py": DOC}, 1),
    (frontend_holds_no_python, {"frontend/node_modules/gyp/build.py": DOC}, 0),
    (rooms_are_in_order, {"engine/market/feed.py": DOC + "from engine.ledger import journal\n"}, 1),
    (rooms_are_in_order, {"engine/market/feed.py": DOC + "from ..ledger import journal\n"}, 1),
    (rooms_are_in_order, {"engine/market/feed.py": DOC + "from engine import live, clock\n"}, 1),
    (rooms_are_in_order, {"engine/ledger/writer.py": DOC + "import engine.runtime\n"}, 1),
    (rooms_are_in_order, {"engine/lounge/sofa.py": DOC}, 1),
    (rooms_are_in_order, {"engine/strategies/runner.py": DOC + "import engine.ledger.journal\n"}, 0),
    (imports_have_no_cycle, {"gql/a.py": DOC + "import gql.b\n", "gql/b.py": DOC + "from gql import a\n"}, 1),
    (
        imports_have_no_cycle,
        {
            "engine/a.py": DOC
            + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import B\n",
            "engine/b.py": DOC + "from .c import C\n",
            "engine/c.py": DOC + "def f():\n    import engine.a\n",
        },
        1,
    ),
    (imports_have_no_cycle, {"models/a.py": DOC + "import models.b\n", "models/b.py": DOC}, 0),
    (files_are_short, {"gql/long.py": DOC + "x = 1\n" * MAX_FILE_LINES}, 1),
    (files_are_short, {"gql/full.py": DOC + "x = 1\n" * (MAX_FILE_LINES - 1)}, 0),
    (functions_are_short, {"tests/t.py": DOC + "async def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES}, 1),
    (functions_are_short, {"tests/t.py": DOC + "def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1)}, 0),
    (modules_open_with_a_sentence, {"engine/ids.py": "# only a comment\nx = 1\n"}, 1),
    (modules_open_with_a_sentence, {"engine/__init__.py": ""}, 0),
    (names_say_something, {"engine/trading/order_manager.py": DOC}, 1),
    (names_say_something, {"frontend/src/common/frame.ts": ""}, 1),
    (names_say_something, {"gql/orders.py": DOC, "engine/database.py": DOC}, 0),
    (
        transactions_are_opened_in_the_ledger_room,
        {"gql/orders.py": DOC + "async def f():\n    async with in_transaction():\n        pass\n"},
        1,
    ),
    (
        transactions_are_opened_in_the_ledger_room,
        {
            "engine/a.py": DOC + "from tortoise import transactions as t\nt.in_transaction('x')\n",
            "engine/b.py": DOC + "from tortoise.transactions import in_transaction as quietly\nquietly()\n",
            "engine/c.py": DOC + "from tortoise.transactions import atomic\n@atomic()\ndef f(): ...\n",
            "engine/d.py": DOC + "Order.filter(x=1).bulk_create([])\n",
        },
        4,
    ),
    (transactions_are_opened_in_the_ledger_room, {"engine/ledger/w.py": DOC + "in_transaction()\n"}, 0),
    (
        time_is_read_from_the_clock,
        {
            "engine/a.py": DOC + "from datetime import datetime as dt, UTC\ndt.now(UTC)\n",
            "engine/b.py": DOC + "import datetime\ndatetime.datetime.now()\n",
            "gql/c.py": DOC + "from time import time\ntime()\n",
            "gql/d.py": DOC + "import time as t\nt.time_ns()\n",
        },
        4,
    ),
    (
        time_is_read_from_the_clock,
        {"engine/clock.py": DOC + "import time\ntime.time()\n", "engine/a.py": DOC + "self.clock.now()\n"},
        0,
    ),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    """What the rule says about this repository is nothing."""
    assert rule(ROOT) == []


@pytest.mark.parametrize(
    ("rule", "files", "times"), SAMPLES, ids=[f"{rule.__name__}-{times}" for rule, _, times in SAMPLES]
)
def test_the_rule_sees_a_breach(rule: Rule, files: dict[str, str], times: int, tmp_path: Path) -> None:
    """The rule speaks about a sample that breaks it, and is silent about its sound neighbour."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    said = rule(tmp_path)
    assert len(said) == times, said


def test_every_rule_is_shown_to_fail() -> None:
    """No rule stands here that cannot speak."""
    assert {rule for rule, _, times in SAMPLES if times} == set(RULES)


def test_the_rules_look_at_this_repository() -> None:
    """The readings are not empty by a wrong path: each layer is there, and clock.py is known by its name."""
    names = {module.name for module in product(ROOT)}
    assert {"gql", "engine", "models", "engine.clock"} <= names
