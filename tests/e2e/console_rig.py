"""The console in a real Chromium: a signed-in page, the example that it shows, and axe's judgement of what is drawn.

A test fails if the page wrote an error to the browser's console. A violated Content-Security-Policy is told there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, StorageState, expect

from nodes import RunningNode, clean_environment

WIDE, NARROW = (1280, 800), (390, 800)
SIZES = {"wide": WIDE, "narrow": NARROW}
EXAMPLE = Path(__file__).parents[2] / "examples" / "order-to-invoice"
ORDER = json.loads((EXAMPLE / "events" / "order.json").read_text())
STACK = "example"
_SERIOUS = ("serious", "critical")
expect.set_options(timeout=20_000)  # of a machine that does much else


@dataclass
class Shop:
    """The deployed example. `outputs` are those of its stack."""

    node: RunningNode
    outputs: dict[str, str]

    def place_order(self) -> str:
        """Order once; the id of the event that the order function published."""
        reply = self.node.client("lambda").invoke(
            FunctionName=self.outputs["OrderFunction"], Payload=json.dumps(ORDER)
        )
        answer = json.loads(reply["Payload"].read())
        assert "FunctionError" not in reply, answer
        return str(answer["eventId"])

    def put(self, source: str, detail_type: str, detail: Any = None, bus: str = "default") -> str:
        """Put an event; its id."""
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail or {}),
            "EventBusName": bus,
        }
        reply = self.node.client("events").put_events(Entries=[entry])
        assert reply["FailedEntryCount"] == 0, reply
        return str(reply["Entries"][0]["EventId"])


def sign_in_link(node: RunningNode) -> str:
    """What `nightbus console --print` prints."""
    done = subprocess.run(
        ["nightbus", "console", "--print", "--port", str(node.port), "--data", str(node.folder)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def chromium_options() -> list[str]:
    return ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@dataclass
class Console:
    """A signed-in page. `ignore` holds parts of messages that a test expects in the browser's console."""

    page: Page
    port: int
    errors: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)

    def visit(self, path: str = "") -> Page:
        """Open a page of the console by its path below it, and wait until the page has its title."""
        self.page.goto(self.address(path))
        self.page.locator("main h1").first.wait_for()
        return self.page

    def address(self, path: str = "") -> str:
        return f"http://nightbus.localhost:{self.port}/_nightbus/console{path}"

    def settled(self) -> None:
        """Wait until nothing is loading: no skeleton is drawn."""
        expect(self.page.locator(".skeleton")).to_have_count(0)

    def fits(self) -> bool:
        """Whether nothing makes the page itself scroll sideways."""
        width = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        return bool(width[0] <= width[1])

    def violations(self) -> list[str]:
        """What axe finds serious or critical on the page, a line for each."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {node['target']} {node['failureSummary']}"
            for one in found
            if one["impact"] in _SERIOUS
            for node in one["nodes"][:3]
        ]

    def heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def unexpected(self) -> list[str]:
        return [text for text in self.errors if not any(part in text for part in self.ignore)]


@contextmanager
def opened(
    browser: Browser,
    port: int,
    state: StorageState | None,
    size: tuple[int, int] = WIDE,
    theme: str = "light",
) -> Iterator[Console]:
    """A page of a browser that is signed in by `state`; checks at the end that it wrote no error."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        storage_state=state,
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    console = Console(page, port)
    page.on("console", console.heard)
    page.on("pageerror", lambda error: console.errors.append(str(error)))
    try:
        yield console
        if console.unexpected():
            raise AssertionError(f"in the browser's console: {console.unexpected()}")
    finally:
        kept = os.environ.get("NIGHTBUS_SCREENSHOTS")
        if kept:
            name = re.sub(r"\W+", "-", os.environ.get("PYTEST_CURRENT_TEST", "page").split("::")[-1])
            page.screenshot(path=f"{kept}/{name}.png")
        context.close()


def row(page: Page, event_id: str) -> Locator:
    """The row of an event in the list of events."""
    return page.locator(f'.vrow:has(a[href*="{event_id}"])')
