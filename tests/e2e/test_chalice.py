"""Chalice deploys functions with their events by direct calls, updates them, and deletes them."""

from __future__ import annotations

import importlib.util
import shutil
from functools import partial
from pathlib import Path

import pytest
from tools import run_tool

from nodes import RunningNode
from waiting import wait_for

SOURCE = Path(__file__).parent / "chalice-app"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("chalice") is None, reason="Chalice is not installed"
)


def test_events_reach_their_functions_and_everything_is_deleted(node: RunningNode, tmp_path: Path) -> None:
    folder = shutil.copytree(SOURCE, tmp_path / "app")
    s3, sqs, sns, events = (node.client(name) for name in ("s3", "sqs", "sns", "events"))
    s3.create_bucket(Bucket="chalice-files")
    queue = sqs.create_queue(QueueName="chalice-orders")["QueueUrl"]
    topic = sns.create_topic(Name="chalice-news")["TopicArn"]

    def chalice(*arguments: str) -> str:
        return run_tool(node, ["chalice", *arguments], folder, {}, seconds=120)

    chalice("deploy")
    source = folder / "app.py"
    source.write_text(source.read_text().replace('print("', 'print("new '))
    assert "Updating lambda function: shop-dev-on_object" in chalice("deploy")

    s3.put_object(Bucket="chalice-files", Key="in/a b", Body=b"")
    sqs.send_message(QueueUrl=queue, MessageBody="tea")
    sns.publish(TopicArn=topic, Message="hello")
    events.put_events(Entries=[{"Source": "shop", "DetailType": "OrderPlaced", "Detail": '{"item": "tea"}'}])
    expected = {
        "on_object": "new object in/a b",
        "on_message": "new message ['tea']",
        "on_news": "new news hello",
        "on_event": "new event {'item': 'tea'}",
    }
    for function, text in expected.items():
        wait_for(partial(has_printed, node, function, text))

    chalice("delete")
    assert node.client("lambda").list_functions()["Functions"] == []
    assert s3.get_bucket_notification_configuration(Bucket="chalice-files").keys() == {"ResponseMetadata"}
    assert events.list_rules()["Rules"] == []
    assert node.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert sns.list_subscriptions()["Subscriptions"] == []


def has_printed(node: RunningNode, function: str, text: str) -> bool:
    logs = node.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/shop-dev-{function}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return False
    return any(text in event["message"] for event in found)
