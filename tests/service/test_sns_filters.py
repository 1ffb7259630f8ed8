"""SNS by boto3: which notifications a filter policy lets through, and which policies there are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_refusals import refusal
from sns_rig import Client, Inbox, unique

Policy = dict[str, Any]


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=unique("topic"))["TopicArn"])


@pytest.fixture
def inbox(client: Client) -> Inbox:
    return Inbox.make(client)


def filtered(sns: Any, topic: str, inbox: Inbox, policy: Policy, scope: str | None = None) -> str:
    """Subscribe the queue with the policy; the subscription's ARN."""
    attributes = {"FilterPolicy": json.dumps(policy), "RawMessageDelivery": "true"}
    if scope is not None:
        attributes["FilterPolicyScope"] = scope
    return str(
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes)[
            "SubscriptionArn"
        ]
    )


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def number(value: str) -> dict[str, str]:
    return {"DataType": "Number", "StringValue": value}


def array(*values: Any) -> dict[str, str]:
    return {"DataType": "String.Array", "StringValue": json.dumps(values)}


STORE, PRICE = text("example"), number("10.5")


@pytest.mark.parametrize(
    ("policy", "let", "kept"),
    [
        (
            {"a": ["x", "y"]},
            [{"a": text("x")}, {"a": array("z", "y")}],
            [{"a": text("X")}, {}, {"b": text("x")}],
        ),
        ({"a": [10.5]}, [{"a": PRICE}, {"a": array(10.5)}], [{"a": text("10.5")}, {"a": number("10")}]),
        ({"a": [True, None]}, [{"a": array(True)}, {"a": array(None, 1)}], [{"a": text("true")}]),
        ({"a": [{"prefix": "ex"}]}, [{"a": STORE}], [{"a": text("an example")}]),
        ({"a": [{"suffix": "le"}]}, [{"a": STORE}], [{"a": text("example!")}]),
        ({"a": [{"wildcard": "ex*l*"}]}, [{"a": STORE}], [{"a": text("exam")}]),
        ({"a": [{"equals-ignore-case": "EXAMPLE"}]}, [{"a": STORE}], [{"a": text("examples")}]),
        ({"a": [{"anything-but": ["x", "y"]}]}, [{"a": STORE}], [{"a": text("x")}, {}]),
        ({"a": [{"anything-but": {"prefix": "ex"}}]}, [{"a": text("y")}], [{"a": STORE}]),
        ({"a": [{"anything-but": {"suffix": "le"}}]}, [{"a": text("y")}], [{"a": STORE}]),
        ({"a": [{"anything-but": {"wildcard": "e*e"}}]}, [{"a": text("y")}], [{"a": STORE}]),
        ({"a": [{"anything-but": [10.5]}]}, [{"a": number("3")}], [{"a": PRICE}]),
        ({"a": [{"numeric": ["=", 10.5]}]}, [{"a": PRICE}, {"a": number("1.05e1")}], [{"a": number("10")}]),
        ({"a": [{"numeric": [">", 0, "<=", 10.5]}]}, [{"a": PRICE}], [{"a": number("0")}, {"a": text("5")}]),
        ({"a": [{"numeric": ["<", 0]}]}, [{"a": number("-1")}], [{"a": number("0")}]),
        ({"a": [{"exists": True}]}, [{"a": STORE}], [{}]),
        ({"a": [{"exists": False}]}, [{}, {"b": STORE}], [{"a": STORE}]),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, [{"a": text("10.0.0.7")}], [{"a": text("10.0.1.7")}]),
        ({"a": ["x"], "b": ["y"]}, [{"a": text("x"), "b": text("y")}], [{"a": text("x")}]),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, [{"a": text("x")}, {"b": text("y")}], [{"a": text("y")}]),
        ({}, [{}, {"a": STORE}], []),
    ],
)
def test_a_filter_on_attributes(
    sns: Any, topic: str, inbox: Inbox, policy: Policy, let: list[Policy], kept: list[Policy]
) -> None:
    filtered(sns, topic, inbox, policy)
    for verdict, cases in (("kept", kept), ("let", let)):
        for at, attributes in enumerate(cases):
            sns.publish(TopicArn=topic, Message=f"{verdict} {at}", MessageAttributes=attributes)
    found = {message["Body"] for message in inbox.take(len(let))}
    assert found == {f"let {at}" for at in range(len(let))}


def test_binary_attributes_are_not_looked_at(sns: Any, topic: str, inbox: Inbox) -> None:
    filtered(sns, topic, inbox, {"a": [{"exists": False}]})
    binary = {"a": {"DataType": "Binary", "BinaryValue": b"x"}}
    sns.publish(TopicArn=topic, Message="m", MessageAttributes=binary)
    assert inbox.take()[0]["Body"] == "m"


@pytest.mark.parametrize(
    ("policy", "let", "kept"),
    [
        ({"a": ["x"]}, ['{"a": "x"}', '{"a": ["z", "x"]}'], ['{"a": "y"}', "no json", '["a"]', '"x"']),
        ({"a": {"b": {"c": [1, True, None]}}}, ['{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": null}}}'],
         ['{"a": {"b": 1}}', '{"a": {"b": {"c": "1"}}}']),
        ({"a": {"b": [{"numeric": [">=", 5]}]}}, ['{"a": [{"b": 1}, {"b": 5}]}'], ['{"a": {"b": 4}}']),
        ({"a": [{"exists": False}]}, ["{}", '{"b": 1}'], ['{"a": 1}']),
        ({"a": [{"prefix": {"equals-ignore-case": "EX"}}]}, ['{"a": "example"}'], ['{"a": "x"}']),
        ({"a": {"$or": [{"b": ["x"]}, {"c": ["y"]}]}}, ['{"a": {"c": "y"}}'], ['{"a": {"c": "x"}}']),
    ],
)  # fmt: skip
def test_a_filter_on_the_body(
    sns: Any, topic: str, inbox: Inbox, policy: Policy, let: list[str], kept: list[str]
) -> None:
    filtered(sns, topic, inbox, policy, "MessageBody")
    for message in [*kept, *let]:
        sns.publish(TopicArn=topic, Message=message, MessageAttributes={"a": text("x")})
    assert {message["Body"] for message in inbox.take(len(let))} == set(let)


def test_a_filter_sees_the_body_of_its_protocol(sns: Any, topic: str, inbox: Inbox) -> None:
    filtered(sns, topic, inbox, {"a": [1]}, "MessageBody")
    for at, queues in enumerate(('{"a": 1}', '{"a": 2}')):
        structured = {"default": json.dumps({"a": 2 - at}), "sqs": queues}
        sns.publish(TopicArn=topic, Message=json.dumps(structured), MessageStructure="json")
    assert inbox.take()[0]["Body"] == '{"a": 1}'


def test_a_filter_may_be_changed_and_taken_away(sns: Any, topic: str, inbox: Inbox) -> None:
    arn = filtered(sns, topic, inbox, {"a": ["x"]})

    def shown() -> dict[str, str]:
        found: dict[str, str] = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        return found

    def change(name: str, value: str) -> None:
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)

    assert (shown()["FilterPolicy"], shown()["FilterPolicyScope"]) == ('{"a": ["x"]}', "MessageAttributes")
    change("FilterPolicyScope", "MessageBody")
    change("FilterPolicy", '{"a": {"b": ["y"]}}')
    refused = refusal(
        sns.set_subscription_attributes,
        SubscriptionArn=arn,
        AttributeName="FilterPolicyScope",
        AttributeValue="MessageAttributes",
    )
    assert (refused[0], "does not support nested" in refused[2]) == ("InvalidParameter", True)
    sns.publish(TopicArn=topic, Message='{"a": {"b": "y"}}')
    assert inbox.take()[0]["Body"] == '{"a": {"b": "y"}}'
    change("FilterPolicy", "{}")
    sns.publish(TopicArn=topic, Message="anything")
    assert inbox.take()[0]["Body"] == "anything"
    change("FilterPolicy", "")
    assert "FilterPolicy" not in shown()


KEYS = {f"k{at}": ["v"] for at in range(6)}


@pytest.mark.parametrize(
    ("policy", "scope", "told"),
    [
        ("no json", None, "failed to parse JSON"),
        ('["a"]', None, "failed to parse JSON"),
        ('{"a": "x"}', None, '"a" must be an object or an array'),
        ('{"a": []}', None, "Empty arrays are not allowed"),
        ('{"a": [{"sounds-like": "x"}]}', None, "Unrecognized match type sounds-like"),
        ('{"a": [{"numeric": ["<", "5"]}]}', None, "must be numeric"),
        ('{"a": [{"prefix": 5}]}', None, "prefix match pattern must be a string"),
        ('{"a": [["x"]]}', None, "Match value must be String, number, true, false, or null"),
        ('{"a": {"b": ["x"]}}', None, "does not support nested filter policy"),
        (json.dumps(KEYS), None, "can not have more than 5 keys"),
        (json.dumps(KEYS), "MessageBody", "can not have more than 5 keys"),
        (json.dumps({"a": [str(at) for at in range(151)]}), None, "Filter policy is too complex"),
        (json.dumps({"a": {"b": [str(at) for at in range(76)]}}), "MessageBody", "too complex"),
        (json.dumps({"a": ["x" * 262_144]}), None, "too long"),
        ('{"a": ["x"]}', "MessageHead", "FilterPolicyScope: Invalid value"),
    ],
)
def test_what_is_no_filter_policy(
    sns: Any, topic: str, inbox: Inbox, policy: str, scope: str | None, told: str
) -> None:
    attributes = {"FilterPolicy": policy}
    if scope is not None:
        attributes["FilterPolicyScope"] = scope
    code, status, message = refusal(
        sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes
    )
    assert (code, status) == ("InvalidParameter", 400)
    assert message.startswith("Invalid parameter: Attributes Reason: FilterPolicy")
    assert told in message
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_large_filter_policy(sns: Any, topic: str, inbox: Inbox) -> None:
    """Larger than a rule's pattern may be."""
    values = [f"{at:03}-" + "x" * 60 for at in range(150)]
    filtered(sns, topic, inbox, {"a": values})
    sns.publish(TopicArn=topic, Message="m", MessageAttributes={"a": text(values[149])})
    assert inbox.take()[0]["Body"] == "m"
