"""Sending an event: from scratch, from a rule, from an earlier event; what is not JSON cannot be sent."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from console_rig import Console, Shop


def test_an_event_is_sent_and_its_page_is_one_click_away(console: Console) -> None:
    page = console.visit("/send")
    page.get_by_label("Source", exact=True).fill("console.test")
    page.get_by_label("Detail type").fill("Sent By Hand")
    detail = page.get_by_role("textbox", name="Detail", exact=True)
    detail.fill('{"exact": 12345678901234567890}')
    page.get_by_role("button", name="Send event").click()
    page.locator(".rows").get_by_role("link", name="Sent By Hand").click()
    expect(page.locator("h1")).to_have_text("Sent By Hand")
    expect(page.get_by_text("console.test").first).to_be_visible()


def test_a_mistake_in_the_detail_is_told_with_its_line_and_nothing_is_sent(console: Console) -> None:
    page = console.visit("/send")
    page.get_by_label("Source", exact=True).fill("console.test")
    page.get_by_label("Detail type").fill("Broken")
    detail = page.get_by_role("textbox", name="Detail", exact=True)
    detail.fill('{\n  "a": 1,\n}')
    expect(page.get_by_text("Line 3: There is a comma too many before }")).to_be_visible()
    expect(page.get_by_role("button", name="Send event")).to_be_disabled()
    expect(detail).to_have_attribute("aria-invalid", "true")
    detail.fill('{"a": 1}')
    expect(page.get_by_role("button", name="Send event")).to_be_enabled()


def test_an_event_made_of_a_rule_s_pattern_matches_the_rule(console: Console, shop: Shop) -> None:
    page = console.visit("/send")
    page.get_by_label("Start from a rule's pattern").select_option(label=_rule(shop))
    expect(page.get_by_label("Source", exact=True)).to_have_value("demo.orders")
    page.get_by_role("button", name="Send event").click()
    page.locator(".rows").get_by_role("link").first.click()
    expect(page.get_by_text("Matched by 1 rule")).to_be_visible()


def test_an_event_is_sent_again_from_its_page(console: Console, shop: Shop) -> None:
    event = shop.put("console.again", "Once More", {"number": 7})
    page = console.visit(f"/events/{event}")
    page.get_by_role("link", name="Send again").click()
    expect(page.get_by_label("Source", exact=True)).to_have_value("console.again")
    expect(page.get_by_role("textbox", name="Detail", exact=True)).to_have_value(re.compile('"number": 7'))


EXACT = '{"big": 9007199254740993, "huge": 1e400, "price": 300.0, "part": 0.1234567890123456789}'


def test_numbers_of_an_earlier_event_stay_as_they_were_written(console: Console, shop: Shop) -> None:
    entry = {"Source": "console.exact", "DetailType": "Exact", "Detail": EXACT}
    (put,) = shop.node.client("events").put_events(Entries=[entry])["Entries"]
    page = console.visit(f"/patterns?event={put['EventId']}")
    written = [re.compile(re.escape(one)) for one in EXACT[1:-1].split(", ")]
    for one in written:
        expect(page.get_by_role("textbox", name="Event", exact=True)).to_have_value(one)
    page.goto(console.address(f"/send?event={put['EventId']}"))
    for one in written:
        expect(page.get_by_role("textbox", name="Detail", exact=True)).to_have_value(one)
    page.get_by_role("button", name="Send event").click()
    page.locator(".rows").get_by_role("link", name="Exact").click()
    for number in ("9007199254740993", "1e400", "0.1234567890123456789"):
        expect(page.get_by_role("region", name="event", exact=True).last).to_contain_text(number)
    again = page.url.rpartition("/")[2]
    read = "id => import('/_nightbus/console/web/api.js').then(api => api.getText(`/events/${id}`))"
    assert EXACT.replace(" ", "") in page.evaluate(read, again).replace(" ", "")


def test_a_test_event_of_a_rule_is_saved_and_sent(console: Console, shop: Shop) -> None:
    rule = _rule(shop)
    page = console.visit(f"/send?rule={rule}")
    detail = page.get_by_role("textbox", name="Detail", exact=True)
    expect(page.get_by_label("Source", exact=True)).to_have_value("demo.orders")
    detail.fill('{"exact": 12345678901234567890}')
    page.get_by_role("button", name="Save as test event").click()
    page.get_by_role("dialog").get_by_label("Name").fill("exact")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("exact is kept as a test event")).to_be_visible()
    detail.fill("{}")
    page.get_by_label("Load a test event").select_option(label="exact")
    expect(detail).to_have_value(re.compile("12345678901234567890"))
    expect(page.get_by_label("Source", exact=True)).to_have_value("demo.orders")


def _rule(shop: Shop) -> str:
    rules = shop.node.client("events").list_rules()["Rules"]
    return str(next(rule["Name"] for rule in rules if "OrderCreatedRule" in rule["Name"]))
