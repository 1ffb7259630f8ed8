"""Functions: what they did, and an invocation by hand."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from console_rig import ORDER, Console, Shop


def test_a_function_is_invoked_and_the_invocation_is_listed(console: Console, shop: Shop) -> None:
    name = shop.outputs["OrderFunction"]
    page = console.visit("/functions")
    page.get_by_role("link", name=name).click()
    page.get_by_role("tab", name="Invoke").click()
    page.get_by_role("textbox", name="Test event").fill(json.dumps(ORDER))
    page.get_by_role("button", name="Invoke", exact=True).click()
    result = page.locator("section.card", has=page.get_by_role("heading", name="Result"))
    expect(result).to_contain_text("succeeded", timeout=30_000)
    expect(result).to_contain_text("eventId")
    expect(result).to_contain_text("REPORT RequestId")
    request = result.locator("a code").first.inner_text()
    result.get_by_role("link", name=request).click()
    expect(page.get_by_role("heading", name="Invocation", exact=True)).to_be_visible()
    row = page.get_by_role("table", name="Invocations").locator("tbody tr", has_text=request[:8])
    expect(row).to_contain_text("succeeded")


def test_a_test_event_is_shared_with_the_command_line(console: Console, shop: Shop) -> None:
    name = shop.outputs["OrderFunction"].rpartition(":")[2]
    page = console.visit(f"/functions/{name}?tab=test")
    payload = page.get_by_role("textbox", name="Test event", exact=True)
    payload.fill('{"exact": 300.0}')
    page.get_by_role("button", name="Save as test event").click()
    page.get_by_role("dialog").get_by_label("Name").fill("from the console")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    payload.fill("{}")
    page.get_by_label("Load a test event").select_option(label="from the console")
    expect(payload).to_have_value(re.compile("300.0"))
    content = shop.node.client("schemas").describe_schema(
        RegistryName="lambda-testevent-schemas", SchemaName=f"_{name}-schema"
    )["Content"]
    assert json.loads(content)["components"]["examples"]["from the console"]["value"] == {"exact": 300.0}


def test_an_error_of_the_function_is_told(console: Console, shop: Shop) -> None:
    page = console.visit(f"/functions/{shop.outputs['InvoiceFunction']}?tab=test")
    page.get_by_role("textbox", name="Test event").fill('{"no": "order"}')
    page.get_by_role("button", name="Invoke", exact=True).click()
    result = page.locator("section.card", has=page.get_by_role("heading", name="Result"))
    expect(result).to_contain_text("failed", timeout=30_000)
    expect(result).to_contain_text("KeyError")


def test_the_configuration_names_variables_and_shows_no_values(console: Console, shop: Shop) -> None:
    page = console.visit(f"/functions/{shop.outputs['InvoiceFunction']}?tab=configuration")
    expect(page.get_by_text("TAX_RATE")).to_be_visible()
    expect(page.get_by_text("app.handler")).to_be_visible()
    assert "0.19" not in page.locator("main").inner_text()
