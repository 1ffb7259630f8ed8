"""Notifications of buckets to queues, topics, functions and the event bus, by boto3 against a running node."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambda_rig import function_role
from notification_queue import ACCOUNT, Queue, configure, policy, refusal, to_queue
from waiting import wait_for


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def sqs(client: Callable[..., Any]) -> Any:
    return client("sqs")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(sqs: Any, bucket: str) -> Queue:
    return Queue(sqs, bucket)


def test_a_queue_gets_a_test_event_and_a_record_of_each_write(s3: Any, bucket: str, queue: Queue) -> None:
    configure(
        s3,
        bucket,
        QueueConfigurations=[to_queue(queue, "s3:ObjectCreated:*", "s3:ObjectRemoved:*", Id="all")],
    )
    (test,) = queue.wait(1)
    assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", bucket)
    put = s3.put_object(Bucket=bucket, Key="a b/\u00fc+.txt", Body=b"hello")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/\u00fc+.txt"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "parts"}]})
    records = queue.records(5)
    assert [(one["eventName"], one["s3"]["object"]["key"]) for one in records] == [
        ("ObjectCreated:Put", "a+b/%C3%BC%2B.txt"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectRemoved:Delete", "copy"),
        ("ObjectRemoved:Delete", "parts"),
    ]
    first = records[0]
    assert first["eventSource"] == "aws:s3" and first["eventVersion"] == "2.1"
    assert first["awsRegion"] == "us-east-1" and first["eventTime"].endswith("Z")
    assert first["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    metadata = put["ResponseMetadata"]
    assert first["responseElements"] == {
        "x-amz-request-id": metadata["RequestId"],
        "x-amz-id-2": metadata["HostId"],
    }
    assert first["s3"]["configurationId"] == "all"
    assert first["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    stored = first["s3"]["object"]
    assert (stored["size"], stored["eTag"]) == (5, put["ETag"].strip('"'))
    assert "versionId" not in stored


def test_versions_markers_and_tags(s3: Any, bucket: str, queue: Queue) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    events = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
    configure(s3, bucket, QueueConfigurations=[to_queue(queue, *events)])
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tags)
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    got = {
        (one["eventName"], one["s3"]["object"]["versionId"], one["eventVersion"]) for one in queue.records(5)
    }
    assert got == {
        ("ObjectCreated:Put", first, "2.1"),
        ("ObjectRemoved:DeleteMarkerCreated", marker, "2.1"),
        ("ObjectRemoved:Delete", marker, "2.1"),
        ("ObjectTagging:Put", first, "2.3"),
        ("ObjectTagging:Delete", first, "2.3"),
    }


def test_filters_and_failed_writes(s3: Any, bucket: str, sqs: Any, queue: Queue) -> None:
    other = Queue(sqs, bucket)

    def rules(prefix: str, suffix: str) -> dict[str, Any]:
        names = [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": suffix}]
        return {"Key": {"FilterRules": names}}

    configure(
        s3,
        bucket,
        QueueConfigurations=[
            to_queue(queue, "s3:ObjectCreated:*", Filter=rules("in/", ".jpg")),
            to_queue(other, "s3:ObjectCreated:*", Filter=rules("in/", ".png")),
        ],
    )
    for key in ("in/a.jpg", "in/b.png", "out/c.jpg", "in/d.txt"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    error = refusal(s3.put_object, Bucket=bucket, Key="in/a.jpg", Body=b"", IfNoneMatch="*")
    assert error["Code"] == "PreconditionFailed"
    s3.put_object(Bucket=bucket, Key="in/z.jpg", Body=b"")
    assert [one["s3"]["object"]["key"] for one in queue.records(2)] == ["in/a.jpg", "in/z.jpg"]
    assert [one["s3"]["object"]["key"] for one in other.records(1)] == ["in/b.png"]
    stored = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert stored[0]["Filter"]["Key"]["FilterRules"][0] == {"Name": "Prefix", "Value": "in/"}
    assert stored[0]["Id"] and stored[0]["Id"] != stored[1]["Id"]


def test_a_topic_gets_notifications_with_a_subject(
    s3: Any, bucket: str, client: Callable[..., Any], queue: Queue, sqs: Any
) -> None:
    sns = client("sns")
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    part = {"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=policy("another-bucket", "sns:Publish")
    )
    error = refusal(configure, s3=s3, bucket=bucket, TopicConfigurations=[part])
    assert "Permissions on the destination topic do not allow S3" in error["ArgumentValue1"]
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=policy(bucket, "sns:Publish")
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    sqs.set_queue_attributes(
        QueueUrl=queue.url, Attributes={"Policy": json.dumps({"Statement": [statement]})}
    )
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    configure(s3, bucket, TopicConfigurations=[part])
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    test, message = sorted(queue.wait(2), key=lambda one: "Records" in one["Message"])
    assert json.loads(test["Message"])["Event"] == "s3:TestEvent"
    assert message["Subject"] == "Amazon S3 Notification"
    assert json.loads(message["Message"])["Records"][0]["eventName"] == "ObjectCreated:Put"


@pytest.fixture
def function(client: Callable[..., Any]) -> Iterator[dict[str, str]]:
    """A function that logs the keys of its records."""
    code = "import json\ndef handler(event, context):\n"
    code += "    print('GOT ' + json.dumps([one['s3']['object']['key'] for one in event['Records']]))\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    aws_lambda, role = client("lambda"), function_role(client("iam"))
    made = aws_lambda.create_function(
        FunctionName=f"f-{uuid.uuid4().hex[:8]}",
        Runtime="python3.12",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    yield {"name": made["FunctionName"], "arn": made["FunctionArn"]}
    aws_lambda.delete_function(FunctionName=made["FunctionName"])


def test_a_function_is_invoked_if_its_policy_says_so(
    s3: Any, bucket: str, client: Callable[..., Any], function: dict[str, str]
) -> None:
    part = {"LambdaFunctionArn": function["arn"], "Events": ["s3:ObjectCreated:*"]}
    error = refusal(configure, s3=s3, bucket=bucket, LambdaFunctionConfigurations=[part])
    assert error["Code"] == "InvalidArgument"
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert error["ArgumentName1"] == f"{function['arn']}, null"
    assert error["ArgumentValue1"] == f"Not authorized to invoke function [{function['arn']}]"
    client("lambda").add_permission(
        FunctionName=function["name"],
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
        SourceAccount=ACCOUNT,
    )
    configure(s3, bucket, LambdaFunctionConfigurations=[part])
    s3.put_object(Bucket=bucket, Key="photo 1.jpg", Body=b"")
    logs, group = client("logs"), f"/aws/lambda/{function['name']}"

    def lines() -> list[str]:
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        found = logs.filter_log_events(logGroupName=group, filterPattern="GOT")["events"]
        return [one["message"].strip() for one in found]

    assert wait_for(lines) == ['GOT ["photo+1.jpg"]']


def test_the_event_bus_gets_events_in_the_documented_shape(
    s3: Any, bucket: str, client: Callable[..., Any], sqs: Any
) -> None:
    events = client("events")
    name = f"r-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    s3.put_object(Bucket=bucket, Key="before", Body=b"")
    configure(s3, bucket, EventBridgeConfiguration={})
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["EventBridgeConfiguration"] == {}
    put = s3.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    s3.put_object_tagging(Bucket=bucket, Key="a b", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object(Bucket=bucket, Key="a b")
    got = [
        json.loads(one["Body"])
        for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    ]
    assert [one["detail-type"] for one in got] == ["Object Created", "Object Tags Added", "Object Deleted"]
    made, _, deleted = got
    assert made["resources"] == [f"arn:aws:s3:::{bucket}"]
    sequencer = made["detail"]["object"].pop("sequencer")
    assert made["detail"] == {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": "a b", "size": 5, "etag": put["ETag"].strip('"')},
        "request-id": put["ResponseMetadata"]["RequestId"],
        "requester": ACCOUNT,
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }
    assert deleted["detail"]["reason"] == "DeleteObject"
    assert deleted["detail"]["deletion-type"] == "Permanently Deleted"
    assert deleted["detail"]["object"]["sequencer"] > sequencer
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)
