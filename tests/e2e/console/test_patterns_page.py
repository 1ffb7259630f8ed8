"""The pattern workbench: the verdict follows what is typed, field by field, with the place of a mistake."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from console_rig import Console, Shop

EVENT = {"source": "parcel.sent", "detail": {"carrier": "snail", "weight": 3}}


def _type(page: Page, name: str, text: str) -> None:
    page.get_by_role("textbox", name=name, exact=True).fill(text)


def test_a_near_miss_is_found_marked_and_gone_when_it_is_corrected(console: Console) -> None:
    page = console.visit("/patterns")
    _type(page, "Event", json.dumps(EVENT, indent=2))
    _type(page, "Pattern", '{\n  "source": ["parcel.send"],\n  "detail": {"carrier": ["snail"]}\n}')
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text('source is "parcel.sent", the rule wants "parcel.send"')
    expect(page.locator(".field-verdict", has_text="source")).to_contain_text("one character different")
    expect(page.locator(".field-verdict", has_text="detail.carrier")).to_contain_text("accepted")
    expect(page.locator('[data-name="event"] .mark-missed')).to_have_text('"parcel.sent"')
    expect(page.locator('[data-name="event"] .mark-matched')).to_have_text('"snail"')
    _type(page, "Pattern", '{"source": ["parcel.sent"]}')
    expect(verdict).to_have_text("The pattern matches the event.")
    assert console.violations() == []


def test_what_eventbridge_refuses_is_told_with_its_line(console: Console) -> None:
    page = console.visit("/patterns")
    _type(page, "Pattern", '{\n  "source": ["a"],\n  "detail": {"n": [{"nmeric": [">", 1]}]}\n}')
    expect(page.locator(".verdict")).to_contain_text("EventBridge refuses this pattern")
    said = page.locator('[data-name="pattern"] .editor-said')
    expect(said).to_contain_text("Line 3")
    said.get_by_role("button").click()
    expect(page.get_by_role("textbox", name="Pattern", exact=True)).to_be_focused()
    expect(page.locator('[data-name="pattern"] .editor-line.wrong')).to_contain_text("nmeric")


def test_an_event_made_of_the_pattern_matches_it(console: Console) -> None:
    page = console.visit("/patterns")
    pattern = {
        "source": [{"prefix": "shop."}],
        "detail-type": [{"wildcard": "Order *"}],
        "detail": {
            "total": [{"numeric": [">", 100, "<=", 200]}],
            "state": [{"anything-but": ["gone"]}],
            "address": [{"cidr": "10.0.0.0/24"}],
            "coupon": [{"exists": False}],
            "$or": [{"country": ["DE"]}, {"city": ["Bonn"]}],
        },
    }
    _type(page, "Pattern", json.dumps(pattern))
    page.get_by_role("button", name="From pattern").click()
    expect(page.locator(".verdict")).to_have_text("The pattern matches the event.")


def test_a_pattern_is_put_to_a_rule(console: Console, shop: Shop) -> None:
    events = shop.node.client("events")
    events.put_rule(Name="made-by-hand", EventPattern='{"source": ["old"]}', Description="stays")
    try:
        page = console.visit("/patterns?rule=made-by-hand&bus=default")
        expect(page.get_by_role("textbox", name="Pattern", exact=True)).to_have_value(
            '{\n  "source": ["old"]\n}'
        )
        _type(page, "Pattern", '{"source": ["new"]}')
        page.get_by_role("button", name="Put to a rule…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_label("Rule")).to_have_value("made-by-hand")
        dialog.get_by_role("button", name="Replace pattern").click()
        expect(dialog.get_by_role("status")).to_contain_text("has this pattern now")
        rule = events.describe_rule(Name="made-by-hand")
        assert json.loads(rule["EventPattern"]) == {"source": ["new"]}
        assert rule["Description"] == "stays"
    finally:
        events.delete_rule(Name="made-by-hand")
