"""Dead letters are shown with their reason and redriven, one or all; messages are sent, seen and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console_rig import Console, Shop
from waiting import wait_for

TARGET, DEAD = "late-target", "late-letters"


@pytest.fixture
def dead_letters(shop: Shop) -> Iterator[str]:
    """Three events that a rule gave up because its target queue was not there; the queue is there now. Its URL."""
    events, sqs = shop.node.client("events"), shop.node.client("sqs")
    dead = sqs.create_queue(QueueName=DEAD)["QueueUrl"]
    dead_arn = _arn(sqs, dead)
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"Policy": _policy(dead_arn)})
    events.put_rule(Name="late", EventPattern='{"source": ["late.shop"]}')
    target_arn = dead_arn.replace(DEAD, TARGET)
    target = {
        "Id": "queue",
        "Arn": target_arn,
        "DeadLetterConfig": {"Arn": dead_arn},
        "RetryPolicy": {"MaximumRetryAttempts": 0},
    }
    events.put_targets(Rule="late", Targets=[target])
    for number in range(3):
        shop.put("late.shop", "Late", {"number": number})
    count = "ApproximateNumberOfMessages"
    asked = {"QueueUrl": dead, "AttributeNames": [count]}
    wait_for(lambda: sqs.get_queue_attributes(**asked)["Attributes"][count] == "3")
    url = sqs.create_queue(QueueName=TARGET, Attributes={"Policy": _policy(target_arn)})["QueueUrl"]
    yield url
    events.remove_targets(Rule="late", Ids=["queue"])
    events.delete_rule(Name="late")
    for one in (url, dead):
        sqs.delete_queue(QueueUrl=one)


def _arn(sqs: Any, url: str) -> str:
    reply = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(reply["Attributes"]["QueueArn"])


def _policy(arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _depth(page: Page, name: str = "Visible") -> Any:
    return expect(page.locator(".stat", has_text=name).locator("dd"))


def _received(shop: Shop, url: str) -> list[int]:
    messages: list[int] = []
    while True:
        reply = shop.node.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        if not reply.get("Messages"):
            return sorted(messages)
        messages += [json.loads(one["Body"])["detail"]["number"] for one in reply["Messages"]]


def test_one_dead_letter_and_then_all_are_redriven(console: Console, shop: Shop, dead_letters: str) -> None:
    page = console.visit("/queues")
    page.get_by_role("row", name=DEAD).get_by_role("link", name=DEAD).click()
    _depth(page).to_have_text("3")
    row = page.get_by_role("table", name="Messages").locator("tbody tr").first
    expect(row).to_contain_text("NO_RESOURCE")
    expect(row.get_by_role("link", name="late", exact=True)).to_be_visible()
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Redrive chosen").click()
    page.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    _depth(page).to_have_text("2")
    page.get_by_role("button", name="Redrive all").click()
    page.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    _depth(page).to_have_text("0")
    expect(page.get_by_text("No dead letters")).to_be_visible()
    assert _received(shop, dead_letters) == [0, 1, 2]


def test_a_dead_letter_tells_all_and_leads_to_its_event(
    console: Console, shop: Shop, dead_letters: str
) -> None:
    page = console.visit(f"/queues/{DEAD}")
    page.get_by_role("table", name="Messages").locator("tbody tr").first.locator("td").nth(1).click()
    message = page.get_by_role("region", name="Message", exact=True)
    expect(message).to_contain_text("late-target")
    expect(message).to_contain_text('"source": "late.shop"')
    assert console.violations() == []
    message.get_by_role("link").filter(has_text="-").last.click()
    expect(page.locator("h1")).to_have_text("Late")


def test_messages_are_sent_seen_without_a_receive_and_deleted(console: Console, shop: Shop) -> None:
    sqs = shop.node.client("sqs")
    url = sqs.create_queue(QueueName="by-hand")["QueueUrl"]
    try:
        page = console.visit("/queues/by-hand")
        expect(page.get_by_text("No messages")).to_be_visible()
        page.get_by_role("button", name="Send a message").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Body").fill("hello from the console")
        dialog.get_by_role("button", name="Send", exact=True).click()
        _depth(page).to_have_text("1")
        row = page.get_by_role("table", name="Messages").locator("tbody tr")
        expect(row).to_contain_text("hello from the console")
        (message,) = sqs.receive_message(
            QueueUrl=url, VisibilityTimeout=0, AttributeNames=["ApproximateReceiveCount"]
        )["Messages"]
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Delete chosen").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("No messages")).to_be_visible()
    finally:
        sqs.delete_queue(QueueUrl=url)
