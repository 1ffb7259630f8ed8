"""A page that is open while its node ends and starts again goes on, and says so when everybody is signed out."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Browser, expect

from api_requests import as_operator
from console_rig import Console, opened, sign_in_link
from nodes import RunningNode


def _put(node: RunningNode, source: str) -> None:
    node.client("events").put_events(
        Entries=[{"Source": source, "DetailType": "x", "Detail": json.dumps({"a": 1})}]
    )


def _sign_in(console: Console, node: RunningNode) -> None:
    page = console.page.context.new_page()
    page.goto(sign_in_link(node))
    page.locator("nav.nav").wait_for()
    page.close()


def test_a_live_page_outlives_its_node(browser: Browser, tmp_path: Path) -> None:
    node = RunningNode(tmp_path, dev_credentials=False)
    try:
        with opened(browser, node.port, None) as console:
            console.ignore = ["401", "ERR_"]
            _sign_in(console, node)
            page = console.visit("/events")
            _put(node, "before")
            expect(page.locator(".vrow", has_text="before")).to_be_visible()
            node.kill()
            expect(page.get_by_text("Connection lost")).to_be_visible()
            node = RunningNode(tmp_path, port=node.port, dev_credentials=False)
            _put(node, "between")
            expect(page.locator(".vrow", has_text="between")).to_be_visible()
            as_operator(node).post("/sessions/delete", {})
            expect(page.get_by_role("heading", name="Sign in to Nightbus")).to_be_visible()
            _sign_in(console, node)
            page.evaluate("dispatchEvent(new Event('focus'))")
            expect(page.locator(".vrow", has_text="before")).to_be_visible()
            _put(node, "after")
            expect(page.locator(".vrow", has_text="after")).to_be_visible()
    finally:
        node.stop()
