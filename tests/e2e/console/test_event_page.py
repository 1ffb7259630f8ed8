"""One event's page: its whole way with logs in place, and why a rule did not match."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState, expect

from console_rig import NARROW, Console, Shop, opened
from lambda_rig import BASIC_EXECUTION


@pytest.fixture(scope="module")
def typo(shop: Shop) -> Iterator[str]:
    """A rule whose pattern has a mistake of one letter; its name."""
    events = shop.node.client("events")
    name = "rule-with-a-typo"
    pattern = {"source": ["parcel.sent"], "detail": {"carrier": ["snail"], "weight": [{"numeric": [">", 1]}]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    yield name
    events.delete_rule(Name=name)


def test_an_order_s_page_shows_its_whole_way(console: Console, shop: Shop) -> None:
    order = shop.place_order()
    page = console.visit(f"/events/{order}")
    way = page.get_by_role("list", name="Way of the event")
    expect(way.get_by_text("Published by function OrderFunction")).to_be_visible()
    expect(way.get_by_text("OrderCreatedRule →")).to_be_visible()
    expect(way.get_by_text(re.compile("Invoice INV-"))).to_be_visible(timeout=30_000)
    expect(way.get_by_text("InvoiceCreatedRule →")).to_be_visible(timeout=30_000)
    expect(way.locator(".chip.bad")).to_have_count(0)
    matched = page.locator("section", has_text="Matched by 1 rule")
    expect(matched.get_by_role("button", name=re.compile("OrderCreatedRule"))).to_be_visible()
    way.get_by_role("link", name="Invoice Created").click()
    expect(page.locator("h1")).to_have_text("Invoice Created")
    expect(page.get_by_text("Published by function InvoiceFunction")).to_be_visible()


def test_a_phone_has_room_for_the_lines_of_a_deep_run(
    browser: Browser, shop: Shop, signed_in: StorageState
) -> None:
    order = shop.place_order()
    with opened(browser, shop.node.port, signed_in, NARROW) as look:
        page = look.visit(f"/events/{order}")
        line = page.locator(".trace-log .lines span", has_text="Ledger of").first
        expect(line).to_be_visible(timeout=30_000)
        box = line.bounding_box()
        assert box is not None
        assert box["width"] > 280
        assert look.fits()


def test_a_run_without_a_log_says_which_permission_is_missing(console: Console, shop: Shop) -> None:
    functions, iam = shop.node.client("lambda"), shop.node.client("iam")
    name = next(
        one["FunctionName"]
        for one in functions.list_functions()["Functions"]
        if "InvoiceFunction" in one["FunctionName"]
    )
    role = functions.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    iam.detach_role_policy(RoleName=role, PolicyArn=BASIC_EXECUTION)
    try:
        page = console.visit(f"/events/{shop.place_order()}")
        way = page.get_by_role("list", name="Way of the event")
        refused = f"Nothing was logged: its role {role} may not logs:CreateLogStream on /aws/lambda/{name}."
        expect(way.get_by_text(refused).first).to_be_visible(timeout=30_000)
        way.get_by_role("link", name="What would allow it").first.click()
        expect(page.locator("tbody tr").first).to_contain_text("logs:")
        console.visit(f"/functions/{name}")
        expect(page.get_by_text("It logs nothing: its role")).to_be_visible()
    finally:
        iam.attach_role_policy(RoleName=role, PolicyArn=BASIC_EXECUTION)
    page.reload()
    console.settled()
    expect(page.get_by_text("It logs nothing")).to_have_count(0)


def test_a_rule_with_a_typo_is_found_by_its_near_miss(console: Console, shop: Shop, typo: str) -> None:
    event = shop.put("parcel.send", "Parcel", {"carrier": "snail", "weight": 3})
    page = console.visit(f"/events/{event}")
    rule = page.locator(".rule", has_text=typo)
    expect(page.locator(".rule").first).to_contain_text(typo)
    expect(rule.locator(".rule-why")).to_contain_text('source is "parcel.send", the rule wants "parcel.sent"')
    in_event = rule.get_by_role("region", name="event")
    in_pattern = rule.get_by_role("region", name="pattern")
    expect(in_event.locator(".json-line.missed")).to_contain_text('"source": "parcel.send"')
    expect(in_event.locator(".json-why")).to_contain_text("one character different from the rule's value")
    expect(in_pattern.locator(".json-line.missed")).to_contain_text("parcel.sent")
    expect(in_event.locator(".json-line.matched")).to_have_count(2)


def test_a_rule_whose_delivery_failed_does_not_say_delivered(console: Console, shop: Shop) -> None:
    events = shop.node.client("events")
    events.put_rule(Name="to-nowhere", EventPattern=json.dumps({"source": ["nowhere"]}))
    queue = "arn:aws:sqs:us-east-1:000000000000:no-such-queue"
    try:
        events.put_targets(Rule="to-nowhere", Targets=[{"Id": "queue", "Arn": queue}])
        page = console.visit(f"/events/{shop.put('nowhere', 'Parcel')}")
        rule = page.locator(".rule", has_text="to-nowhere")
        expect(rule.locator(".rule-why")).to_have_text("not delivered to 1 target")
    finally:
        events.remove_targets(Rule="to-nowhere", Ids=["queue"])
        events.delete_rule(Name="to-nowhere")


def test_a_field_that_the_event_lacks_is_marked_where_it_should_be(
    console: Console, shop: Shop, typo: str
) -> None:
    event = shop.put("parcel.sent", "Parcel", {"weight": 3})
    page = console.visit(f"/events/{event}")
    rule = page.locator(".rule", has_text=typo)
    expect(rule.get_by_role("region", name="pattern").locator(".json-line.absent")).to_contain_text("carrier")
    expect(rule.get_by_role("region", name="event").locator(".json-why.absent")).to_contain_text(
        "detail.carrier"
    )


def test_numbers_are_shown_as_they_were_sent(console: Console, shop: Shop) -> None:
    event = shop.put("exact.numbers", "Numbers", {"large": 12345678901234567890})
    page = console.visit(f"/events/{event}")
    expect(page.get_by_role("region", name="event", exact=True).last).to_contain_text("12345678901234567890")


def test_a_large_value_is_shown_in_part(console: Console, shop: Shop) -> None:
    event = shop.put("large.value", "Large", {"text": "x" * 150_000, "list": list(range(5000))})
    page = console.visit(f"/events/{event}")
    view = page.get_by_role("region", name="event", exact=True).last
    more = view.get_by_role("button", name=re.compile("148 KB more"))
    expect(more).to_be_visible()
    assert len(view.inner_text()) < 60_000
    more.click()
    expect(view.get_by_text("copy to see all")).to_be_visible()


def test_an_event_that_is_not_in_the_history_says_so(console: Console) -> None:
    console.ignore = ["400", "404"]
    page = console.visit("/events/01a20b71-ce59-7dcd-9081-7a758baf3fd1")
    expect(page.get_by_role("alert").first).to_be_visible()


def test_it_fits_and_is_accessible(look: Console, shop: Shop, typo: str) -> None:
    event = shop.put("parcel.send", "Parcel", {"carrier": "snail"})
    page = look.visit(f"/events/{event}")
    expect(page.locator(".rule").first).to_be_visible()
    look.settled()
    assert look.fits()
    assert look.violations() == []
    look.visit(f"/events/{shop.place_order()}")
    expect(page.get_by_text("OrderCreatedRule →")).to_be_visible()
    look.settled()
    assert look.fits()
    assert look.violations() == []
