"""SQS by boto3: queues, their attributes, tags and policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal

Client = Callable[..., Any]
ACCOUNT = "000000000000"
OTHERS = ["111111111111", "222222222222"]
PREFIX = "AWS.SimpleQueueService."
NO_QUEUE = (f"{PREFIX}NonExistentQueue", 400, "The specified queue does not exist.")
DEFAULTS = {
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


@pytest.fixture
def name() -> str:
    return f"queue-{uuid4().hex[:12]}"


@pytest.fixture
def url(sqs: Any, name: str) -> str:
    made: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    return made


def attributes(sqs: Any, url: str, *names: str) -> dict[str, str]:
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names or ["All"]).get(
        "Attributes", {}
    )
    return found


def arn_of(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def test_a_queue_from_its_creation_to_its_end(sqs: Any, name: str, node: Any) -> None:
    url = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "0"})["QueueUrl"]
    assert url == f"{node.endpoint}/{ACCOUNT}/{name}"
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=ACCOUNT)["QueueUrl"] == url
    found = attributes(sqs, url)
    created = found.pop("CreatedTimestamp")
    assert found.pop("LastModifiedTimestamp") == created
    assert found == {**DEFAULTS, "QueueArn": arn_of(name)}
    sqs.delete_queue(QueueUrl=url)
    assert refusal(sqs.get_queue_url, QueueName=name) == NO_QUEUE


def test_an_error_has_its_older_code_and_its_class(sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
        sqs.get_queue_url(QueueName="nowhere")
    assert caught.value.response["Error"] == {
        "Code": NO_QUEUE[0],
        "Message": NO_QUEUE[2],
        "QueryErrorCode": "QueueDoesNotExist",
        "Type": "Sender",
    }


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("add_permission", {"Label": "l", "AWSAccountIds": OTHERS, "Actions": ["SendMessage"]}),
    ("change_message_visibility", {"ReceiptHandle": "h", "VisibilityTimeout": 0}),
    ("change_message_visibility_batch", {"Entries": [{"Id": "1", "ReceiptHandle": "h", "VisibilityTimeout": 0}]}),
    ("delete_message", {"ReceiptHandle": "h"}),
    ("delete_message_batch", {"Entries": [{"Id": "1", "ReceiptHandle": "h"}]}),
    ("delete_queue", {}),
    ("get_queue_attributes", {"AttributeNames": ["All"]}),
    ("list_dead_letter_source_queues", {}),
    ("list_queue_tags", {}),
    ("purge_queue", {}),
    ("receive_message", {}),
    ("remove_permission", {"Label": "l"}),
    ("send_message", {"MessageBody": "a"}),
    ("send_message_batch", {"Entries": [{"Id": "1", "MessageBody": "a"}]}),
    ("set_queue_attributes", {"Attributes": {"DelaySeconds": "0"}}),
    ("tag_queue", {"Tags": {"a": "b"}}),
    ("untag_queue", {"TagKeys": ["a"]}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "params"), CALLS, ids=[call for call, _ in CALLS])
def test_a_queue_that_is_not_there_is_refused(sqs: Any, node: Any, call: str, params: dict[str, Any]) -> None:
    url = f"{node.endpoint}/{ACCOUNT}/nowhere-{uuid4().hex[:8]}"
    assert refusal(getattr(sqs, call), QueueUrl=url, **params) == NO_QUEUE


@pytest.mark.parametrize("path", ["/", "/queue", "/12/queue", "/00000000000x/queue"])
def test_what_is_no_queues_url_is_refused(sqs: Any, node: Any, path: str) -> None:
    url = f"{node.endpoint}{path}"
    code, status, _ = refusal(sqs.receive_message, QueueUrl=url)
    assert (code, status) == ("InvalidAddress", 404)


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 81, "dotted.name", "ünïcode", "name.fifo"])
def test_a_name_that_is_none_is_refused(sqs: Any, name: str) -> None:
    refused = refusal(sqs.create_queue, QueueName=name)
    text = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    assert refused == ("InvalidParameterValue", 400, text)


@pytest.mark.parametrize("name", ["plain", ".fifo", "a b.fifo", "x" * 76 + ".fifo"])
def test_a_fifo_queues_name_ends_in_fifo(sqs: Any, name: str) -> None:
    refused = code_and_status(sqs.create_queue, QueueName=name, Attributes={"FifoQueue": "true"})
    assert refused == ("InvalidParameterValue", 400)


def test_a_queue_may_be_made_again_as_it_is(sqs: Any, name: str) -> None:
    given = {"DelaySeconds": "1", "VisibilityTimeout": "30"}
    url = sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]
    for same in ({}, given, {"MaximumMessageSize": "1048576"}):
        assert sqs.create_queue(QueueName=name, Attributes=same)["QueueUrl"] == url
    text = "A queue already exists with the same name and a different value for attribute DelaySeconds"
    refused = refusal(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "2"})
    assert refused == ("QueueAlreadyExists", 400, text)


def test_a_queue_that_was_deleted_and_made_again_has_none_of_the_old_messages(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="old")
    sqs.delete_queue(QueueUrl=url)
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_queues_are_listed_by_prefix_and_page(sqs: Any) -> None:
    prefix = f"list-{uuid4().hex[:8]}"
    urls = [sqs.create_queue(QueueName=f"{prefix}-{at}")["QueueUrl"] for at in range(5)]
    assert sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"] == urls
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2, **token)
        assert len(page["QueueUrls"]) <= 2
        found += page["QueueUrls"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=f"{prefix}-none")
    for wrong in ({"MaxResults": 0}, {"MaxResults": 1001}, {"MaxResults": 1, "NextToken": "made-up"}):
        assert code_and_status(sqs.list_queues, **wrong) == ("InvalidParameterValue", 400)


def test_accounts_and_regions_have_queues_of_their_own(client: Client, sqs: Any, name: str, url: str) -> None:
    for other in (client("sqs", region="eu-west-1"), client("sqs", account="111111111111")):
        assert refusal(other.get_queue_url, QueueName=name) == NO_QUEUE
        assert url not in other.list_queues(QueueNamePrefix=name).get("QueueUrls", [])
    theirs = client("sqs", account="111111111111")
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=OTHERS[:1], Actions=["GetQueueUrl"])
    assert theirs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=ACCOUNT)["QueueUrl"] == url


SETTABLE = {
    "DelaySeconds": "900",
    "MaximumMessageSize": "1024",
    "MessageRetentionPeriod": "60",
    "ReceiveMessageWaitTimeSeconds": "20",
    "VisibilityTimeout": "43200",
    "KmsMasterKeyId": "alias/aws/sqs",
    "KmsDataKeyReusePeriodSeconds": "86400",
}


def test_attributes_are_set_and_shown(sqs: Any, url: str) -> None:
    sqs.set_queue_attributes(QueueUrl=url, Attributes=SETTABLE)
    found = attributes(sqs, url)
    assert {name: found[name] for name in SETTABLE} == SETTABLE
    assert found["SqsManagedSseEnabled"] == "false"
    assert attributes(sqs, url, "DelaySeconds", "QueueArn").keys() == {"DelaySeconds", "QueueArn"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)


OUT_OF_RANGE = [
    ("DelaySeconds", "-1"), ("DelaySeconds", "901"), ("DelaySeconds", "1.5"), ("DelaySeconds", "soon"),
    ("DelaySeconds", ""), ("MaximumMessageSize", "1023"), ("MaximumMessageSize", "1048577"),
    ("MessageRetentionPeriod", "59"), ("MessageRetentionPeriod", "1209601"),
    ("ReceiveMessageWaitTimeSeconds", "21"), ("VisibilityTimeout", "43201"),
    ("KmsDataKeyReusePeriodSeconds", "59"), ("KmsDataKeyReusePeriodSeconds", "86401"),
    ("SqsManagedSseEnabled", "maybe"), ("Policy", "no json"), ("Policy", "{}"), ("RedriveAllowPolicy", "[]"),
]  # fmt: skip


@pytest.mark.parametrize(("attribute", "value"), OUT_OF_RANGE)
def test_an_attribute_out_of_its_range_is_refused(
    sqs: Any, name: str, url: str, attribute: str, value: str
) -> None:
    refused = ("InvalidAttributeValue", 400, f"Invalid value for the parameter {attribute}.")
    given = {attribute: value}
    assert refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes=given) == refused
    assert refusal(sqs.create_queue, QueueName=f"{name}-2", Attributes=given) == refused
    assert refusal(sqs.get_queue_url, QueueName=f"{name}-2") == NO_QUEUE


@pytest.mark.parametrize("attribute", ["Colour", "QueueArn", "FifoQueue", "ContentBasedDeduplication", "All"])
def test_an_attribute_that_the_queue_cannot_have_is_refused(sqs: Any, url: str, attribute: str) -> None:
    refused = ("InvalidAttributeName", 400, f"Unknown Attribute {attribute}.")
    assert refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={attribute: "true"}) == refused


def test_an_attribute_that_no_queue_has_cannot_be_asked_for(sqs: Any, url: str) -> None:
    refused = ("InvalidAttributeName", 400, "Unknown Attribute Colour.")
    assert refusal(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All", "Colour"]) == refused


def test_one_kind_of_encryption_at_a_time(sqs: Any, url: str) -> None:
    both = {"KmsMasterKeyId": "key", "SqsManagedSseEnabled": "true"}
    code, status, message = refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes=both)
    assert (code, status) == ("InvalidAttributeName", 400)
    assert message.startswith("You can use one type of server-side encryption (SSE) at one time.")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "key"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "", "SqsManagedSseEnabled": "true"})
    assert attributes(sqs, url, "SqsManagedSseEnabled", "KmsMasterKeyId") == {"SqsManagedSseEnabled": "true"}


def test_a_fifo_queues_attributes(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    asked = ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
    standing = dict(zip(asked, ("true", "false", "queue", "perQueue"), strict=True))
    assert attributes(sqs, url, *asked) == standing
    set_attributes = sqs.set_queue_attributes
    for attribute in ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"):
        refused = refusal(set_attributes, QueueUrl=url, Attributes={attribute: "often"})
        assert refused == ("InvalidAttributeValue", 400, f"Invalid value for the parameter {attribute}.")
    only_one = {"FifoThroughputLimit": "perMessageGroupId"}
    assert code_and_status(set_attributes, QueueUrl=url, Attributes=only_one) == (
        "InvalidAttributeValue",
        400,
    )
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    set_attributes(QueueUrl=url, Attributes=high)
    assert attributes(sqs, url, *asked) == {**standing, **high}
    refused = refusal(set_attributes, QueueUrl=url, Attributes={"FifoQueue": "false"})
    text = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
    assert refused == ("InvalidAttributeValue", 400, text)


def test_tags(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name, tags={"a": "1", "b": ""})["QueueUrl"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1", "b": ""}
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2", "c": "ü"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "never"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2", "c": "ü"}
    many = {f"t{at}": "x" for at in range(51)}
    refused = ("InvalidParameterValue", 400, f"Too many tags added for queue {name}.")
    assert refusal(sqs.tag_queue, QueueUrl=url, Tags=many) == refused
    assert code_and_status(sqs.create_queue, QueueName=f"{name}-2", tags=many) == refused[:2]
    sqs.untag_queue(QueueUrl=url, TagKeys=["b", "c"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


def test_permissions_are_statements_of_the_queues_policy(sqs: Any, name: str, url: str) -> None:
    sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=OTHERS[:1], Actions=["SendMessage"])
    sqs.add_permission(QueueUrl=url, Label="two", AWSAccountIds=OTHERS, Actions=["*", "DeleteMessage"])
    roots = [f"arn:aws:iam::{account}:root" for account in OTHERS]
    common = {"Effect": "Allow", "Resource": arn_of(name)}
    one = {"Sid": "one", "Principal": {"AWS": roots[0]}, "Action": "SQS:SendMessage", **common}
    two = {"Sid": "two", "Principal": {"AWS": roots}, "Action": ["SQS:*", "SQS:DeleteMessage"], **common}
    policy = json.loads(attributes(sqs, url, "Policy")["Policy"])
    assert policy["Version"] == "2008-10-17"
    assert policy["Statement"] == [one, two]
    refused = refusal(
        sqs.add_permission, QueueUrl=url, Label="one", AWSAccountIds=OTHERS, Actions=["SendMessage"]
    )
    text = "Value one for parameter Label is invalid. Reason: Already exists."
    assert refused == ("InvalidParameterValue", 400, text)
    sqs.remove_permission(QueueUrl=url, Label="one")
    assert json.loads(attributes(sqs, url, "Policy")["Policy"])["Statement"] == [two]
    sqs.remove_permission(QueueUrl=url, Label="two")
    assert attributes(sqs, url, "Policy") == {}
    text = "Value two for parameter Label is invalid. Reason: can't find label."
    assert refusal(sqs.remove_permission, QueueUrl=url, Label="two") == ("InvalidParameterValue", 400, text)


ACTIONS = [
    "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
    "GetQueueUrl", "PurgeQueue", "ListDeadLetterSourceQueues",
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        ({"Label": "a b"}, "InvalidParameterValue", 400),
        ({"Label": "x" * 81}, "InvalidParameterValue", 400),
        ({"Actions": ["CreateQueue"]}, "InvalidParameterValue", 400),
        ({"Actions": []}, "MissingParameter", 400),
        ({"Actions": ACTIONS}, "OverLimit", 403),
        ({"AWSAccountIds": []}, "MissingParameter", 400),
        ({"AWSAccountIds": ["somebody"]}, "InvalidParameterValue", 400),
    ],
)
def test_a_permission_that_is_none_is_refused(
    sqs: Any, url: str, given: dict[str, Any], code: str, status: int
) -> None:
    params = {"QueueUrl": url, "Label": "l", "AWSAccountIds": OTHERS, "Actions": ["SendMessage"], **given}
    assert code_and_status(sqs.add_permission, **params) == (code, status)
    assert attributes(sqs, url, "Policy") == {}


def test_a_policy_is_kept_as_it_is_and_removed_by_an_empty_one(sqs: Any, url: str) -> None:
    policy = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]}'
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    assert attributes(sqs, url, "Policy") == {"Policy": policy}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert attributes(sqs, url, "Policy") == {}


def test_purging_deletes_what_is_there_and_is_allowed_once_a_minute(sqs: Any, name: str, url: str) -> None:
    entries = [{"Id": str(at), "MessageBody": "a", "DelaySeconds": at * 300} for at in range(3)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    sqs.send_message(QueueUrl=url, MessageBody="b")
    counts = [name for name in DEFAULTS if name.startswith("Approximate")]
    assert attributes(sqs, url, *counts) == dict(zip(sorted(counts), "121", strict=True))
    sqs.purge_queue(QueueUrl=url)
    assert set(attributes(sqs, url, *counts).values()) == {"0"}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    text = f"Only one PurgeQueue operation on {name} is allowed every 60 seconds."
    assert refusal(sqs.purge_queue, QueueUrl=url) == (f"{PREFIX}PurgeQueueInProgress", 403, text)
    sqs.send_message(QueueUrl=url, MessageBody="c")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "c"
