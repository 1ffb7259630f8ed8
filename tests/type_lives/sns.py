"""The lives of the types of SNS."""

from __future__ import annotations

from typing import Any

from type_lives import Drift, Life

TOPIC = {"Type": "AWS::SNS::Topic"}
AROUND = {"Topic": TOPIC, "Other": TOPIC, "Queue": {"Type": "AWS::SQS::Queue"}}


def policy(action: str) -> dict[str, Any]:
    resource = {"Ref": "Topic"}
    statement = {
        "Sid": "a",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": action,
        "Resource": resource,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def reset_policy(client: Any, id: str, name: str) -> None:
    for topic in client("sns").get_paginator("list_topics").paginate().search("Topics[].TopicArn"):
        if f"{name}-Topic" in topic:
            client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue="")


LIVES = [
    Life(
        "AWS::SNS::Topic",
        {"DisplayName": "one", "Tags": [{"Key": "a", "Value": "1"}]},
        update={"DisplayName": "two", "Tags": [{"Key": "a", "Value": "2"}]},
        replacement={"TopicName": "NAME-other"},
        failing={"TopicName": "not a name!"},
        drift=Drift(
            lambda client, id, name: client("sns").tag_resource(
                ResourceArn=id, Tags=[{"Key": "a", "Value": "other"}]
            ),
            "/Tags/0/Value",
        ),
    ),
    Life(
        "AWS::SNS::Subscription",
        {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}},
        update={"RawMessageDelivery": True, "FilterPolicy": {"kind": ["a"]}},
        replacement={"TopicArn": {"Ref": "Other"}},
        failing={"Endpoint": "nothing"},
        drift=Drift(
            lambda client, id, name: client("sns").set_subscription_attributes(
                SubscriptionArn=id, AttributeName="RawMessageDelivery", AttributeValue="false"
            ),
            "/RawMessageDelivery",
        ),
        around=AROUND,
    ),
    Life(
        "AWS::SNS::TopicPolicy",
        {"Topics": [{"Ref": "Topic"}], "PolicyDocument": policy("sns:Publish")},
        update={"PolicyDocument": policy("sns:Subscribe")},
        replacement=None,
        failing={"PolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(reset_policy, "/PolicyDocument/Version"),
        around=AROUND,
    ),
    Life(
        "AWS::SNS::TopicInlinePolicy",
        {"TopicArn": {"Ref": "Topic"}, "PolicyDocument": policy("sns:Publish")},
        update={"PolicyDocument": policy("sns:Subscribe")},
        replacement={"TopicArn": {"Ref": "Other"}},
        failing={"PolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(reset_policy, "/PolicyDocument/Version"),
        around=AROUND,
    ),
]
