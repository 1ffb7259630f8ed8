"""The KMS keys that queues, topics, functions, buses, archives and log groups name are looked at when they are used."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from key_policies import lets

Client = Callable[..., Any]
ACCOUNT = "000000000000"
UNKNOWN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"


@pytest.fixture
def kms(client: Client) -> Any:
    return client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["Arn"])


def code_of(call: Callable[..., Any], **params: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**params)
    return str(refused.value.response["Error"]["Code"])


def name() -> str:
    return f"keyed-{uuid4().hex[:10]}"


def test_queues(client: Client, kms: Any, key: str) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name(), Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    send = {"QueueUrl": url, "MessageBody": "tea"}
    sqs.send_message(**send)
    kms.disable_key(KeyId=key)
    assert code_of(sqs.send_message, **send) == "KMS.DisabledException"
    assert code_of(sqs.receive_message, QueueUrl=url) == "KMS.DisabledException"
    entry = {"Id": "1", "MessageBody": "tea"}
    assert code_of(sqs.send_message_batch, QueueUrl=url, Entries=[entry]) == "KMS.DisabledException"
    kms.schedule_key_deletion(KeyId=key)
    assert code_of(sqs.send_message, **send) == "KMS.InvalidStateException"
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "tea"
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    for named, expected in ((UNKNOWN, "KMS.NotFoundException"), (mac, "KMS.InvalidKeyUsageException")):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": named})
        assert code_of(sqs.send_message, **send) == expected
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
    sqs.send_message(**send)


def test_topics(client: Client, kms: Any, key: str) -> None:
    sns, sqs = client("sns"), client("sqs")
    topic = sns.create_topic(Name=name(), Attributes={"KmsMasterKeyId": key})["TopicArn"]
    sns.publish(TopicArn=topic, Message="tea")
    kms.disable_key(KeyId=key)
    assert code_of(sns.publish, TopicArn=topic, Message="tea") == "KMSDisabled"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="alias/none")
    assert code_of(sns.publish, TopicArn=topic, Message="tea") == "KMSNotFound"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns")
    sns.publish(TopicArn=topic, Message="tea")
    kms.put_key_policy(KeyId=key, Policy=lets("sns.amazonaws.com"))
    # A subscribed queue with a key that cannot be used does not get the message; the publisher does not hear of it.
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    attributes = {"KmsMasterKeyId": key, "Policy": json.dumps({"Statement": [allow]})}
    queue = name()
    url = sqs.create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"]
    lost = name()
    lost_url = sqs.create_queue(QueueName=lost, Attributes={"Policy": attributes["Policy"]})["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{lost}"})
    endpoint = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes={"RedrivePolicy": redrive})
    sns.publish(TopicArn=topic, Message="tea")
    (letter,) = sqs.receive_message(QueueUrl=lost_url, WaitTimeSeconds=20)["Messages"]
    assert json.loads(letter["Body"])["Message"] == "tea"
    kms.enable_key(KeyId=key)
    sns.publish(TopicArn=topic, Message="coffee")
    found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(found[0]["Body"])["Message"] == "coffee"


def package() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "import os\ndef handler(event, context):\n    return os.environ['TEA']\n")
    return packed.getvalue()


def test_functions(client: Client, kms: Any, key: str) -> None:
    functions, iam = client("lambda"), client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name(), AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    function: dict[str, Any] = {
        "FunctionName": name(),
        "Runtime": f"python3.{sys.version_info.minor}",
        "Handler": "app.handler",
        "Role": role,
        "Code": {"ZipFile": package()},
        "Environment": {"Variables": {"TEA": "tea"}},
    }
    assert (
        code_of(functions.create_function, **function, KMSKeyArn=UNKNOWN) == "InvalidParameterValueException"
    )
    functions.create_function(**function, KMSKeyArn=key)
    invoke = {"FunctionName": function["FunctionName"]}
    assert functions.invoke(**invoke)["Payload"].read() == b'"tea"'
    kms.disable_key(KeyId=key)
    assert code_of(functions.invoke, **invoke) == "KMSDisabledException"
    assert code_of(functions.update_function_configuration, **invoke, KMSKeyArn=key) == (
        "InvalidParameterValueException"
    )
    kms.enable_key(KeyId=key)
    assert functions.invoke(**invoke)["Payload"].read() == b'"tea"'
    deny = {"Effect": "Deny", "Principal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*"}
    admit = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    kms.put_key_policy(KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": [admit, deny]}))
    assert code_of(functions.invoke, **invoke) == "KMSAccessDeniedException"
    kms.disable_key(KeyId=key)
    environment = functions.get_function_configuration(**invoke)["Environment"]
    assert environment["Error"]["ErrorCode"] == "DisabledException"


def test_buses_archives_and_connections(client: Client, kms: Any, key: str) -> None:
    events = client("events")
    bus = name()
    assert code_of(events.create_event_bus, Name=bus, KmsKeyIdentifier=UNKNOWN) == "ResourceNotFoundException"
    assert code_of(events.create_event_bus, Name=bus, KmsKeyIdentifier=key) == "ValidationException"
    kms.put_key_policy(KeyId=key, Policy=lets("events.amazonaws.com"))
    arn = events.create_event_bus(Name=bus, KmsKeyIdentifier=key)["EventBusArn"]
    entry = {"EventBusName": bus, "Source": "shop", "DetailType": "order", "Detail": "{}"}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    archive: dict[str, Any] = {"ArchiveName": name(), "EventSourceArn": arn, "KmsKeyIdentifier": key}
    made = events.create_archive(**archive)["ArchiveArn"]
    kms.disable_key(KeyId=key)
    (refused, taken) = events.put_events(Entries=[entry, {**entry, "EventBusName": "default"}])["Entries"]
    assert (refused["ErrorCode"], refused["ErrorMessage"]) == ("AccessDeniedException", f"{key} is disabled.")
    assert taken["EventId"]
    assert code_of(events.update_event_bus, Name=bus, KmsKeyIdentifier=key) == "ValidationException"
    assert code_of(events.create_archive, **archive | {"ArchiveName": name()}) == "ValidationException"
    replay = {"ReplayName": name(), "EventSourceArn": made, "Destination": {"Arn": arn}}
    times = {"EventStartTime": 0, "EventEndTime": 1}
    assert code_of(events.start_replay, **replay, **times) == "ValidationException"
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}}
    connection = {"Name": name(), "AuthorizationType": "API_KEY", "AuthParameters": auth}
    assert code_of(events.create_connection, **connection, KmsKeyIdentifier=key) == "ValidationException"
    kms.enable_key(KeyId=key)
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    kms.put_key_policy(KeyId=key, Policy=lets("sns.amazonaws.com"))
    assert events.put_events(Entries=[entry])["Entries"][0]["ErrorCode"] == "AccessDeniedException"


def test_log_groups(client: Client, kms: Any, key: str) -> None:
    logs, stacks = client("logs"), client("cloudformation")
    group, stream = name(), "s"
    assert code_of(logs.create_log_group, logGroupName=group, kmsKeyId=UNKNOWN) == "InvalidParameterException"
    assert code_of(logs.create_log_group, logGroupName=group, kmsKeyId=key) == "InvalidParameterException"
    kms.put_key_policy(KeyId=key, Policy=lets("logs.us-east-1.amazonaws.com"))
    logs.create_log_group(logGroupName=group, kmsKeyId=key)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    (shown,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert shown["kmsKeyId"] == key
    where = {"logGroupName": group, "logStreamName": stream}
    kms.disable_key(KeyId=key)
    assert code_of(logs.get_log_events, **where) == "AccessDeniedException"
    assert code_of(logs.filter_log_events, logGroupName=group) == "AccessDeniedException"
    assert code_of(logs.associate_kms_key, logGroupName=group, kmsKeyId=key) == "InvalidParameterException"
    logs.disassociate_kms_key(logGroupName=group)
    logs.get_log_events(**where)
    kms.enable_key(KeyId=key)

    def template(**properties: Any) -> str:
        return json.dumps({"Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": properties}}})

    stack = name()
    stacks.create_stack(StackName=stack, TemplateBody=template(LogGroupName=f"{stack}-g", KmsKeyId=key))
    stacks.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 0.1})
    (shown,) = logs.describe_log_groups(logGroupNamePrefix=f"{stack}-g")["logGroups"]
    assert shown["kmsKeyId"] == key
    stacks.update_stack(StackName=stack, TemplateBody=template(LogGroupName=f"{stack}-g"))
    stacks.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 0.1})
    assert "kmsKeyId" not in logs.describe_log_groups(logGroupNamePrefix=f"{stack}-g")["logGroups"][0]
    stacks.delete_stack(StackName=stack)


def test_a_rule_reaches_a_queue_whose_key_lets_eventbridge_use_it(client: Client, kms: Any, key: str) -> None:
    events, sqs, rule, queue = client("events"), client("sqs"), name(), name()
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Statement": [allow]})
    url = sqs.create_queue(QueueName=queue, Attributes={"KmsMasterKeyId": key, "Policy": policy})["QueueUrl"]
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"}])
    entry = {"Source": rule, "DetailType": "order", "Detail": "{}"}
    lost = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
    kms.put_key_policy(KeyId=key, Policy=lets("events.amazonaws.com"))
    reached = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"])["id"] == reached != lost
    other = client("sqs", account="111122223333")
    assert code_of(other.send_message, QueueUrl=url, MessageBody="tea") == "KMS.AccessDeniedException"
