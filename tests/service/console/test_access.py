"""Tests what the API shows of refused requests and of the audit trail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from console_api import ApiError, ConsoleApi
from nodes import RunningNode
from users import ACCOUNT, User
from waiting import wait_for

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:refused"


@pytest.fixture(scope="module")
def refused(api_node: RunningNode) -> str:
    """The id of a refused request."""
    url = api_node.client("sqs").create_queue(QueueName="refused")["QueueUrl"]
    sender = User(api_node, "reader", ("sqs:ReceiveMessage", QUEUE)).client("sqs")
    with pytest.raises(ClientError) as error:
        sender.send_message(QueueUrl=url, MessageBody="x")
    return str(error.value.response["ResponseMetadata"]["RequestId"])


def test_a_refusal_is_listed_and_found_by_its_text(api: Callable[..., ConsoleApi], refused: str) -> None:
    [row] = api().get("/access/refusals", text="SENDMESSAGE")["refusals"]
    assert (row["id"], row["action"], row["resource"]) == (refused, "sqs:SendMessage", QUEUE)
    assert row["principal"] == f"arn:aws:iam::{ACCOUNT}:user/reader"
    assert row["why"] == "because no identity-based policy allows the sqs:SendMessage action"
    assert row["enforced"] is True
    assert api().get("/access/refusals", text="nothing has this")["refusals"] == []
    assert api(account="999999999999").get("/access/refusals")["refusals"] == []


def test_refusals_come_page_by_page(api: Callable[..., ConsoleApi], api_node: RunningNode) -> None:
    url = api_node.client("sqs").create_queue(QueueName="paged")["QueueUrl"]
    sender = User(api_node, "paged", ("sqs:ReceiveMessage", QUEUE)).client("sqs")
    for _ in range(3):
        with pytest.raises(ClientError):
            sender.send_message(QueueUrl=url, MessageBody="x")
    first = api().get("/access/refusals", text="user/paged", limit=2)
    second = api().get("/access/refusals", text="user/paged", limit=2, next=first["next"])
    assert (len(first["refusals"]), len(second["refusals"]), second["next"]) == (2, 1, None)
    assert first["refusals"][1]["time"] >= second["refusals"][0]["time"]
    assert len({one["id"] for one in first["refusals"] + second["refusals"]}) == 3


def test_one_refusal_with_the_statement_that_would_allow_it(
    api: Callable[..., ConsoleApi], refused: str
) -> None:
    found = api().get(f"/access/refusals/{refused}")
    assert found["statement"] == {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}
    assert found["add_to"] == {"user": "reader"}
    assert {one["verdict"] for one in found["policies"]} == {"implicitDeny"}
    assert (found["effect"], found["request_id"]) == ("implicitDeny", refused)
    with pytest.raises(ApiError) as error:
        api().get("/access/refusals/none")
    assert error.value.status == 404


def test_the_trail_shows_changes_and_on_demand_reads(
    api: Callable[..., ConsoleApi], api_node: RunningNode
) -> None:
    sqs = api_node.client("sqs", account="838383838383")
    trail = api(account="838383838383")
    url = sqs.create_queue(QueueName="recorded")["QueueUrl"]
    api_node.client("events", account="838383838383").list_rules()
    with pytest.raises(ClientError):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "x"})

    def names(**query: Any) -> list[str]:
        return [one["name"] for one in trail.get("/access/trail", **query)["events"]]

    assert wait_for(lambda: names() == ["SetQueueAttributes", "CreateQueue"])
    assert names(reads="all") == ["SetQueueAttributes", "ListRules", "CreateQueue"]
    assert names(text="CREATEQUEUE") == ["CreateQueue"]
    failed, made = trail.get("/access/trail")["events"]
    assert (failed["error"], made["error"]) == ("InvalidAttributeValue", "")
    assert (made["service"], made["resource"]) == ("sqs", "arn:aws:sqs:us-east-1:838383838383:recorded")
    assert made["record"]["requestParameters"] == {"queueName": "recorded"}
    page = trail.get("/access/trail", limit=1)
    assert [one["name"] for one in trail.get("/access/trail", next=page["next"])["events"]] == ["CreateQueue"]


def test_what_the_console_does_is_recorded(api: Callable[..., ConsoleApi], api_node: RunningNode) -> None:
    console = api(account="848484848484")
    api_node.client("sqs", account="848484848484").create_queue(QueueName="purged")
    console.post("/queues/purged/delete", {"messages": "all"})
    [call] = wait_for(lambda: console.get("/access/trail", text="PurgeQueue")["events"])
    assert call["record"]["userAgent"] == "nightbus-console"
    assert json.loads(json.dumps(call["record"]))["userIdentity"]["type"] == "Root"
