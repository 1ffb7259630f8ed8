"""What clients of the node stored with markup, scripts and control characters is text on every page, and no link."""

from __future__ import annotations

import json
import time
from urllib.parse import quote
from uuid import uuid4

import pytest

from console_rig import Console, Shop

MARKUP = '"><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
TEXT = f"javascript:alert(1) {MARKUP} \u202e\u0007"
NAME = f"hostile-{uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def stored(shop: Shop) -> dict[str, str]:
    """Puts hostile texts wherever they fit; the path of each page that shows some."""
    client = shop.node.client
    rule, sqs, logs = client("events"), client("sqs"), client("logs")
    rule.put_rule(Name=NAME, EventPattern=json.dumps({"source": ["x", TEXT], MARKUP: [1]}), Description=TEXT)
    event_id = shop.put("x", TEXT[:120], {"text": TEXT, MARKUP: {"half": "\ud800", "deep": [[[[TEXT]]]]}})
    url = sqs.create_queue(QueueName=NAME)["QueueUrl"]
    bodies = (MARKUP, "a" * 200_000, json.dumps({"id": TEXT, "detail-type": TEXT}))
    said = {"RULE_ARN": TEXT, "TARGET_ARN": "javascript:alert(1)", "ERROR_MESSAGE": MARKUP, "ERROR_CODE": "²"}
    for body in bodies:
        texts = {
            name: {"DataType": "String", "StringValue": text.replace("\u0007", "")}
            for name, text in said.items()
        }
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=texts)
    logs.create_log_group(logGroupName=NAME)
    logs.create_log_stream(logGroupName=NAME, logStreamName=NAME)
    lines = (
        TEXT,
        "\x1b[31m" + MARKUP,
        json.dumps({"message": TEXT, MARKUP: "\ud800"}),
        f"START RequestId: {MARKUP}",
        "x" * 200_000,
    )
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=NAME,
        logStreamName=NAME,
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )
    template = {
        "Description": TEXT[:900].replace("\u0007", ""),
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Metadata": {"x": MARKUP}}},
        "Outputs": {"Out": {"Value": "javascript:alert(1)", "Description": MARKUP}},
    }
    stacks = client("cloudformation")
    stacks.create_stack(StackName=NAME, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return {
        "/": "", "/map": "", "/events": "img src", f"/events/{event_id}": "img src", "/rules": NAME, "/logs": NAME,
        f"/logs?group={NAME}": "img src", "/queues": NAME, f"/queues/{NAME}": "img src", "/stacks": NAME,
        f"/stacks/{NAME}": "img src", "/access": "", "/replay": "", "/send": "", "/patterns": "", "/functions": "",
        f"/events?source={quote(MARKUP)}&detail_type={quote(TEXT)}&text={quote(MARKUP)}": "",
        f"/map?search={quote(MARKUP)}&node={quote('javascript:alert(1)')}": "",
        f"/events/{quote(MARKUP, safe='')}": "", f"/queues/{quote(MARKUP, safe='')}": "",
        f"/functions/{quote(MARKUP, safe='')}": "", f"/stacks/{quote(MARKUP, safe='')}": "",
        f"/?account={quote(MARKUP)}&region={quote(MARKUP)}": "", "//evil.example/x": "", "/%2F%2Fevil.example": "",
    }  # fmt: skip


def test_what_is_stored_is_text_on_every_page(console: Console, stored: dict[str, str]) -> None:
    console.ignore = ["status of 4"]
    page = console.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for path, shown in stored.items():
        page.goto(console.address(path))
        page.locator("main, .center-screen").first.wait_for()
        if shown:
            page.locator("main").get_by_text(shown).first.wait_for()
        else:
            console.settled()
        assert page.title() != "owned", path
        found = page.evaluate(
            """() => [...document.querySelectorAll('img, script, a[href], iframe, form')]
                 .map(one => one.src || one.href || one.action || '')"""
        )
        own = f"http://nightbus.localhost:{console.port}/_nightbus/console"
        assert [one for one in found if one and not one.startswith(own)] == [], path
    assert [
        one for one in asked if not one.startswith(f"http://nightbus.localhost:{console.port}/_nightbus/")
    ] == []
