"""Two whole processes on one PostgreSQL and one Redis: what one does the other tells, and each can be lost."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.asking import EVENTS, RESUME, STOP, Client, client_of, last_cursor
from tests.running import TradingEngine, running_engine, until
from tests.servers import PostgresServer, RedisServer, running_redis

pytestmark = pytest.mark.servers

HISTORY = """
query History($after: String) {
  eventHistory(first: 100, after: $after) { edges { node { id cursor } } pageInfo { hasNextPage endCursor } }
}
"""
STATE = "{ tradingState { state } }"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two processes, whoever of them is the desk."""

    first: TradingEngine
    second: TradingEngine
    redis: RedisServer
    token: str


@pytest.fixture(scope="module")
def pair(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two processes with the same servers and a data directory each, replaying slowly enough to last."""
    folder = tmp_path_factory.mktemp("pair")
    url = postgres_server.create_database()
    with ExitStack() as stack:
        stack.callback(postgres_server.drop_database, url)
        redis = stack.enter_context(running_redis())
        environment = {"DATABASE_URL": url, "REDIS_URL": redis.url}
        options = ("--no-demo", "--speed", "5")
        first, second = (
            stack.enter_context(running_engine(Path(folder, name), *options, environment=environment))
            for name in ("first", "second")
        )
        yield Pair(first, second, redis, first.token("operator", "OPERATOR"))


@pytest.fixture
def clients(pair: Pair) -> Iterator[tuple[Client, Client]]:
    """A client of each process, with the same token; both see the wire and trading as they should be."""
    with client_of(pair.first.url, pair.token) as first, client_of(pair.second.url, pair.token) as second:
        for client in (first, second):
            client.wait_for_component("wire", "UP")
        yield first, second


def desks(*clients: Client) -> list[Client]:
    """Which of them run the desk."""
    return [client for client in clients if "another process" not in client.component("venue")["reason"]]


def test_an_event_of_one_process_reaches_a_subscriber_of_the_other(clients: tuple[Client, Client]) -> None:
    """Every fact, in the order of the journal, without a hole and once, whichever process it came from."""
    first, second = clients
    start = last_cursor(second)
    with second.listen(EVENTS, after=start) as listening:
        orders = [first.submit(clientOrderId=f"event-{n}") for n in range(5)]
        wanted = {order["order"]["id"] for order in orders}
        filled: set[str] = set()

        def all_filled(item: dict[str, dict[str, str]]) -> bool:
            if item["event"]["type"] == "ORDER_FILLED":
                filled.add(item["event"]["entityId"])
            return wanted <= filled

        items = listening.until(all_filled)
    newest = first.ask(HISTORY)["eventHistory"]["edges"]
    journal = [edge["node"]["cursor"] for edge in reversed(newest)]
    since = journal[journal.index(start) + 1 :]
    seen = [item["cursor"] for item in items]
    assert seen == since[: len(seen)], "no gap, no duplicate, in the journal's order"


def test_metrics_of_one_process_reach_a_subscriber_of_the_other(clients: tuple[Client, Client]) -> None:
    """A subscriber sees samples of both processes, whichever it listens at."""
    processes = {client.ask("{ metrics { process } }")["metrics"]["process"] for client in clients}
    assert len(processes) == 2
    for client in clients:
        with client.listen("subscription { metrics { process at figures { name value } } }") as listening:
            seen: set[str] = set()

            def both(sample: dict[str, str], seen: set[str] = seen) -> bool:
                seen.add(sample["process"])
                return seen == processes

            listening.until(both, at_most=50)


def test_a_stop_at_one_process_stops_orders_at_the_other(pair: Pair, clients: tuple[Client, Client]) -> None:
    """From the moment the stop has answered, the other denies; resuming at the other opens both."""
    first, second = clients
    assert second.ask(STOP, input={"reason": "try it", "scope": "ALL"})["emergencyStop"]["halt"]
    denied = first.submit(clientOrderId="stopped")
    assert (denied["__typename"], denied["code"]) == ("OrderDenied", "TRADING_HALTED")
    until(lambda: first.ask(STATE)["tradingState"]["state"] == "HALTED", "the other shows it")
    assert first.ask(RESUME, input={"reason": "tried", "scope": "ALL"})["resumeTrading"]["tradingState"]
    until(lambda: second.ask(STATE)["tradingState"]["state"] == "ACTIVE", "the other shows it")
    assert second.submit(clientOrderId="resumed")["__typename"] == "OrderAccepted"


def test_without_redis_facts_still_arrive_and_stops_still_stop(
    pair: Pair, clients: tuple[Client, Client]
) -> None:
    """The ledger is the truth: only speed is lost. Health says DEGRADED and why, and UP again afterwards."""
    first, second = clients
    with second.listen(EVENTS, after=last_cursor(second)) as listening:
        pair.redis.kill()
        try:
            order_id = first.submit(clientOrderId="no-wire")["order"]["id"]
            items = listening.until(
                lambda item: item["event"]["type"] == "ORDER_FILLED" and item["event"]["entityId"] == order_id
            )
            assert [item["event"]["type"] for item in items if item["event"]["entityId"] == order_id] == [
                "ORDER_CREATED",
                "ORDER_SUBMITTED",
                "ORDER_FILLED",
            ]
            for client in clients:
                wire = client.wait_for_component("wire", "DEGRADED")
                assert "redis" in wire["reason"].lower()
                assert client.health()["status"] == "DEGRADED"
            second.ask(STOP, input={"reason": "without a wire", "scope": "ALL"})
            denied = first.submit(clientOrderId="no-wire-stopped")
            assert denied["code"] == "TRADING_HALTED"
            second.ask(RESUME, input={"reason": "tried", "scope": "ALL"})
        finally:
            pair.redis.start()
        for client in clients:
            client.wait_for_component("wire", "UP")
        later = first.submit(clientOrderId="wire-again")
        listening.until(lambda item: item["event"]["entityId"] == later["order"]["id"])


def test_when_the_desk_dies_the_other_takes_over(pair: Pair, clients: tuple[Client, Client]) -> None:
    """Killed amid orders, the desk is replaced; what was acknowledged fills once, and the dead one may come back."""
    [desk] = desks(*clients)
    dying, staying = (pair.first, clients[1]) if desk is clients[0] else (pair.second, clients[0])
    ids = [desk.submit(clientOrderId=f"dying-{n}")["order"]["id"] for n in range(3)]
    dying.kill()
    try:
        until(lambda: desks(staying) == [staying], "the other is the desk")
        ids.append(staying.submit(clientOrderId="after-death")["order"]["id"])
        for order_id in ids:
            staying.wait_for_fill(order_id)
        fills = staying.ask("{ executions(first: 100) { edges { node { orderId } } } }")["executions"][
            "edges"
        ]
        assert sorted(edge["node"]["orderId"] for edge in fills if edge["node"]["orderId"] in ids) == sorted(
            ids
        )
        assert staying.ask("{ auditVerification { intact } }")["auditVerification"]["intact"]
    finally:
        dying.start()
    until(lambda: desks(*clients) == [staying], "one desk, as the one that came back says, too")
    assert "Traceback" not in pair.first.log + pair.second.log


def test_a_frozen_desk_is_replaced_and_stands_by_when_it_wakes(
    pair: Pair, clients: tuple[Client, Client]
) -> None:
    """Frozen with its connections open: the other takes over; awake again it is a door, and the desk when needed."""
    [desk] = desks(*clients)
    freezing, other = (pair.first, pair.second) if desk is clients[0] else (pair.second, pair.first)
    staying = clients[1] if desk is clients[0] else clients[0]
    os.kill(freezing.pid, signal.SIGSTOP)
    try:
        until(lambda: desks(staying) == [staying], "the other is the desk")
        ids = [staying.submit(clientOrderId=f"frozen-{n}")["order"]["id"] for n in range(3)]
        for order_id in ids:
            staying.wait_for_fill(order_id)
    finally:
        os.kill(freezing.pid, signal.SIGCONT)
    until(lambda: desks(*clients) == [staying], "one desk only")
    until(lambda: "another process is the desk now" in freezing.log, "the woken one says so")
    until(lambda: "another process" in desk.component("venue")["reason"], "the woken one is a door")
    through = desk.submit(clientOrderId="through-the-woken")["order"]["id"]
    desk.wait_for_fill(through)

    other.kill()
    try:
        until(lambda: desks(desk) == [desk], "the woken one is the desk again")
        again = desk.submit(clientOrderId="desk-again")["order"]["id"]
        desk.wait_for_fill(again)
        fills = desk.ask("{ executions(first: 100) { edges { node { orderId } } } }")["executions"]["edges"]
        filled = [edge["node"]["orderId"] for edge in fills]
        assert [filled.count(order_id) for order_id in [*ids, through, again]] == [1] * 5
        assert desk.ask("{ auditVerification { intact } }")["auditVerification"]["intact"]
    finally:
        other.start()
    assert "Traceback" not in pair.first.log + pair.second.log
