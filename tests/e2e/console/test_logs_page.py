"""Logs: a line leads to its invocation and its event; a filter chooses lines; new lines come by themselves."""

from __future__ import annotations

import re
import secrets
import time
from urllib.parse import quote

from playwright.sync_api import expect

from console_rig import Console, Shop

READY = 30_000  # a function's first invocation may take so long, in ms


def _group(shop: Shop, function: str) -> str:
    return f"/aws/lambda/{shop.outputs[function]}"


def test_a_line_leads_to_its_event_and_to_its_invocation(console: Console, shop: Shop) -> None:
    order = shop.place_order()
    name = shop.outputs["InvoiceFunction"]
    page = console.visit("/logs")
    page.get_by_role("link", name=_group(shop, "InvoiceFunction")).click()
    line = page.locator(".log-line", has_text=order).last
    expect(line).to_be_visible(timeout=READY)
    line.get_by_role("button").first.click()
    line.get_by_role("link", name="Its invocation").click()
    expect(page.locator("h1")).to_have_text(name)
    invocation = page.locator("section.card", has=page.get_by_role("heading", name="Invocation", exact=True))
    expect(invocation.get_by_role("link", name=order)).to_be_visible(timeout=READY)
    invocation.get_by_role("link", name="Its log lines").click()
    line = page.locator(".log-line", has_text=order).last
    expect(page.locator(".log-line", has_text="START RequestId")).to_have_count(1)
    line.get_by_role("button").first.click()
    line.get_by_role("link", name="Its event").click()
    expect(page).to_have_url(re.compile(f"/events/{order}"))
    expect(page.locator("h1")).to_have_text("Order Created")


def test_a_filter_chooses_lines_and_a_wrong_one_is_told(console: Console, shop: Shop) -> None:
    shop.place_order()
    page = console.visit(f"/logs?group={quote(_group(shop, 'OrderFunction'))}")
    expect(page.locator(".log-line", has_text="START RequestId").first).to_be_visible(timeout=READY)
    page.get_by_label("Filter pattern").fill("REPORT")
    expect(page.locator(".log-line", has_text="START RequestId")).to_have_count(0)
    expect(page.locator(".log-line", has_text="REPORT RequestId").first).to_be_visible()
    expect(page).to_have_url(re.compile("filter=REPORT"))
    console.ignore = ["400"]
    page.get_by_label("Filter pattern").fill("{ $.a = ")
    expect(page.get_by_role("alert")).to_contain_text("InvalidParameterException")


def test_new_lines_come_by_themselves(console: Console, shop: Shop) -> None:
    shop.place_order()
    page = console.visit(f"/logs?group={quote(_group(shop, 'InvoiceFunction'))}")
    expect(page.locator(".log-line", has_text="REPORT RequestId").first).to_be_visible(timeout=READY)
    order = shop.place_order()
    expect(page.locator(".log-line", has_text=order).last).to_be_visible(timeout=READY)


def test_a_page_that_was_away_loads_the_lines_that_it_missed(console: Console, shop: Shop) -> None:
    """As of a tab that was hidden: it lets go of its stream, and begins a new one when it is seen again."""
    name = f"/test/{secrets.token_hex(4)}"
    logs = shop.node.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="one")

    def write(text: str) -> None:
        line = {"timestamp": int(time.time() * 1000), "message": text}
        logs.put_log_events(logGroupName=name, logStreamName="one", logEvents=[line])

    write("seen")
    page = console.visit(f"/logs?group={quote(name)}")
    expect(page.locator(".log-line", has_text="seen")).to_be_visible()
    expect(page.locator(".live-state.live")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    write("missed")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator(".log-line", has_text="missed")).to_be_visible()
