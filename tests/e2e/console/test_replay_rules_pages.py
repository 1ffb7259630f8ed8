"""Replays of chosen events and of an archive; rules are switched off and on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from console_rig import Console, Shop
from waiting import wait_for


@pytest.fixture
def rule(shop: Shop) -> Iterator[str]:
    """A rule with a queue as its target; the queue's URL."""
    events, sqs = shop.node.client("events"), shop.node.client("sqs")
    url = sqs.create_queue(QueueName="replayed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_rule(Name="again", EventPattern='{"source": ["replayed.shop"]}')
    events.put_targets(Rule="again", Targets=[{"Id": "queue", "Arn": arn}])
    yield url
    events.remove_targets(Rule="again", Ids=["queue"])
    events.delete_rule(Name="again")
    sqs.delete_queue(QueueUrl=url)


def _numbers(shop: Shop, url: str, count: int) -> list[int]:
    """Take the messages from the queue until there are `count`, and whatever is there besides."""
    sqs = shop.node.client("sqs")
    found: list[int] = []

    def take() -> bool:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for one in messages:
            found.append(json.loads(one["Body"])["detail"]["number"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return len(found) >= count and not messages

    wait_for(take)
    return sorted(found)


def test_chosen_events_are_replayed_to_one_rule(console: Console, shop: Shop, rule: str) -> None:
    for number in (1, 2, 3):
        shop.put("replayed.shop", "Replayed", {"number": number})
    assert _numbers(shop, rule, 3) == [1, 2, 3]
    page = console.visit("/replay?text=replayed.shop")
    rows = page.get_by_role("table", name="Recent events").locator("tbody tr")
    expect(rows).to_have_count(3)
    rows.nth(0).get_by_role("checkbox").check()
    rows.nth(2).get_by_role("checkbox").check()
    page.get_by_label("To", exact=True).select_option(label="again")
    page.get_by_role("button", name="Replay", exact=True).click()
    outcomes = page.get_by_role("status", name="What was replayed").get_by_role("listitem")
    expect(outcomes).to_have_count(2)
    expect(outcomes.first).to_contain_text("to again")
    assert _numbers(shop, rule, 2) == [1, 3]


def test_an_archive_is_replayed_and_its_progress_shown(console: Console, shop: Shop, rule: str) -> None:
    events = shop.node.client("events")
    bus = events.describe_event_bus()["Arn"]
    events.create_archive(
        ArchiveName="kept", EventSourceArn=bus, EventPattern='{"source": ["replayed.shop"]}'
    )
    try:
        shop.put("replayed.shop", "Replayed", {"number": 9})
        assert _numbers(shop, rule, 1) == [9]
        page = console.visit("/replay")
        page.get_by_role("row", name="kept").get_by_role("button", name="Replay…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("checkbox", name="again").check()
        assert console.violations() == []
        dialog.get_by_role("button", name="Start replay").click()
        replay = page.get_by_role("table", name="Replays").locator("tbody tr").first
        expect(replay).to_contain_text("COMPLETED", timeout=30_000)
        expect(replay).to_contain_text("100 %")
        assert _numbers(shop, rule, 1) == [9]
    finally:
        events.delete_archive(ArchiveName="kept")


def test_a_rule_is_found_switched_off_and_on(console: Console, shop: Shop, rule: str) -> None:
    events = shop.node.client("events")
    page = console.visit("/rules")
    page.get_by_label("Search rules").fill("replayed.shop")
    expect(page.locator(".unfold")).to_have_count(1)
    page.get_by_role("button", name="again").click()
    expect(page.get_by_role("region", name="Pattern")).to_contain_text("replayed.shop")
    page.get_by_role("button", name="Disable").click()
    expect(page.locator(".unfold-head")).to_contain_text("disabled")
    assert events.describe_rule(Name="again")["State"] == "DISABLED"
    page.get_by_role("button", name="Enable").click()
    expect(page.locator(".unfold-head")).to_contain_text("enabled")
    page.locator(".unfold-head").get_by_role("link", name="replayed").click()
    expect(page.locator("h1")).to_have_text("replayed")
