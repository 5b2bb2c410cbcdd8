"""The test servers keep their own promises: real, restartable, and gone afterwards."""

from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from tests.servers import (
    PostgresServer,
    RedisServer,
    ServerProcess,
    ServerUnavailable,
    running_postgres,
    running_redis,
)

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


def ping(url: str, timeout_s: float = 5.0) -> bool:
    with redis.Redis.from_url(url, socket_timeout=timeout_s, retry=None) as client:
        return bool(client.ping())


def test_redis_answers_on_its_socket_and_its_port(redis_server: RedisServer) -> None:
    """One server is reached by both addresses."""
    assert ping(redis_server.url)
    assert ping(redis_server.tcp_url)


def test_redis_comes_back_on_the_same_address_after_a_kill() -> None:
    """A killed redis-server refuses connections, and after start() answers at the address it had."""
    with running_redis(tcp=True) as server:
        first = server.pid
        server.kill()
        with pytest.raises(redis.ConnectionError):
            ping(server.tcp_url)
        server.start()
        assert server.pid != first
        assert ping(server.tcp_url)


def test_a_paused_redis_is_silent_and_goes_on_when_resumed() -> None:
    """A frozen server takes the connection and answers nothing, which a closed port would not show."""
    with running_redis() as server:
        server.pause()
        with pytest.raises(redis.TimeoutError):
            ping(server.url, timeout_s=0.2)
        server.resume()
        assert ping(server.url)


def test_a_server_is_gone_even_when_the_test_fails() -> None:
    """Whatever happens inside, process and folder are removed."""
    started: list[tuple[int, Path]] = []

    def fail() -> None:
        with running_redis() as server:
            assert server.socket_path is not None
            started.append((server.pid, server.socket_path))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    [(pid, socket_path)] = started
    assert not psutil.pid_exists(pid)
    assert not socket_path.parent.exists()


def test_a_paused_server_is_ended_too() -> None:
    """A test that forgets to resume leaves nothing behind."""
    with running_redis() as server:
        pid = server.pid
        server.pause()
    assert not psutil.pid_exists(pid)


def test_a_program_that_cannot_start_says_its_last_words(redis_server: RedisServer) -> None:
    """A server that ends before it is ready is reported at once with what it printed, not after a timeout."""
    assert redis_server.socket_path is not None
    folder = redis_server.socket_path.parent
    broken = ServerProcess(["redis-server", "--port", "0", "--maxmemory", "plenty"], folder)
    with pytest.raises(ServerUnavailable, match="maxmemory"):
        broken.start()
    assert not broken.is_running


async def test_postgres_is_durable_and_not_run_by_root(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """What tests of durability stand on: fsync and synchronous_commit are on; root is not the owner."""
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await connection.close()
    assert psutil.Process(postgres_server.pid).uids().effective != 0


async def test_each_database_is_new_and_empty(postgres_server: PostgresServer) -> None:
    """Two tests never see each other's tables."""
    for _ in range(2):
        url = postgres_server.create_database()
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("CREATE TABLE mark (id int)")
        finally:
            await connection.close()
        postgres_server.drop_database(url)


async def test_postgres_keeps_what_was_committed_through_a_kill() -> None:
    """After kill -9 and a new start a committed row is there, on the same address."""
    with running_postgres() as server:
        url = server.create_database()
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE mark (id int)")
        await connection.execute("INSERT INTO mark VALUES (7)")
        children = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        connection.terminate()
        psutil.wait_procs(children, timeout=10)
        assert not any(child.is_running() for child in children)
        server.start()
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT id FROM mark") == 7
        await connection.close()
