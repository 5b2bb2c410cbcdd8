"""The README's lines as somebody's own FastAPI application under a plain uvicorn: all of it works below the path."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from engine.cli.local import LocalEngine
from tests.e2e.asking import EVENTS, Client, client_of, last_cursor
from tests.running import ENDED_WITHIN_S, until
from tests.servers import free_port

README = Path(__file__).parents[2] / "README.md"
PATH = "/trading"
CREATE = """
mutation Create($input: CreateApiTokenInput!) {
  createApiToken(input: $input) { ... on ApiTokenCreated { secret } }
}
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A running host; `local` is the engine inside, `log` what the host has written."""

    origin: str
    local: LocalEngine
    log: Path


def lines_of_the_readme() -> str:
    """The code under "Inside your own application"."""
    section = README.read_text().partition("## Inside your own application")[2].partition("\n## ")[0]
    code = re.findall(r"^    (.*)$", section, re.MULTILINE)
    return "\n".join([*code, "", "@app.get('/hello')", "def hello() -> str:", "    return 'hello'", ""])


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The README's application, served by uvicorn as any other."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "host.py").write_text(lines_of_the_readme())
    port, data_dir, log = free_port(), folder / "data", folder / "host.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRADING_ENGINE_")}
    settings = {"TRADING_ENGINE_DATA_DIR": str(data_dir), "TRADING_ENGINE_SPEED": "5"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "host:app", "--port", str(port)],
            cwd=folder,
            env=clean | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    origin = f"http://127.0.0.1:{port}"
    try:

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return httpx.get(f"{origin}{PATH}/readyz", trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        until(is_ready, "the host is ready", 60)
        yield Host(origin, LocalEngine(f"{origin}{PATH}", process.pid, data_dir), log)
        process.send_signal(signal.SIGINT)
        assert process.wait(ENDED_WITHIN_S) in (0, -signal.SIGINT, 130), log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def client(host: Host) -> Iterator[Client]:
    """An operator with a token."""
    wanted = {"clientId": "mounted", "user": "olga", "role": "OPERATOR", "name": "test"}
    secret = host.local.ask("operator", CREATE, {"input": wanted})["createApiToken"]["secret"]
    with client_of(host.local.url, secret) as client:
        yield client


def test_queries_orders_and_live_events_work_below_the_path(host: Host, client: Client) -> None:
    """The host's own route and the engine's live side by side; an order fills and its events arrive by WebSocket."""
    assert httpx.get(f"{host.origin}/hello", trust_env=False).json() == "hello"
    assert client.ask("{ me { name } }") == {"me": {"name": "olga"}}
    with client.listen(EVENTS, after=last_cursor(client)) as listening:
        order_id = client.submit()["order"]["id"]
        items = listening.until(
            lambda item: item["event"]["entityId"] == order_id and item["event"]["type"] == "ORDER_FILLED"
        )
    own = [item["event"]["type"] for item in items if item["event"]["entityId"] == order_id]
    assert own == ["ORDER_CREATED", "ORDER_SUBMITTED", "ORDER_FILLED"]


def test_the_session_cookie_stays_below_the_path(host: Host) -> None:
    """The host's other pages never see it, and the dashboard's addresses lie below the path."""
    code = host.local.sign_in_link("operator").partition("#code=")[2]
    with httpx.Client(base_url=f"{host.origin}{PATH}", trust_env=False) as browser:
        signed_in = browser.post("/session", json={"code": code})
        cookie = signed_in.headers["set-cookie"]
        assert re.search(rf"; Path={PATH}(;|$)", cookie), cookie
        assert "HttpOnly" in cookie
        assert browser.get("/session").json()["user"] == "operator"
        assert f'<base href="{PATH}/" />' in browser.get("/").text
        assert "cookie" not in browser.get(f"{host.origin}/hello").request.headers


@pytest.mark.browser
def test_graphiql_works_below_the_path(host: Host, chromium_path: str) -> None:
    """Page, assets, session and live events are all asked for below the path."""
    with sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium_path, args=flags)
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(host.local.sign_in_link("operator").replace("/#", "/graphiql#"))
        expect(page.get_by_test_id("session-user")).to_have_text("operator", timeout=30_000)
        expect(page.get_by_test_id("live-event").first).to_be_visible(timeout=30_000)
        browser.close()
    strays = [url for url in asked if not url.startswith((f"{host.origin}{PATH}/", "data:", "blob:"))]
    assert strays == []
    assert any("/assets/" in url for url in asked)
