"""Every management call is in CloudTrail's history, refused ones too, without secrets; data calls are not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "310000000011"


@pytest.fixture(scope="module")
def trail(node: RunningNode) -> Any:
    return node.client(
        "cloudtrail", account=ACCOUNT, config=Config(retries={"max_attempts": 10, "mode": "standard"})
    )


def lookup(trail: Any, key: str, value: str) -> list[dict[str, Any]]:
    pages = trail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}]
    )
    return [event for page in pages for event in page["Events"]]


def records(trail: Any, name: str) -> list[dict[str, Any]]:
    """Wait for them: another node of the store writes its records a moment later."""
    found = wait_for(lambda: lookup(trail, "EventName", name))
    return [json.loads(event["CloudTrailEvent"]) for event in found]


def test_a_call_is_recorded_with_who_what_and_the_answer(client: Callable[..., Any], trail: Any) -> None:
    rule = client("events", account=ACCOUNT).put_rule(Name="audited", ScheduleExpression="rate(1 day)")
    record = records(trail, "PutRule")[0]
    assert record["eventVersion"] == "1.11"
    assert record["userIdentity"] == {
        "type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT,
        "accessKeyId": ACCOUNT,
    }  # fmt: skip
    assert record["eventSource"] == "events.amazonaws.com"
    assert record["requestParameters"] == {"name": "audited", "scheduleExpression": "rate(1 day)"}
    assert record["responseElements"] == {"ruleArn": rule["RuleArn"]}
    assert record["requestID"] == rule["ResponseMetadata"]["RequestId"]
    assert (record["readOnly"], record["managementEvent"], record["eventCategory"]) == (
        False,
        True,
        "Management",
    )
    assert (record["sourceIPAddress"], record["recipientAccountId"]) == ("127.0.0.1", ACCOUNT)
    assert record["userAgent"].startswith("Boto3/")
    event = lookup(trail, "EventId", record["eventID"])[0]
    assert (event["EventName"], event["Username"], event["ReadOnly"]) == ("PutRule", "root", "false")


def test_a_call_that_failed_is_recorded_with_its_error(client: Callable[..., Any], trail: Any) -> None:
    with pytest.raises(ClientError):
        client("lambda", account=ACCOUNT).get_function(FunctionName="nowhere")
    record = records(trail, "GetFunction20150331v2")[0]
    assert record["errorCode"] == "ResourceNotFoundException"
    assert record["errorMessage"].startswith("Function not found")
    assert (record["readOnly"], record["responseElements"]) == (True, None)


def test_no_secret_is_in_a_record(client: Callable[..., Any], trail: Any) -> None:
    client("secretsmanager", account=ACCOUNT).create_secret(Name="audited", SecretString="swordfish")
    client("ssm", account=ACCOUNT).put_parameter(Name="audited", Type="SecureString", Value="swordfish")
    iam = client("iam", account=ACCOUNT)
    iam.create_user(UserName="audited")
    key = iam.create_access_key(UserName="audited")["AccessKey"]
    events = trail.lookup_events()["Events"]
    assert {"CreateSecret", "PutParameter", "CreateAccessKey"} <= {event["EventName"] for event in events}
    text = "".join(event["CloudTrailEvent"] for event in events)
    assert "swordfish" not in text
    assert key["SecretAccessKey"] not in text
    assert key["AccessKeyId"] in text
    assert "HIDDEN_DUE_TO_SECURITY_REASONS" in text


def test_data_calls_are_not_recorded(client: Callable[..., Any], trail: Any) -> None:
    queue = client("sqs", account=ACCOUNT).create_queue(QueueName="audited")["QueueUrl"]
    client("sqs", account=ACCOUNT).send_message(QueueUrl=queue, MessageBody="hello")
    (event,) = wait_for(lambda: lookup(trail, "EventSource", "sqs.amazonaws.com"))
    assert event["EventName"] == "CreateQueue"
    assert lookup(trail, "EventName", "SendMessage") == []


def test_an_api_call_is_an_event_for_the_rule_that_wants_it(client: Callable[..., Any]) -> None:
    account = "310000000012"
    sqs, events = client("sqs", account=account), client("events", account=account)
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                             "Action": "sqs:SendMessage", "Resource": "*"}]}  # fmt: skip
    urls = {}
    of_calls = {"source": ["aws.sns"], "detail-type": ["AWS API Call via CloudTrail"]}
    for name, state, pattern in (
        ("writes", "ENABLED", of_calls),
        ("all", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", of_calls),
        ("everything", "ENABLED", {"source": ["aws.sns"]}),
    ):
        urls[name] = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        events.put_rule(Name=name, EventPattern=json.dumps(pattern), State=state)
        arn = f"arn:aws:sqs:us-east-1:{account}:{name}"
        events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    client("sns", account=account).list_topics()
    client("sns", account=account).create_topic(Name="made")

    def received(queue: str, count: int) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []
        deadline = time.monotonic() + 10
        while len(got) < count and time.monotonic() < deadline:
            reply = sqs.receive_message(QueueUrl=urls[queue], WaitTimeSeconds=2, MaxNumberOfMessages=10)
            got += [json.loads(message["Body"]) for message in reply.get("Messages", ())]
        return got

    assert sorted(one["detail"]["eventName"] for one in received("all", 2)) == ["CreateTopic", "ListTopics"]
    (made,) = received("writes", 1)
    assert made["detail"]["responseElements"] == {"topicArn": f"arn:aws:sns:us-east-1:{account}:made"}
    assert (made["source"], made["detail-type"], made["resources"]) == (
        "aws.sns",
        "AWS API Call via CloudTrail",
        [],
    )
    count = ["ApproximateNumberOfMessages"]  # a rule for everything gets them only where a trail is logging
    assert (
        sqs.get_queue_attributes(QueueUrl=urls["everything"], AttributeNames=count)["Attributes"][count[0]]
        == "0"
    )
    s3 = client("s3", account=account)
    s3.create_bucket(Bucket="trail-for-rules")
    for_trail = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
                 "Resource": "arn:aws:s3:::trail-for-rules/*"}  # fmt: skip
    s3.put_bucket_policy(
        Bucket="trail-for-rules", Policy=json.dumps({"Version": "2012-10-17", "Statement": [for_trail]})
    )
    trail = client("cloudtrail", account=account)
    trail.create_trail(Name="for-rules", S3BucketName="trail-for-rules")
    trail.start_logging(Name="for-rules")
    client("sns", account=account).create_topic(Name="logged")
    (made,) = received("everything", 1)
    assert made["detail"]["requestParameters"] == {"name": "logged"}


def test_what_lookup_events_refuses(client: Callable[..., Any]) -> None:
    trail = client("cloudtrail", account="310000000013")
    attribute = {"AttributeKey": "EventName", "AttributeValue": "x"}
    for request, code in (
        ({"LookupAttributes": [attribute, attribute]}, "InvalidLookupAttributesException"),
        ({"StartTime": 2, "EndTime": 1}, "InvalidTimeRangeException"),
    ):
        with pytest.raises(ClientError, match=code):
            trail.lookup_events(**request)
    codes = set()
    for _ in range(8):
        try:
            trail.lookup_events()
        except ClientError as error:
            codes.add(error.response["Error"]["Code"])
    assert codes == {"ThrottlingException"}
