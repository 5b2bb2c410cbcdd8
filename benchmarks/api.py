"""The door beside stock Strawberry and Mercurius on the same types, and beside ready answers: requests, subscribers.

Contenders take turns; every figure is the median of the rounds, and only ratios within one run mean anything.
"""

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders import Figures, can_compare, contender, has_mercurius
from benchmarks.payloads import expect_equal
from benchmarks.table import Aim, print_aims

CONNECTIONS = 32
LEAST_ROUNDS = 5
FILTERS = 50
PACED = 20_000  # deliveries a second, which everybody but stock keeps up with
NODE = ("mercurius",) if has_mercurius() else ()
ASKED = ("ours", "ours:anew", "stock", "ready", "bare", *NODE)
FOLLOWED = ("ours", "stock", "stock:hub", "ready", *NODE)
FILTERED = (*FOLLOWED, *(f"{kind}:topics" for kind in NODE))
IDLE = ("ours", "stock", "ready", *NODE)
SETTINGS = ("ready", "ready:websockets:asyncio", "ready:wsproto:asyncio", "ready:websockets-sansio:uvloop")
SMALL, THREE, LIST = "small query, 8 fields", "small query, 3 roots", "list, 100 x 10 fields"
REQUESTS = {
    SMALL: "{ me { __typename id name role permissions tokenId expiresAt } }",
    THREE: "{ tradingState { state } me { id name role tokenId expiresAt } latestCursor }",
    LIST: "{ marketData { symbol last open high low volume marketTime receivedAt source stale } }",
}
EVENTS = (
    "subscription ($filter: EventFilter) { events(filter: $filter) { __typename ... on EventDelivery {"
    " cursor event { id type priority symbol entityId userId createdAt payload } } } }"
)

Medians = Mapping[str, Figures]


def measure_api(rounds: int, round_s: float, subscribers: int) -> None:
    """Measure and print."""
    rounds = max(rounds, LEAST_ROUNDS)
    if not _begins("The door", rounds, round_s):
        return
    if not has_mercurius():
        print("  mercurius is left out: `make contenders` installs it")
    with tempfile.TemporaryDirectory() as folder:
        alike = [kind for kind in dict.fromkeys((*ASKED, *FILTERED)) if kind not in ("ready", "bare")]
        expect_equal(alike, REQUESTS.values(), EVENTS, Path(folder))
        requests = _measure_requests(Path(folder), rounds, round_s)
        same = _measure_subscribers(Path(folder), rounds, round_s, subscribers, 1)
        filtered = _measure_subscribers(Path(folder), rounds, round_s, subscribers, FILTERS, FILTERED)
        paced = _measure_subscribers(
            Path(folder), rounds, round_s, subscribers, 1, ("ours", "ready"), PACED // subscribers
        )
        idle = _measure_idle(Path(folder), subscribers)
    print()
    print_aims(_aims(requests, same, filtered, paced, idle))


def measure_settings(rounds: int, round_s: float, subscribers: int) -> None:
    """Measure and print what uvicorn's implementations of sockets and the loops leave to be had, with ready answers."""
    rounds = max(rounds, LEAST_ROUNDS)
    if not _begins("uvicorn's settings, with ready answers", rounds, round_s):
        return
    with tempfile.TemporaryDirectory() as folder:
        _measure_requests(Path(folder) / "requests", rounds, round_s, SETTINGS, [SMALL])
        _measure_subscribers(Path(folder), rounds, round_s, subscribers, 1, SETTINGS)


def _begins(title: str, rounds: int, round_s: float) -> bool:
    """Print what follows, and tell whether it can be measured here."""
    print(
        f"\n{title}: medians of {rounds} rounds of {round_s:g} s, interleaved; server and load on a core each"
    )
    if not can_compare():
        print("  left out: server and load need a core each")
    return can_compare()


def _aims(
    requests: Mapping[str, Medians], same: Medians, filtered: Medians, paced: Medians, idle: Medians
) -> list[Aim]:
    def times(medians: Medians, other: str = "stock", name: str = "per_s") -> float:
        return medians["ours"][name] / medians[other][name]

    beside_mercurius = [
        ("small query", requests[SMALL], 1.5),
        ("list", requests[LIST], 1.2),
        ("one filter", same, 3),
        (f"{FILTERS} filters", filtered, 8),
    ]
    return [
        Aim("small query, times stock", times(requests[SMALL]), 25, at_least=True),
        Aim("list, times stock", times(requests[LIST]), 35, at_least=True),
        *(
            Aim(f"{name}: p99 / p50", medians["ours"]["p99_ms"] / medians["ours"]["p50_ms"], 4)
            for name, medians in requests.items()
        ),
        Aim("one filter, times stock", times(same), 25, at_least=True),
        Aim(f"{FILTERS} filters, times stock", times(filtered), 80, at_least=True),
        Aim("paced: p99, times that of ready frames", times(paced, "ready", "p99_ms"), 1),
        Aim("to subscribe, ms of the server's processor", idle["ours"]["subscribe_ms"], 1.5),
        Aim("an idle subscriber, KB", idle["ours"]["idle_kb"], 35),
        *(
            Aim(f"{name}, times Mercurius", times(medians, "mercurius"), bound, at_least=True)
            for name, medians, bound in beside_mercurius
            if "mercurius" in medians
        ),
    ]


def _measure_requests(
    folder: Path,
    rounds: int,
    round_s: float,
    kinds: Sequence[str] = ASKED,
    names: Sequence[str] = tuple(REQUESTS),
) -> dict[str, Medians]:
    seen: defaultdict[str, defaultdict[str, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(contender(kind, folder / kind)) for kind in kinds}
        for _ in range(rounds):
            for name in names:
                for kind, server in servers.items():
                    seen[name][kind].append(server.ask(REQUESTS[name], round_s, CONNECTIONS))
    return {name: _medians(f"{name}, {CONNECTIONS} connections", kinds) for name, kinds in seen.items()}


def _measure_subscribers(
    folder: Path,
    rounds: int,
    round_s: float,
    subscribers: int,
    filters: int,
    kinds: Sequence[str] = FOLLOWED,
    per_s: int = 0,
) -> Medians:
    """Measure each kind with new subscribers in each round."""
    seen: defaultdict[str, list[Figures]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {
            kind: stack.enter_context(
                contender(kind, folder / f"{kind}-{filters}-{per_s}", subscribers, filters, per_s)
            )
            for kind in kinds
        }
        for _ in range(rounds):
            for kind, server in servers.items():
                seen[kind].append(
                    server.subscribe(EVENTS, round_s, subscribers, filters, with_times=per_s > 0)
                )
    how = f"{filters} filter{'s' if filters > 1 else ''}{f', {per_s} events/s' if per_s else ''}"
    return _medians(f"{subscribers} subscribers, {how}", seen)


def _measure_idle(folder: Path, subscribers: int) -> Medians:
    """Measure each kind once: a second time, memory that the first left behind would be used again."""
    seen = {}
    for kind in IDLE:
        with contender(kind, folder / f"{kind}-idle") as server:
            seen[kind] = [server.subscribe(EVENTS, 0.0, subscribers)]
    return _medians(f"{subscribers} subscribers, idle", seen)


def _medians(name: str, rounds: Mapping[str, list[Figures]]) -> Medians:
    """Answer the medians of each contender's rounds, and print them."""
    medians = {
        kind: {key: statistics.median(each[key] for each in said) for key in said[0]}
        for kind, said in rounds.items()
    }
    width = max(map(len, medians)) + 1
    for kind, median in medians.items():
        said = "".join(_cell(key, value) for key, value in median.items())
        ratio = f"{median['per_s'] / medians['stock']['per_s']:6.1f}x stock" if _is_ratio(medians) else ""
        print(f"  {name:<36} {kind:<{width}}{said} {ratio}".rstrip(), flush=True)
    return medians


def _is_ratio(medians: Medians) -> bool:
    return "stock" in medians and "per_s" in medians["stock"]


def _cell(key: str, value: float) -> str:
    name, unit = key.split("_")
    return f"{value:>10,.0f}/s" if unit == "s" else f"  {name} {value:>7.2f} {unit}"
