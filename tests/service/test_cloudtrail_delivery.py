"""What a trail delivers besides log files: digests that the AWS CLI validates, notices, events of a log group.

The template is what `cdk synth` makes of `new cloudtrail.Trail(stack, "Trail", {sendToCloudWatchLogs: true})` with an
S3 event selector, and of `new cloudtrail.Trail(stack, "Plain")`.
"""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import TWO_NODES, RunningNode
from waiting import wait_for

ACCOUNT = "000000000000"
TEMPLATE = Path(__file__).parent.parent / "data" / "cdk-trail.template.json"
pytestmark = pytest.mark.skipif(TWO_NODES, reason="the other node writes its records a moment later")


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def own_trails(node: RunningNode) -> Iterator[None]:
    """A Region has five trails at most: those of a test end with it."""
    yield
    trails = node.client("cloudtrail")
    for one in trails.describe_trails()["trailList"]:
        if not one["Name"].startswith("trails-"):
            trails.delete_trail(Name=one["Name"])


@pytest.fixture(scope="module")
def stack(node: RunningNode) -> dict[str, str]:
    """The physical ids of CDK's trails, by logical id."""
    cloudformation = node.client("cloudformation")
    cloudformation.create_stack(
        StackName="trails", TemplateBody=TEMPLATE.read_text(), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="trails", WaiterConfig={"Delay": 1})
    resources = cloudformation.describe_stack_resources(StackName="trails")["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}


def bucket_for_trails(node: RunningNode, name: str) -> str:
    s3 = node.client("s3")
    s3.create_bucket(Bucket=name)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return name


def validated(node: RunningNode, trail: str, region: str = "us-east-1") -> tuple[int, str]:
    start = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    end = f"{datetime.now(UTC) + timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    command = ["aws", "cloudtrail", "validate-logs", "--verbose", "--trail-arn", trail]
    done = subprocess.run(
        [*command, "--start-time", start, "--end-time", end, "--region", region],
        env=node.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def records_of(node: RunningNode, bucket: str) -> list[dict[str, Any]]:
    s3 = node.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if one["Size"]]
    return [
        record
        for key in keys
        if "/CloudTrail/" in key
        for record in json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))[
            "Records"
        ]
    ]


def test_the_aws_cli_validates_the_digests_of_the_trail_that_cdk_makes(
    node: RunningNode, stack: dict[str, str]
) -> None:
    trails = node.client("cloudtrail")
    plain = stack["Plain295EB121"]
    arn = trails.get_trail(Name=plain)["Trail"]["TrailARN"]
    node.client("sns").create_topic(Name="first")
    node.client("sns", region="eu-west-1").create_topic(Name="elsewhere")
    trails.stop_logging(Name=plain)
    trails.start_logging(Name=plain)
    node.client("sns").create_topic(Name="second")
    trails.stop_logging(Name=plain)
    code, text = validated(node, arn)
    assert (code, text.count("INVALID")) == (0, 0), text
    assert "2/2 digest files valid" in text
    assert "2/2 log files valid" in text
    assert trails.get_trail_status(Name=plain)["LatestDigestDeliveryTime"]
    code, text = validated(node, arn, "eu-west-1")
    assert (code, text.count("INVALID")) == (0, 0), text
    assert "1/1 log files valid" in text

    s3, bucket = node.client("s3"), stack["PlainS327B5382D"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    file = next(key for key in keys if "/CloudTrail/us-east-1/" in key)
    s3.put_object(Bucket=bucket, Key=file, Body=gzip.compress(b'{"Records": []}'))
    code, text = validated(node, arn)
    assert code != 0
    assert "1/2 log files valid" in text


def test_a_trail_writes_its_log_group_and_the_data_events_that_it_wants(
    node: RunningNode, stack: dict[str, str]
) -> None:
    s3, trails, logs = node.client("s3"), node.client("cloudtrail"), node.client("logs")
    bucket, trail = stack["Data666C94C7"], stack["Trail022F0CF2"]
    s3.create_bucket(Bucket="not-watched")
    s3.put_object(Bucket=bucket, Key="watched", Body=b"x")
    s3.put_object(Bucket="not-watched", Key="other", Body=b"x")
    trails.stop_logging(Name=trail)
    puts = [one for one in records_of(node, stack["TrailS30071F172"]) if one["eventName"] == "PutObject"]
    assert {one["requestParameters"]["key"] for one in puts} == {"watched"}
    assert {(one["managementEvent"], one["eventCategory"]) for one in puts} == {(False, "Data")}
    group = stack["TrailLogGroup4CBE3AF5"]
    messages = [
        json.loads(one["message"])
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, logStreamNames=[f"{ACCOUNT}_CloudTrail_us-east-1"]
        )
        for one in page["events"]
    ]
    assert [one["requestParameters"]["key"] for one in messages if one["eventName"] == "PutObject"] == [
        "watched"
    ]
    assert "CreateBucket" in {one["eventName"] for one in messages}
    assert trails.get_trail_status(Name=trail)["LatestCloudWatchLogsDeliveryTime"]
    history = trails.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutObject"}]
    )
    assert history["Events"] == []


def test_a_topic_hears_of_each_file_and_must_admit_cloudtrail(node: RunningNode) -> None:
    sns, sqs, trails = node.client("sns"), node.client("sqs"), node.client("cloudtrail")
    bucket = bucket_for_trails(node, "trail-notices")
    topic = sns.create_topic(Name="files")["TopicArn"]
    with pytest.raises(ClientError, match="InsufficientSnsTopicPolicyException"):
        trails.create_trail(Name="notices", S3BucketName=bucket, SnsTopicName="files")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    queue = sqs.create_queue(QueueName="files")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:files"
    admit = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    sqs.set_queue_attributes(
        QueueUrl=queue,
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [admit]})},
    )
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    made = trails.create_trail(Name="notices", S3BucketName=bucket, SnsTopicName="files")
    assert (made["SnsTopicName"], made["SnsTopicARN"]) == ("files", topic)
    trails.start_logging(Name="notices")
    sns.create_topic(Name="noticed")
    trails.stop_logging(Name="notices")

    messages: list[str] = []

    def received() -> bool:
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages.extend(json.loads(one["Body"])["Message"] for one in got.get("Messages", ()))
        return len(messages) >= 2

    wait_for(received)
    assert "CloudTrail validation message." in messages
    told = [json.loads(one) for one in messages if one.startswith("{")]
    assert [one["s3Bucket"] for one in told] == [bucket]
    assert node.client("s3").head_object(Bucket=bucket, Key=told[0]["s3ObjectKey"][0])
    status = trails.get_trail_status(Name="notices")
    assert status["LatestNotificationAttemptSucceeded"] == status["LatestNotificationAttemptTime"] != ""


def test_a_log_group_needs_a_role_that_trusts_cloudtrail_and_may_write(node: RunningNode) -> None:
    iam, logs, trails = node.client("iam"), node.client("logs"), node.client("cloudtrail")
    bucket = bucket_for_trails(node, "trail-groups")
    logs.create_log_group(logGroupName="trail")
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:trail:*"

    def role(name: str, service: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        made = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
        return str(made["Role"]["Arn"])

    def create(**settings: str) -> str:
        with pytest.raises(ClientError) as refused:
            trails.create_trail(Name="groups", S3BucketName=bucket, **settings)
        return str(refused.value.response["Error"]["Message"])

    other, writer = role("other", "lambda.amazonaws.com"), role("writer", "cloudtrail.amazonaws.com")
    assert "You must specify a role ARN" in create(CloudWatchLogsLogGroupArn=group)
    assert "trust relationships" in create(CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=other)
    assert "permissions for your role" in create(
        CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=writer
    )
    assert "can't validate" in create(CloudWatchLogsLogGroupArn=group[:-2], CloudWatchLogsRoleArn=writer)


def test_log_files_are_encrypted_by_the_key_of_the_trail(node: RunningNode) -> None:
    s3, trails = node.client("s3"), node.client("cloudtrail")
    bucket = bucket_for_trails(node, "trail-key")
    policy = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    kms = node.client("kms")
    document = {"Version": "2012-10-17", "Statement": policy}
    key = kms.create_key(Policy=json.dumps(document))["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError, match="InsufficientEncryptionPolicyException"):
        trails.create_trail(Name="keyed", S3BucketName=bucket, KmsKeyId=key)
    policy.append(
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",
        }
    )
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))
    assert trails.create_trail(Name="keyed", S3BucketName=bucket, KmsKeyId=key)["KmsKeyId"] == key
    trails.start_logging(Name="keyed")
    node.client("sns").create_topic(Name="keyed")
    trails.stop_logging(Name="keyed")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if one["Size"]]
    heads = [s3.head_object(Bucket=bucket, Key=one) for one in keys]
    assert {head.get("SSEKMSKeyId") for head in heads} == {key}
    with pytest.raises(ClientError, match="KmsKeyNotFoundException"):
        trails.update_trail(Name="keyed", KmsKeyId="alias/nothing")


def test_advanced_selectors_choose_by_field(node: RunningNode) -> None:
    trails = node.client("cloudtrail")
    bucket = bucket_for_trails(node, "trail-advanced")
    trails.create_trail(Name="advanced", S3BucketName=bucket)
    selectors = [
        {
            "Name": "writes of topics",
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Management"]},
                {"Field": "readOnly", "Equals": ["false"]},
                {"Field": "eventSource", "Equals": ["sns.amazonaws.com"]},
            ],
        }
    ]
    trails.put_event_selectors(TrailName="advanced", AdvancedEventSelectors=selectors)
    shown = trails.get_event_selectors(TrailName="advanced")
    assert (shown["AdvancedEventSelectors"], "EventSelectors" in shown) == (selectors, False)
    trails.start_logging(Name="advanced")
    node.client("sns").create_topic(Name="advanced")
    node.client("sns").list_topics()
    node.client("logs").create_log_group(logGroupName="advanced")
    trails.stop_logging(Name="advanced")
    assert {one["eventName"] for one in records_of(node, bucket)} == {"CreateTopic"}


def test_what_nothing_here_computes_is_refused_by_name(node: RunningNode) -> None:
    trails = node.client("cloudtrail")
    bucket = bucket_for_trails(node, "trail-insights")
    trails.create_trail(Name="insights", S3BucketName=bucket)
    with pytest.raises(ClientError, match="InsightNotEnabledException"):
        trails.get_insight_selectors(TrailName="insights")
    with pytest.raises(ClientError, match="PutInsightSelectors"):
        trails.put_insight_selectors(
            TrailName="insights", InsightSelectors=[{"InsightType": "ApiCallRateInsight"}]
        )
    with pytest.raises(ClientError, match="CreateEventDataStore"):
        trails.create_event_data_store(Name="lake")
    with pytest.raises(ClientError, match="IsOrganizationTrail"):
        trails.create_trail(Name="everybody", S3BucketName=bucket, IsOrganizationTrail=True)
