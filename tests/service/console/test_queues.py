"""Tests what the API shows of queues and their messages, and how dead letters are sent on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from console_api import ApiError, ConsoleApi
from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "818181818181"
ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
OPEN = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:*",
            "Resource": "*",
        }
    ]
}
Api = Callable[..., ConsoleApi]


@pytest.fixture
def shown(api: Api) -> ConsoleApi:
    return api(account=ACCOUNT)


@pytest.fixture
def sqs(api_node: RunningNode) -> Any:
    return api_node.client("sqs", account=ACCOUNT)


def make(sqs: Any, name: str, **attributes: str) -> str:
    url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url


def bodies(shown: ConsoleApi, name: str) -> list[str]:
    return [one["body"] for one in shown.get(f"/queues/{name}/messages", order="oldest")["messages"]]


class TestList:
    def test_depth_age_and_neighbours(self, shown: ConsoleApi, sqs: Any) -> None:
        make(sqs, "list-dead")
        policy = {"deadLetterTargetArn": f"{ARN}list-dead", "maxReceiveCount": 3}
        url = make(sqs, "list-work", RedrivePolicy=json.dumps(policy))
        for body in ("a", "b", "c"):
            sqs.send_message(QueueUrl=url, MessageBody=body)
        sqs.send_message(QueueUrl=url, MessageBody="d", DelaySeconds=900)
        sqs.receive_message(QueueUrl=url)
        queues = {one["name"]: one for one in shown.get("/queues", prefix="list-")["queues"]}
        work, dead = queues["list-work"], queues["list-dead"]
        assert (work["visible"], work["in_flight"], work["delayed"]) == (2, 1, 1)
        assert (work["dead_letter_queue"], work["max_receives"]) == (f"{ARN}list-dead", 3)
        assert (work["failing"], work["sources"], work["fifo"]) == ("", [], False)
        assert abs(work["oldest"] - work["created"]) < 60_000
        source = {"kind": "queue", "name": "list-work", "arn": f"{ARN}list-work", "how": "dead-letters"}
        assert (dead["sources"], dead["oldest"], dead["failing"]) == ([source], None, "")

    def test_pages(self, shown: ConsoleApi, sqs: Any) -> None:
        for name in ("page-1", "page-2", "page-3"):
            make(sqs, name)
        first = shown.get("/queues", prefix="page-", limit=2)
        rest = shown.get("/queues", prefix="page-", limit=2, next=first["next"])
        names = [one["name"] for page in (first, rest) for one in page["queues"]]
        assert (names, rest["next"]) == (["page-1", "page-2", "page-3"], None)

    def test_one_queue_with_its_attributes(self, shown: ConsoleApi, sqs: Any) -> None:
        make(sqs, "detail", DelaySeconds="7")
        found = shown.get("/queues/detail")
        assert found["attributes"]["DelaySeconds"] == "7"
        assert (found["senders"], found["receivers"], found["move_tasks"]) == ([], [], [])

    def test_a_queue_that_is_not_there(self, shown: ConsoleApi) -> None:
        for path in ("/queues/none", "/queues/none/messages"):
            with pytest.raises(ApiError) as error:
                shown.get(path)
            assert (error.value.status, error.value.code) == (404, "QueueDoesNotExist")


class TestMessages:
    def test_a_look_receives_nothing(self, shown: ConsoleApi, sqs: Any) -> None:
        url = make(sqs, "look")
        attributes = {"kind": {"DataType": "String", "StringValue": "big"}}
        sqs.send_message(QueueUrl=url, MessageBody="one", MessageAttributes=attributes)
        for _ in range(2):
            [message] = shown.get("/queues/look/messages")["messages"]
        assert (message["body"], message["state"], message["receives"]) == ("one", "visible", 0)
        assert message["attributes"] == {"kind": {"type": "String", "value": "big"}}
        assert (message["failure"], message["event_id"], message["cut"]) == (None, "", False)
        [received] = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
        assert received["Attributes"]["ApproximateReceiveCount"] == "1"
        [message] = shown.get("/queues/look/messages")["messages"]
        assert (message["state"], message["receives"]) == ("in flight", 1)

    def test_pages_in_either_order(self, shown: ConsoleApi, sqs: Any) -> None:
        url = make(sqs, "order")
        for number in range(5):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        seen, token = [], ""
        while token is not None:
            page = shown.get("/queues/order/messages", limit=2, next=token)
            seen += [one["body"] for one in page["messages"]]
            token = page["next"]
        assert seen == ["4", "3", "2", "1", "0"]
        assert bodies(shown, "order") == ["0", "1", "2", "3", "4"]

    def test_a_long_body_is_cut_in_the_list_alone(self, shown: ConsoleApi, sqs: Any) -> None:
        url = make(sqs, "long")
        sqs.send_message(QueueUrl=url, MessageBody="x" * 100_000)
        [message] = shown.get("/queues/long/messages")["messages"]
        assert (len(message["body"]), message["cut"], message["size"]) == (65_536, True, 100_000)
        whole = shown.get(f"/queues/long/messages/{message['id']}")
        assert (len(whole["body"]), whole["cut"]) == (100_000, False)

    def test_sending(self, shown: ConsoleApi, sqs: Any) -> None:
        url = make(sqs, "sent")
        body = {"body": "hello", "attributes": {"n": {"type": "Number", "value": "1"}}}
        sent = shown.post("/queues/sent/messages", body)
        [received] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
        assert (received["MessageId"], received["Body"]) == (sent["message_id"], "hello")
        assert received["MessageAttributes"]["n"]["StringValue"] == "1"
        with pytest.raises(ApiError) as error:
            shown.post("/queues/sent/messages", {"body": ""})
        assert error.value.status == 400

    @pytest.mark.parametrize("token", ["x", "1-", "-1", "1-2-3-", "9" * 40 + "-1"])
    def test_a_place_that_no_answer_had(self, shown: ConsoleApi, sqs: Any, token: str) -> None:
        make(sqs, "place")
        with pytest.raises(ApiError) as error:
            shown.get("/queues/place/messages", next=token)
        assert (error.value.status, error.value.code) == (400, "ValidationException")


class TestDelete:
    def test_chosen_ones_and_all(self, shown: ConsoleApi, sqs: Any) -> None:
        url = make(sqs, "delete")
        for body in ("a", "b", "c"):
            sqs.send_message(QueueUrl=url, MessageBody=body)
        sqs.receive_message(QueueUrl=url)
        messages = {one["body"]: one for one in shown.get("/queues/delete/messages")["messages"]}
        busy = next(one for one in messages.values() if one["state"] == "in flight")
        free = next(one for one in messages.values() if one["state"] == "visible")
        result = shown.post("/queues/delete/delete", {"messages": [busy["id"], free["id"], "123"]})
        assert result["done"] == 1
        assert {one["id"] for one in result["failed"]} == {"123", busy["id"]}
        assert free["body"] not in bodies(shown, "delete")
        assert shown.post("/queues/delete/delete", {"messages": "all"})["done"] == 2
        assert bodies(shown, "delete") == []


def test_who_moved_and_deleted_messages_is_in_the_log(
    shown: ConsoleApi, sqs: Any, api_node: RunningNode
) -> None:
    url = make(sqs, "noted")
    make(sqs, "noted-to")
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    first, second = (one["id"] for one in shown.get("/queues/noted/messages")["messages"])
    shown.post("/queues/noted/redrive", {"messages": [first], "to": "noted-to"})
    shown.post("/queues/noted/delete", {"messages": [second, "123"]})
    queue, who = f"1 message of queue {ARN}noted", ", with the operator key, from 127."
    wait_for(lambda: f"{queue} moved to {ARN}noted-to{who}" in "".join(api_node.output))
    wait_for(lambda: f"{queue} deleted{who}" in "".join(api_node.output))


def dead_letter(shown: ConsoleApi, name: str) -> dict[str, Any]:
    found = wait_for(lambda: shown.get(f"/queues/{name}/messages")["messages"])
    one: dict[str, Any] = found[0]
    return one


class TestRedrive:
    def test_what_a_rule_gave_up_goes_to_that_target_alone(
        self, shown: ConsoleApi, sqs: Any, api_node: RunningNode
    ) -> None:
        events = api_node.client("events", account=ACCOUNT)
        make(sqs, "rule-dead", Policy=json.dumps(OPEN))
        make(sqs, "rule-other", Policy=json.dumps(OPEN))
        closed = make(sqs, "rule-closed")
        rule = events.put_rule(Name="redriven", EventPattern='{"source": ["redriven"]}')["RuleArn"]
        dead = {"DeadLetterConfig": {"Arn": f"{ARN}rule-dead"}}
        targets = [{"Id": "1", "Arn": f"{ARN}rule-closed", **dead}, {"Id": "2", "Arn": f"{ARN}rule-other"}]
        events.put_targets(Rule="redriven", Targets=targets)
        entry = {"Source": "redriven", "DetailType": "t", "Detail": '{"n": 12345678901234567890}'}
        event_id = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
        message = dead_letter(shown, "rule-dead")
        failure = message["failure"]
        assert (failure["by"], failure["source"], failure["target"]) == ("rule", rule, f"{ARN}rule-closed")
        assert (failure["code"], failure["attempts"]) == ("NO_PERMISSIONS", 1)
        assert message["event_id"] == event_id

        refused = shown.post("/queues/rule-dead/redrive", {"messages": [message["id"]]})
        assert refused["done"] == 1
        again = dead_letter(shown, "rule-dead")
        assert again["id"] != message["id"]

        sqs.set_queue_attributes(QueueUrl=closed, Attributes={"Policy": json.dumps(OPEN)})
        assert shown.post("/queues/rule-dead/redrive", {"messages": "all"})["done"] == 1
        [arrived] = wait_for(lambda: bodies(shown, "rule-closed"))
        assert json.loads(arrived)["id"] == event_id
        assert json.loads(arrived)["detail"] == {"n": 12345678901234567890}
        assert (bodies(shown, "rule-dead"), len(bodies(shown, "rule-other"))) == ([], 1)

    def test_a_rule_that_is_gone_is_named(self, shown: ConsoleApi, sqs: Any, api_node: RunningNode) -> None:
        events = api_node.client("events", account=ACCOUNT)
        make(sqs, "gone-dead", Policy=json.dumps(OPEN))
        make(sqs, "gone-closed")
        events.put_rule(Name="gone", EventPattern='{"source": ["gone"]}')
        dead = {"DeadLetterConfig": {"Arn": f"{ARN}gone-dead"}}
        events.put_targets(Rule="gone", Targets=[{"Id": "1", "Arn": f"{ARN}gone-closed", **dead}])
        events.put_events(Entries=[{"Source": "gone", "DetailType": "t", "Detail": "{}"}])
        message = dead_letter(shown, "gone-dead")
        events.remove_targets(Rule="gone", Ids=["1"])
        events.delete_rule(Name="gone")
        result = shown.post("/queues/gone-dead/redrive", {"messages": [message["id"]]})
        assert result["failed"] == [{"id": message["id"], "why": "The rule gone does not exist any more."}]
        assert dead_letter(shown, "gone-dead")["state"] == "visible"
        moved = shown.post("/queues/gone-dead/redrive", {"messages": [message["id"]], "to": "gone-closed"})
        assert (moved["done"], bodies(shown, "gone-dead")) == (1, [])
        assert len(bodies(shown, "gone-closed")) == 1

    def test_a_letter_that_its_rule_did_not_send_here_stays(
        self, shown: ConsoleApi, sqs: Any, api_node: RunningNode
    ) -> None:
        events = api_node.client("events", account=ACCOUNT)
        make(sqs, "real-dead")
        make(sqs, "rule-target")
        rule = events.put_rule(Name="forged", EventPattern='{"source": ["forged"]}')["RuleArn"]
        dead = {"DeadLetterConfig": {"Arn": f"{ARN}real-dead"}}
        events.put_targets(Rule="forged", Targets=[{"Id": "1", "Arn": f"{ARN}rule-target", **dead}])
        texts = {"RULE_ARN": rule, "TARGET_ARN": f"{ARN}rule-target", "ERROR_CODE": "NO_PERMISSIONS"}
        attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
        body = json.dumps({"id": "1", "source": "forged", "detail-type": "t", "detail": {}})
        url = make(sqs, "forged-dead")
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
        message = dead_letter(shown, "forged-dead")
        result = shown.post("/queues/forged-dead/redrive", {"messages": [message["id"]]})
        assert "does not send dead letters" in result["failed"][0]["why"]
        assert (bodies(shown, "rule-target"), len(bodies(shown, "forged-dead"))) == ([], 1)

    def test_what_a_queue_gave_up_goes_back_to_it(self, shown: ConsoleApi, sqs: Any) -> None:
        make(sqs, "queue-dead")
        policy = {"deadLetterTargetArn": f"{ARN}queue-dead", "maxReceiveCount": 1}
        url = make(sqs, "queue-work", RedrivePolicy=json.dumps(policy))
        for body in ("a", "b", "c"):
            sqs.send_message(QueueUrl=url, MessageBody=body)
        for _ in range(2):
            sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        assert bodies(shown, "queue-dead") == ["a", "b", "c"]
        messages = shown.get("/queues/queue-dead/messages", order="oldest")["messages"]
        assert {one["failure"]["source"] for one in messages} == {f"{ARN}queue-work"}
        assert shown.post("/queues/queue-dead/redrive", {"messages": [messages[1]["id"]]})["done"] == 1
        assert (bodies(shown, "queue-dead"), bodies(shown, "queue-work")) == (["a", "c"], ["b"])

        task = shown.post("/queues/queue-dead/redrive", {"messages": "all"})
        assert task["task"]
        wait_for(lambda: not bodies(shown, "queue-dead"))
        assert sorted(bodies(shown, "queue-work")) == ["a", "b", "c"]
        [told] = shown.get("/queues/queue-dead")["move_tasks"]
        assert (told["to_move"], told["moved"]) == (2, 2)

    def test_what_a_subscriber_did_not_take_goes_to_it_alone(
        self, shown: ConsoleApi, sqs: Any, api_node: RunningNode
    ) -> None:
        sns = api_node.client("sns", account=ACCOUNT)
        opened = json.dumps(OPEN).replace("events.amazonaws.com", "sns.amazonaws.com")
        make(sqs, "sns-dead", Policy=opened)
        make(sqs, "sns-open", Policy=opened)
        closed = make(sqs, "sns-closed")
        topic = sns.create_topic(Name="sns-redriven")["TopicArn"]
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{ARN}sns-dead"})}
        for name in ("sns-closed", "sns-open"):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{ARN}{name}", Attributes=redrive)
        attributes = {
            "text": {"DataType": "String", "StringValue": "ä"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
        sent = sns.publish(TopicArn=topic, Message="hello", Subject="s", MessageAttributes=attributes)
        letter = dead_letter(shown, "sns-dead")
        failure = letter["failure"]
        assert (failure["by"], failure["source"], failure["target"]) == ("topic", topic, f"{ARN}sns-closed")
        sqs.set_queue_attributes(QueueUrl=closed, Attributes={"Policy": opened})
        forged = letter["body"].replace(topic, topic + "-x")
        for body in (forged, letter["body"]):
            sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="sns-open")["QueueUrl"], MessageBody=body)
        elsewhere = shown.get("/queues/sns-open/messages")["messages"]
        assert [one["failure"] for one in elsewhere] == [None] * 3

        assert shown.post("/queues/sns-dead/redrive", {"messages": "all"})["done"] == 1
        [arrived] = wait_for(lambda: bodies(shown, "sns-closed"))
        expected = {"Message": "hello", "Subject": "s", "MessageId": sent["MessageId"], "TopicArn": topic}
        body = json.loads(arrived)
        assert {name: body[name] for name in expected} == expected
        assert body["MessageAttributes"] == json.loads(letter["body"])["MessageAttributes"]
        assert (bodies(shown, "sns-dead"), len(bodies(shown, "sns-open"))) == ([], 3)

    def test_all_goes_on_after_those_that_stay(self, shown: ConsoleApi, sqs: Any) -> None:
        url = make(sqs, "many-dead")
        batch = [{"Id": str(number), "MessageBody": "m"} for number in range(10)]
        for _ in range(101):
            sqs.send_message_batch(QueueUrl=url, Entries=batch)
        first = shown.post("/queues/many-dead/redrive", {"messages": "all"})
        assert (first["done"], len(first["failed"]), first["left"]) == (0, 1000, 10)
        second = shown.post("/queues/many-dead/redrive", {"messages": "all", "next": first["next"]})
        assert (second["done"], len(second["failed"]), second["next"]) == (0, 10, None)
        assert {one["id"] for one in second["failed"]}.isdisjoint(one["id"] for one in first["failed"])
        with pytest.raises(ApiError) as error:
            shown.post("/queues/many-dead/redrive", {"messages": "all", "next": "1-2"})
        assert error.value.status == 400

    def test_one_of_a_fifo_queue(self, shown: ConsoleApi, sqs: Any) -> None:
        make(sqs, "dead.fifo", FifoQueue="true")
        policy = {"deadLetterTargetArn": f"{ARN}dead.fifo", "maxReceiveCount": 1}
        url = make(
            sqs,
            "work.fifo",
            FifoQueue="true",
            ContentBasedDeduplication="true",
            RedrivePolicy=json.dumps(policy),
        )
        for body in ("a", "b"):
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
        for _ in range(2):
            sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        messages = shown.get("/queues/dead.fifo/messages", order="oldest")["messages"]
        assert [(one["body"], one["group"]) for one in messages] == [("a", "g"), ("b", "g")]
        ids = [one["id"] for one in messages]
        assert shown.post("/queues/dead.fifo/redrive", {"messages": ids})["done"] == 2
        assert (bodies(shown, "dead.fifo"), bodies(shown, "work.fifo")) == ([], ["a", "b"])

    def test_what_does_not_say_where_it_came_from(self, shown: ConsoleApi, sqs: Any) -> None:
        url = make(sqs, "plain")
        sqs.send_message(QueueUrl=url, MessageBody="x")
        [message] = shown.get("/queues/plain/messages")["messages"]
        result = shown.post("/queues/plain/redrive", {"messages": [message["id"]]})
        assert result["failed"][0]["why"].startswith("The message does not say where it came from")
        with pytest.raises(ApiError) as error:
            shown.post("/queues/plain/redrive", {"messages": [message["id"]], "to": "none"})
        assert (error.value.status, error.value.code) == (404, "QueueDoesNotExist")
