"""The map: an order is seen to cross it, a click leads to the thing, and the same stands in a list."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from console_rig import Console, Shop

MANY_RULES = 200


@pytest.fixture(scope="module")
def many_rules(shop: Shop) -> str:
    """A Region with 200 rules of one bus; its name."""
    region = "eu-west-3"
    events = shop.node.client("events", region)

    def put(number: int) -> None:
        pattern = json.dumps({"source": [f"fan.{number}"]})
        events.put_rule(Name=f"fan-rule-{number}", EventPattern=pattern)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(MANY_RULES)))
    return region


def node(page: Page, name: str, kind: str) -> str:
    """A thing on the map, by its kind and the beginning of its name."""
    return f'.map-node.{kind}[aria-label*="{name}"]'


def test_an_order_crosses_the_map(console: Console, shop: Shop) -> None:
    page = console.visit("/map")
    expect(page.locator(node(page, "OrderCreatedRule", "rule"))).to_be_visible()
    shop.place_order()
    for kind in ("matches", "invokes"):
        flowing = page.locator(f'.map-edge.{kind}[data-edge*="OrderCreatedRule"] text')
        expect(flowing).to_have_text(re.compile(r"\d"), timeout=20_000)
    expect(page.locator('.map-edge.publishes[data-edge*="InvoiceFunction"] text')).to_have_text(
        re.compile(r"\d"), timeout=30_000
    )


def test_a_click_opens_the_thing_with_what_it_is_connected_to(console: Console, shop: Shop) -> None:
    page = console.visit("/map")
    page.locator(node(page, "OrderCreatedRule", "rule")).click()
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("heading", name="OrderCreatedRule")).to_be_visible()
    panel.get_by_role("button", name=re.compile("InvoiceFunction")).click()
    expect(panel.get_by_role("heading", name="InvoiceFunction")).to_be_visible()
    expect(page).to_have_url(re.compile("node="))
    panel.get_by_role("link", name="Open", exact=True).click()
    expect(page).to_have_url(re.compile("/functions/example-InvoiceFunction"))


def test_keys_walk_and_open(console: Console) -> None:
    page = console.visit("/map")
    expect(page.locator(".map-node").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert name
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary")).to_have_count(0)


def test_two_hundred_rules_are_one_group_until_one_searches(console: Console, many_rules: str) -> None:
    page = console.visit(f"/map?region={many_rules}")
    group = page.locator(".map-node.group", has_text=re.compile("Rules without a stack"))
    expect(group).to_be_visible()
    assert page.locator(".map-node").count() < 10
    page.get_by_label("Search the map").fill("fan-rule-17")
    expect(page.locator(node(page, "fan-rule-17", "rule")).first).to_be_visible()
    assert page.locator(".map-node").count() < 20
    page.get_by_label("Search the map").fill("")
    group.click()
    expect(page.locator(".map-node.rule").nth(MANY_RULES - 1)).to_be_attached(timeout=30_000)
    places = page.locator(".map-node.rule").evaluate_all(
        "all => all.map(one => one.getAttribute('transform').match(/[-0-9.]+/g).map(Number))"
    )
    assert len({x for x, _ in places}) > 5
    assert max(y for _, y in places) - min(y for _, y in places) < 2_000
    assert len({(x, y) for x, y in places}) == MANY_RULES
    head = page.get_by_role("button", name="Collapse Rules without a stack")
    head.focus()
    page.keyboard.press("Enter")
    expect(group).to_be_visible(timeout=30_000)


def test_the_list_says_the_same(console: Console) -> None:
    page = console.visit("/map")
    page.get_by_role("button", name="List").click()
    table = page.get_by_role("region", name="Everything on the map")
    expect(table.get_by_text("OrderCreatedRule")).to_be_visible()
    page.get_by_label("Search the map").fill("invoicefunc")
    expect(table.locator("tbody tr")).to_have_count(1)


def test_it_fits_and_is_accessible(look: Console) -> None:
    look.visit("/map")
    expect(look.page.locator(".map-node").first).to_be_visible()
    assert look.fits()
    assert look.violations() == []
    look.page.keyboard.press("j")
    look.page.keyboard.press("Enter")
    expect(look.page.get_by_role("complementary")).to_be_visible()
    assert look.violations() == []
    look.visit("/map?view=list")
    look.settled()
    assert look.fits()
    assert look.violations() == []
