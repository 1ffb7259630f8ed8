"""SNS by boto3: who may do what with whose topic and subscription."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aws_refusals import code_and_status, refusal
from lambda_rig import allow, trust
from sns_rig import HttpEndpoint, allowing, unique, visit
from waiting import wait_for

Client = Callable[..., Any]
OWNER, GUEST, OTHER = "320000000001", "320000000002", "320000000003"
GUEST_ARN = f"arn:aws:iam::{GUEST}:root"
ALLOW = {"Effect": "Allow", "Principal": {"AWS": GUEST}}
DENY = {"Effect": "Deny", "Principal": "*"}


class Shared:
    """A topic, its owner's client, and a guest's."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.owner, self.guest = client("sns", account=OWNER), client("sns", account=GUEST)
        self.arn = self.owner.create_topic(Name=unique("shared"))["TopicArn"]

    def rule(self, *statements: dict[str, Any], action: str = "SNS:*") -> None:
        filled = [{"Action": action, "Resource": self.arn, **one} for one in statements]
        policy = json.dumps({"Version": "2012-10-17", "Statement": filled}) if filled else ""
        self.owner.set_topic_attributes(TopicArn=self.arn, AttributeName="Policy", AttributeValue=policy)

    def refused(self, action: str, who: str = GUEST_ARN, why: str = "") -> tuple[str, int, str]:
        reason = why or f"because no resource-based policy allows the SNS:{action} action"
        text = f"User: {who} is not authorized to perform: SNS:{action} on resource: {self.arn} {reason}"
        return "AuthorizationError", 403, text


@pytest.fixture
def shared(client: Client) -> Shared:
    return Shared(client)


class Inbox:
    """The guest's queue, open to topics."""

    def __init__(self, client: Client, account: str = GUEST) -> None:
        self._sqs = client("sqs", account=account)
        name = unique("inbox")
        self.arn = f"arn:aws:sqs:us-east-1:{account}:{name}"
        policy = {"Policy": json.dumps(allowing(self.arn))}
        self._url = self._sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"]

    def take(self) -> str:
        """The next notification's message."""

        def one() -> Any:
            reply = self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=1)
            for message in reply.get("Messages", ()):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            return next((message["Body"] for message in reply.get("Messages", ())), None)

        return str(json.loads(wait_for(one))["Message"])

    def is_empty(self) -> bool:
        return not self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=1).get("Messages")


QUEUE = f"arn:aws:sqs:us-east-1:{GUEST}:q"
SHAREABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("publish", "Publish", {"Message": "m"}),
    ("publish_batch", "Publish", {"PublishBatchRequestEntries": [{"Id": "a", "Message": "m"}]}),
    ("subscribe", "Subscribe", {"Protocol": "sqs", "Endpoint": QUEUE}),
    ("list_subscriptions_by_topic", "ListSubscriptionsByTopic", {}),
    ("get_topic_attributes", "GetTopicAttributes", {}),
    ("set_topic_attributes", "SetTopicAttributes", {"AttributeName": "DisplayName", "AttributeValue": "d"}),
    ("add_permission", "AddPermission", {"Label": "l", "AWSAccountId": [OTHER], "ActionName": ["Publish"]}),
    ("remove_permission", "RemovePermission", {"Label": "l"}),
    ("list_tags_for_resource", "ListTagsForResource", {}),
    ("delete_topic", "DeleteTopic", {}),
]


def named(operation: str, arn: str) -> dict[str, str]:
    return {"ResourceArn" if "resource" in operation else "TopicArn": arn}


@pytest.mark.parametrize(("operation", "action", "params"), SHAREABLE, ids=[one[0] for one in SHAREABLE])
def test_a_guest_needs_the_policys_word(
    shared: Shared, operation: str, action: str, params: dict[str, Any]
) -> None:
    call, here = getattr(shared.guest, operation), {**named(operation, shared.arn), **params}
    assert refusal(call, **here) == shared.refused(action)
    shared.rule({**ALLOW, "Principal": {"AWS": OTHER}})
    assert refusal(call, **here) == shared.refused(action)
    shared.rule(ALLOW, action=f"sns:{action}")
    call(**here)


@pytest.mark.parametrize(
    ("operation", "action", "params"),
    [("tag_resource", "TagResource", {"Tags": []}), ("untag_resource", "UntagResource", {"TagKeys": ["a"]})],
)
def test_tags_are_changed_by_the_owner_alone(
    shared: Shared, operation: str, action: str, params: dict[str, Any]
) -> None:
    shared.rule({**ALLOW, "Principal": "*"})
    here = {"ResourceArn": shared.arn, **params}
    assert refusal(getattr(shared.guest, operation), **here) == shared.refused(action)
    getattr(shared.owner, operation)(**here)


def test_the_policy_that_a_topic_has_by_itself_is_for_its_own_account(shared: Shared) -> None:
    default = shared.owner.get_topic_attributes(TopicArn=shared.arn)["Attributes"]["Policy"]
    for _ in range(2):
        refused = refusal(shared.guest.publish, TopicArn=shared.arn, Message="m")
        assert refused == shared.refused("Publish")
        shared.owner.publish(TopicArn=shared.arn, Message="m")
        shared.owner.set_topic_attributes(TopicArn=shared.arn, AttributeName="Policy", AttributeValue=default)
    shared.owner.add_permission(
        TopicArn=shared.arn, Label="guest", AWSAccountId=[GUEST], ActionName=["Publish"]
    )
    shared.guest.publish(TopicArn=shared.arn, Message="m")
    shared.owner.remove_permission(TopicArn=shared.arn, Label="guest")
    assert refusal(shared.guest.publish, TopicArn=shared.arn, Message="m") == shared.refused("Publish")


def test_the_owner_is_stopped_by_a_deny_alone(shared: Shared) -> None:
    root, here = f"arn:aws:iam::{OWNER}:root", {"TopicArn": shared.arn}
    explicit = "with an explicit deny in a resource-based policy"
    shared.rule({**DENY, "Action": ["SNS:Publish", "SNS:TagResource"]})
    refused = refusal(shared.owner.publish, **here, Message="m")
    assert refused == shared.refused("Publish", root, explicit)
    refused = refusal(shared.owner.tag_resource, ResourceArn=shared.arn, Tags=[])
    assert refused == shared.refused("TagResource", root, explicit)
    shared.owner.list_subscriptions_by_topic(**here)
    shared.rule(DENY)
    assert code_and_status(shared.owner.delete_topic, **here) == ("AuthorizationError", 403)
    assert "Attributes" in shared.owner.get_topic_attributes(**here)
    shared.rule()
    shared.owner.publish(**here, Message="m")
    shared.owner.delete_topic(**here)


def test_a_guest_subscribes_and_his_subscription_is_his(client: Client, shared: Shared) -> None:
    inbox = Inbox(client)
    wanted = {"TopicArn": shared.arn, "Protocol": "sqs", "Endpoint": inbox.arn}
    assert refusal(shared.guest.subscribe, **wanted) == shared.refused("Subscribe")
    shared.rule(ALLOW, action="sns:Subscribe")
    arn = shared.guest.subscribe(**wanted)["SubscriptionArn"]
    shared.owner.publish(TopicArn=shared.arn, Message="hello")
    assert inbox.take() == "hello"

    found = shared.guest.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (found["Owner"], found["TopicArn"]) == (GUEST, shared.arn)
    raw = {"SubscriptionArn": arn, "AttributeName": "FilterPolicy", "AttributeValue": '{"a": ["b"]}'}
    no = ("AuthorizationError", 403, "Not authorized to access this subscription")
    for sns in (shared.owner, client("sns", account=OTHER)):
        assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn) == no
        assert refusal(sns.set_subscription_attributes, **raw) == no
    shared.guest.set_subscription_attributes(**raw)

    def listed(sns: Any) -> set[str]:
        pages = sns.get_paginator("list_subscriptions").paginate()
        return {one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]}

    (of_topic,) = shared.owner.list_subscriptions_by_topic(TopicArn=shared.arn)["Subscriptions"]
    assert (of_topic["SubscriptionArn"], of_topic["Owner"]) == (arn, GUEST)
    assert arn in listed(shared.guest)
    assert arn not in listed(shared.owner)
    assert arn not in listed(client("sns", account=GUEST, region="eu-west-1"))

    third = client("sns", account=OTHER)
    assert code_and_status(third.unsubscribe, SubscriptionArn=arn) == ("AuthorizationError", 403)
    shared.guest.unsubscribe(SubscriptionArn=arn)
    assert arn not in listed(shared.guest)


def test_the_topics_owner_may_end_a_guests_subscription(client: Client, shared: Shared) -> None:
    shared.rule(ALLOW, action="sns:Subscribe")
    inbox = Inbox(client)
    arn = shared.guest.subscribe(TopicArn=shared.arn, Protocol="sqs", Endpoint=inbox.arn)["SubscriptionArn"]
    shared.owner.unsubscribe(SubscriptionArn=arn)
    shared.owner.publish(TopicArn=shared.arn, Message="hello")
    assert inbox.is_empty()


def test_the_policy_may_look_at_protocol_and_endpoint(client: Client, shared: Shared) -> None:
    shared.rule(
        {
            **ALLOW,
            "Condition": {"StringEquals": {"sns:Protocol": "sqs"}, "StringLike": {"sns:Endpoint": "*:a-*"}},
        },
        action="sns:Subscribe",
    )

    def wanted(protocol: str, endpoint: str) -> dict[str, str]:
        return {"TopicArn": shared.arn, "Protocol": protocol, "Endpoint": endpoint}

    queues = f"arn:aws:sqs:us-east-1:{GUEST}"
    for protocol, endpoint in (("sqs", f"{queues}:b-q"), ("http", "http://127.0.0.1:1/:a-")):
        refused = refusal(shared.guest.subscribe, **wanted(protocol, endpoint))
        assert refused == shared.refused("Subscribe")
    shared.guest.subscribe(**wanted("sqs", f"{queues}:a-q"))


def test_a_link_still_ends_a_guests_subscription(shared: Shared) -> None:
    shared.rule(ALLOW, action="sns:Subscribe")
    with HttpEndpoint() as endpoint:
        shared.guest.subscribe(TopicArn=shared.arn, Protocol="http", Endpoint=endpoint.url)
        endpoint.confirm()
        shared.owner.publish(TopicArn=shared.arn, Message="m")
        visit(endpoint.wait("Notification")[0].json()["UnsubscribeURL"])
    found = shared.owner.get_topic_attributes(TopicArn=shared.arn)["Attributes"]
    assert (found["SubscriptionsConfirmed"], found["SubscriptionsDeleted"]) == ("0", "1")


def test_a_topic_that_is_not_there_is_not_found_by_anybody(shared: Shared) -> None:
    nowhere = f"{shared.arn}-none"
    for sns in (shared.owner, shared.guest):
        assert code_and_status(sns.publish, TopicArn=nowhere, Message="m") == ("NotFound", 404)
        sns.delete_topic(TopicArn=nowhere)


@pytest.mark.parametrize("statements", ["all", ["all"], [{"Condition": "never"}]])
def test_a_policy_that_cannot_be_read_is_refused(shared: Shared, statements: Any) -> None:
    policy = json.dumps({"Statement": statements})
    given = {"TopicArn": shared.arn, "AttributeName": "Policy", "AttributeValue": policy}
    refused = refusal(shared.owner.set_topic_attributes, **given)
    assert refused == ("InvalidParameter", 400, "Invalid parameter: Policy Error: null")


@pytest.mark.parametrize(
    ("target", "statement"),
    [
        ({}, {**ALLOW, "Principal": {"Service": "events.amazonaws.com"}}),
        ({"RoleArn": f"arn:aws:iam::{GUEST}:role/sender"}, ALLOW),
    ],
    ids=["service", "role"],
)
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "made"])
def test_a_rule_reaches_anothers_topic_as_its_policy_allows(
    client: Client, shared: Shared, target: dict[str, Any], statement: dict[str, Any], plain: bool
) -> None:
    inbox, events, name = Inbox(client, OWNER), client("events", account=GUEST), unique("rule")
    shared.owner.subscribe(TopicArn=shared.arn, Protocol="sqs", Endpoint=inbox.arn)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    made = {} if plain else {"InputPath": "$.detail"}
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": shared.arn, **target, **made}])

    def put(number: int) -> None:
        entry = {"Source": name, "DetailType": "t", "Detail": json.dumps({"n": number})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    put(1)
    assert inbox.is_empty()
    shared.rule(statement, action="sns:Publish")
    put(2)
    got = json.loads(inbox.take())
    assert (got["detail"] if plain else got) == {"n": 2}


def test_a_targets_role_needs_no_policy_in_its_own_account_but_a_deny_stops_it(
    client: Client, shared: Shared
) -> None:
    inbox, events, name = Inbox(client, OWNER), client("events", account=OWNER), unique("rule")
    shared.owner.subscribe(TopicArn=shared.arn, Protocol="sqs", Endpoint=inbox.arn)
    iam, document = client("iam", account=OWNER), json.dumps(trust("events.amazonaws.com"))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allow(iam, name, "sns:Publish")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": shared.arn, "RoleArn": role}])
    entry = {"Source": name, "DetailType": "t", "Detail": "{}"}
    events.put_events(Entries=[entry])
    inbox.take()
    shared.rule({**DENY, "Principal": {"AWS": role}})
    events.put_events(Entries=[entry])
    assert inbox.is_empty()
