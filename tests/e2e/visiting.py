"""People at a page: a browser profile of their own; what goes wrong in the page is noted."""

import base64
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.running import TradingEngine

PATIENCE_MS = 30_000  # a bound for a busy machine
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PICTURES = Path(__file__).parents[2] / "artefacts" / "pictures"  # of each page, for people to look at


class Tab:
    """A page of a browser; `asked` is what the page asked for, `faults` what was thrown in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))


class Visit(Tab):
    """Somebody's visit to the dashboard, signed in by a link."""

    def __init__(self, context: BrowserContext, engine: TradingEngine, user: str = "operator") -> None:
        super().__init__(context)
        self.engine = engine
        opened = engine.command("open", "--user", user)
        self.page.goto(opened.stdout.strip())

    def is_live(self) -> None:
        """Wait until the page follows."""
        connection = self.page.get_by_test_id("connection-state")
        expect(connection).to_have_attribute("data-state", "connected", timeout=PATIENCE_MS)

    def is_cut_off(self) -> None:
        """Wait until the page says that it does not follow."""
        connection = self.page.get_by_test_id("connection-state")
        expect(connection).not_to_have_attribute("data-state", "connected", timeout=PATIENCE_MS)

    def trading_is(self, state: str) -> None:
        """Wait until the page says how trading is."""
        banner = self.page.get_by_test_id("trading-state")
        expect(banner).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def go(self, view: str) -> None:
        """Go to a view by the page's own navigation."""
        self.page.get_by_role("navigation", name="Views").get_by_role("link", name=view, exact=True).click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(view)

    def at(self, path: str) -> None:
        """Open an address, as a link to it does."""
        self.page.goto(f"{self.engine.url}/{path}")
        self.is_live()

    def show(self, name: str) -> None:
        """Keep a picture of the page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def resume(self, reason: str) -> None:
        """Lift the stop in the way the page offers."""
        self.page.get_by_test_id("resume").click()
        self.page.get_by_test_id("resume-reason").fill(reason)
        self.page.get_by_role("button", name="Resume trading").click()
        self.trading_is("ACTIVE")

    def positions_of_events(self) -> list[int]:
        """Answer the places in the journal of the events that are in the page, as they stand there."""
        cursors = self.page.get_by_test_id("event").evaluate_all(
            "all => all.map((one) => one.dataset.cursor)"
        )
        return [position_of(cursor) for cursor in cursors]


def position_of(cursor: str) -> int:
    """Answer the place in the journal that a cursor names: the second part of what it encodes."""
    padded = cursor + "=" * (-len(cursor) % 4)
    return int(base64.urlsafe_b64decode(padded).decode().split(":")[1])
