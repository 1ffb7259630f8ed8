"""Stacks lead to their resources' pages; a refused request shows the statement that would allow it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from playwright.sync_api import Route, expect

from console_rig import STACK, Console, Shop


def test_a_stack_s_resources_lead_to_their_pages(console: Console, shop: Shop) -> None:
    page = console.visit("/stacks")
    page.get_by_role("link", name=STACK, exact=True).click()
    resources = page.get_by_role("table", name="Resources")
    resources.get_by_role("link", name="InvoiceFunction", exact=True).click()
    expect(page.locator("h1")).to_have_text(shop.outputs["InvoiceFunction"])
    page.go_back()
    resources.get_by_role("link", name="FailedOrders", exact=True).click()
    expect(page.locator("h1")).to_contain_text("FailedOrders")
    page.go_back()
    resources.get_by_role("link", name="OrderCreatedRule", exact=True).click()
    expect(page.locator(".unfold-body")).to_contain_text("demo.orders")


def test_a_stack_shows_events_outputs_and_template(console: Console, shop: Shop) -> None:
    page = console.visit(f"/stacks/{STACK}")
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_role("table", name="Events of the stack")).to_contain_text("CREATE_COMPLETE")
    page.get_by_role("tab", name="Outputs and parameters").click()
    expect(page.get_by_text(shop.outputs["OrderFunction"])).to_be_visible()
    page.get_by_role("tab", name="Template").click()
    expect(page.get_by_text("Orders become invoices over an event bus.").last).to_be_visible()


@pytest.fixture
def refused(shop: Shop) -> Iterator[str]:
    """A user who was refused to send a message; the name."""
    iam = shop.node.client("iam")
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]
    sqs = boto3.client(
        "sqs",
        endpoint_url=shop.node.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.create_queue(QueueName="not-for-mallory")
    yield "mallory"
    iam.delete_access_key(UserName="mallory", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="mallory")


def test_a_refusal_shows_why_and_the_statement_that_would_allow_it(console: Console, refused: str) -> None:
    page = console.visit("/access")
    row = (
        page.get_by_role("table", name="Refused requests")
        .locator("tbody tr", has_text=f"user/{refused}")
        .first
    )
    row.get_by_role("link", name="sqs:CreateQueue").click()
    expect(page.locator("h1")).to_have_text("sqs:CreateQueue")
    statement = page.get_by_role("region", name="Statement")
    expect(statement).to_contain_text('"Action": "sqs:CreateQueue"')
    expect(statement).to_contain_text("not-for-mallory")
    assert console.violations() == []


def test_the_trail_is_searched(console: Console, shop: Shop) -> None:
    shop.node.client("events").put_rule(Name="seen-in-the-trail", EventPattern=json.dumps({"source": ["x"]}))
    shop.node.client("events").delete_rule(Name="seen-in-the-trail")
    page = console.visit("/access?tab=trail&text=seen-in-the-trail")
    rows = page.get_by_role("table", name="Audit trail").locator("tbody tr")
    expect(rows.first).to_contain_text("DeleteRule")
    rows.first.locator("td").nth(1).click()
    expect(page.get_by_role("region", name="Record")).to_contain_text('"eventName": "DeleteRule"')


@pytest.mark.parametrize(
    ("path", "limit", "table"),
    [("/access?tab=trail&reads=all", "200", "Audit trail"), ("/functions", "1000", "Functions")],
)
def test_a_list_that_is_not_whole_says_so_and_goes_on(
    console: Console, path: str, limit: str, table: str
) -> None:
    page = console.page
    page.route("**/_nightbus/api/**", lambda route: route.continue_(url=_with_pages_of_one(route, limit)))
    console.visit(path)
    rows = page.get_by_role("table", name=table).locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(page.get_by_text("and there are more")).to_be_visible()
    page.get_by_role("button", name="Load more").click()
    expect(rows).to_have_count(2)


def _with_pages_of_one(route: Route, limit: str) -> str:
    return route.request.url.replace(f"limit={limit}", "limit=1")
