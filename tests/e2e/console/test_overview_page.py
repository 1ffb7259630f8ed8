"""The overview: what is deployed, and what happened last."""

from __future__ import annotations

from playwright.sync_api import expect

from console_rig import Console, Shop


def test_it_shows_what_is_deployed_and_the_newest_events(console: Console, shop: Shop) -> None:
    page = console.visit("/")
    tiles = page.get_by_role("navigation", name="What is deployed")
    expect(tiles.get_by_role("link", name="Functions 3")).to_be_visible()
    event = shop.put("overview.test", "Seen On The Overview")
    newest = page.locator(f'.newest-row[href*="{event}"]')
    expect(newest).to_contain_text("Seen On The Overview")
    newest.click()
    expect(page.locator("h1")).to_have_text("Seen On The Overview")


def test_a_scope_where_nothing_is_says_what_to_do(console: Console, shop: Shop) -> None:
    page = console.visit("/?region=ap-south-1")
    expect(page.get_by_role("heading", name="Nothing is deployed yet")).to_be_visible()
    expect(page.get_by_text(f"nightbus run --port {shop.node.port} -- sam deploy --guided")).to_be_visible()


def test_it_fits_and_is_accessible(look: Console) -> None:
    look.visit("/")
    look.settled()
    assert look.fits()
    assert look.violations() == []
