"""SNS by boto3: topics, their attributes, policies and tags."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_refusals import code_and_status, refusal
from sns_rig import ACCOUNT, Client, Inbox, unique

NOWHERE = f"arn:aws:sns:us-east-1:{ACCOUNT}:nowhere"
GONE = ("NotFound", 404, "Topic does not exist")


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=unique("topic"))["TopicArn"])


def attributes(sns: Any, topic: str) -> dict[str, str]:
    found: dict[str, str] = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    return found


def test_a_topic_from_its_creation_to_its_end(sns: Any) -> None:
    name = unique("topic")
    arn = sns.create_topic(Name=name)["TopicArn"]
    assert arn == f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}"
    shown = attributes(sns, arn)
    assert json.loads(shown.pop("Policy"))["Statement"][0]["Principal"] == {"AWS": "*"}
    assert (
        json.loads(shown.pop("EffectiveDeliveryPolicy"))["http"]["defaultHealthyRetryPolicy"]["numRetries"]
        == 3
    )
    assert shown == {
        "TopicArn": arn,
        "Owner": ACCOUNT,
        "DisplayName": "",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)  # as on AWS, no error
    assert refusal(sns.get_topic_attributes, TopicArn=arn) == GONE


def test_a_topic_may_be_made_again_as_it_is(sns: Any) -> None:
    name = unique("topic")
    tags = [{"Key": "a", "Value": "1"}]
    arn = sns.create_topic(Name=name, Attributes={"DisplayName": "d"}, Tags=tags)["TopicArn"]
    assert sns.create_topic(Name=name)["TopicArn"] == arn
    assert sns.create_topic(Name=name, Attributes={"DisplayName": "d"}, Tags=tags)["TopicArn"] == arn
    other = refusal(sns.create_topic, Name=name, Attributes={"DisplayName": "other"})
    assert other[:2] == ("InvalidParameter", 400)
    assert "already exists with different attributes" in other[2]
    other = refusal(sns.create_topic, Name=name, Tags=[{"Key": "b", "Value": "1"}])
    assert (other[:2], "different tags" in other[2]) == (("InvalidParameter", 400), True)


@pytest.mark.parametrize("name", ["a b", "a/b", "a.b", "a.fifo", "x" * 257, "ä"])
def test_a_topics_name_is_checked(sns: Any, name: str) -> None:
    assert refusal(sns.create_topic, Name=name) == ("InvalidParameter", 400, "Invalid parameter: Topic Name")


def test_a_fifo_topic_is_named_so(sns: Any) -> None:
    fifo = {"FifoTopic": "true"}
    assert code_and_status(sns.create_topic, Name=unique("t"), Attributes=fifo) == ("InvalidParameter", 400)
    arn = sns.create_topic(Name=unique("t") + ".fifo", Attributes=fifo)["TopicArn"]
    shown = attributes(sns, arn)
    assert (shown["FifoTopic"], shown["ContentBasedDeduplication"]) == ("true", "false")
    assert "FifoThroughputScope" not in shown
    sns.set_topic_attributes(TopicArn=arn, AttributeName="ContentBasedDeduplication", AttributeValue="true")
    assert attributes(sns, arn)["ContentBasedDeduplication"] == "true"
    refused = code_and_status(
        sns.set_topic_attributes, TopicArn=arn, AttributeName="FifoTopic", AttributeValue="false"
    )
    assert refused == ("InvalidParameter", 400)


def test_topics_are_listed_by_page(client: Client) -> None:
    sns = client("sns", account="320000000011")
    names = [f"listed-{at:03}" for at in range(103)]
    for name in names:
        sns.create_topic(Name=name)
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    second = sns.list_topics(NextToken=first["NextToken"])
    assert "NextToken" not in second
    found = [one["TopicArn"].rsplit(":", 1)[1] for one in first["Topics"] + second["Topics"]]
    assert found == names
    assert code_and_status(sns.list_topics, NextToken="made-up") == ("InvalidParameter", 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DisplayName", "Orders"),
        ("SignatureVersion", "2"),
        ("TracingConfig", "Active"),
        ("MaximumMessageSize", "1048576"),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"numRetries":5}}}'),
    ],
)
def test_an_attribute_is_set(sns: Any, topic: str, name: str, value: str) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)
    assert attributes(sns, topic)[name] == value


def test_the_effective_delivery_policy_follows(sns: Any, topic: str) -> None:
    policy = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}, "disableSubscriptionOverrides": True}}
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(policy)
    )
    http = json.loads(attributes(sns, topic)["EffectiveDeliveryPolicy"])["http"]
    assert http["defaultHealthyRetryPolicy"]["numRetries"] == 5
    assert http["defaultHealthyRetryPolicy"]["maxDelayTarget"] == 20
    assert http["disableSubscriptionOverrides"] is True
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue="")
    assert "DeliveryPolicy" not in attributes(sns, topic)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NoSuch", "1"),
        ("DisplayName", "x" * 101),
        ("Policy", "no json"),
        ("DeliveryPolicy", "[]"),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"numRetries":101}}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":30}}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"backoffFunction":"cubic"}}}'),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"noSuch":1}}}'),
        ("DeliveryPolicy", '{"http":{"defaultRequestPolicy":{"headerContentType":"image/png"}}}'),
        (
            "DeliveryPolicy",
            '{"http":{"defaultRequestPolicy":{"headerContentType":"text/plain; a=b\\r\\nX: y"}}}',
        ),
        ("DeliveryPolicy", '{"http":{"defaultThrottlePolicy":{"maxReceivesPerSecond":0}}}'),
        ("DeliveryPolicy", '{"noSuch":{}}'),
        ("SignatureVersion", "3"),
        ("TracingConfig", "Sometimes"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("ContentBasedDeduplication", "true"),
        ("FifoThroughputScope", "Topic"),
        ("HTTPSuccessFeedbackRoleArn", "role"),
    ],
)
def test_a_wrong_attribute_is_refused(sns: Any, topic: str, name: str, value: str) -> None:
    before = attributes(sns, topic)
    refused = code_and_status(
        sns.set_topic_attributes, TopicArn=topic, AttributeName=name, AttributeValue=value
    )
    assert refused == ("InvalidParameter", 400)
    assert attributes(sns, topic) == before


def test_what_could_not_have_its_effect_is_refused_by_name(sns: Any, topic: str) -> None:
    archive = {"AttributeName": "ArchivePolicy", "AttributeValue": "{}"}
    assert refusal(sns.set_topic_attributes, TopicArn=topic, **archive)[:2] == ("InvalidParameter", 400)


def test_a_topic_that_is_not_there_is_said_so(sns: Any) -> None:
    for call, params in (
        (sns.get_topic_attributes, {}),
        (sns.set_topic_attributes, {"AttributeName": "DisplayName", "AttributeValue": "d"}),
        (sns.publish, {"Message": "m"}),
        (sns.publish_batch, {"PublishBatchRequestEntries": [{"Id": "a", "Message": "m"}]}),
        (sns.subscribe, {"Protocol": "http", "Endpoint": "http://localhost/"}),
        (sns.list_subscriptions_by_topic, {}),
        (sns.add_permission, {"Label": "l", "AWSAccountId": [ACCOUNT], "ActionName": ["Publish"]}),
        (sns.remove_permission, {"Label": "l"}),
    ):
        assert refusal(call, TopicArn=NOWHERE, **params) == GONE
        code, status, _ = refusal(call, TopicArn="no arn", **params)
        assert (code, status) == ("InvalidParameter", 400)
    token = ("InvalidParameter", 400, "Invalid parameter: Token")
    assert refusal(sns.confirm_subscription, TopicArn=NOWHERE, Token="t") == token
    for call, more in (
        (sns.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (sns.untag_resource, {"TagKeys": ["a"]}),
        (sns.list_tags_for_resource, {}),
    ):
        assert refusal(call, ResourceArn=NOWHERE, **more) == (
            "ResourceNotFound", 404, "Resource does not exist",
        )  # fmt: skip


def test_permissions_are_statements_of_the_policy(sns: Any, topic: str) -> None:
    sns.add_permission(
        TopicArn=topic, Label="partner", AWSAccountId=["111111111111"], ActionName=["Publish", "Subscribe"]
    )
    default, added = json.loads(attributes(sns, topic)["Policy"])["Statement"]
    assert default["Sid"] == "__default_statement_ID"
    assert added == {
        "Sid": "partner",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": ["SNS:Publish", "SNS:Subscribe"],
        "Resource": topic,
    }
    again = {"TopicArn": topic, "Label": "partner", "AWSAccountId": ["111111111111"]}
    refused = refusal(sns.add_permission, **again, ActionName=["Publish"])
    assert refused == ("InvalidParameter", 400, "Invalid parameter: Statement already exists")
    refused = refusal(sns.add_permission, **{**again, "Label": "x"}, ActionName=["Fly"])
    assert refused == (
        "InvalidParameter", 400, "Invalid parameter: Policy statement action out of service scope!",
    )  # fmt: skip
    sns.remove_permission(TopicArn=topic, Label="partner")
    sns.remove_permission(TopicArn=topic, Label="partner")
    assert len(json.loads(attributes(sns, topic)["Policy"])["Statement"]) == 1


def test_a_policy_lets_the_bus_publish(client: Client, sns: Any, topic: str) -> None:
    """Without one, only the owner's account may."""
    inbox = Inbox.make(client)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    events, bus = client("events"), unique("bus")
    events.create_event_bus(Name=bus)
    events.put_rule(Name="r", EventBusName=bus, EventPattern='{"source": ["shop"]}')
    events.put_targets(
        Rule="r",
        EventBusName=bus,
        Targets=[{"Id": "t", "Arn": topic, "RetryPolicy": {"MaximumRetryAttempts": 0}}],
    )
    entry = {"Source": "shop", "DetailType": "d", "EventBusName": bus}
    events.put_events(Entries=[{**entry, "Detail": '{"n": 1}'}])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    assert attributes(sns, topic)["Policy"] == policy
    events.put_events(Entries=[{**entry, "Detail": '{"n": 2}'}])
    (notification,) = inbox.notifications()
    assert json.loads(notification["Message"])["detail"] == {"n": 2}


def test_tags(sns: Any) -> None:
    arn = sns.create_topic(Name=unique("t"), Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    listed = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert listed == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    sns.untag_resource(ResourceArn=arn, TagKeys=["a", "never"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": ""}]
    many = [{"Key": f"k{at}", "Value": "v"} for at in range(50)]
    refused = refusal(sns.tag_resource, ResourceArn=arn, Tags=many)
    assert refused[:2] == ("TagLimitExceeded", 400)
    refused = refusal(sns.create_topic, Name=unique("t"), Tags=[*many, {"Key": "x", "Value": ""}])
    assert refused[:2] == ("TagLimitExceeded", 400)
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    refused = refusal(sns.tag_resource, ResourceArn=arn, Tags=twice)
    assert refused[:2] == ("InvalidParameter", 400)
