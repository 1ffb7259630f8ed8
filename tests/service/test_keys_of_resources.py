"""Whoever uses a bucket, queue, topic, secret, parameter or function with a key needs the key's permission too.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from nodes import RunningNode
from users import ACCOUNT, OTHER_ACCOUNT, User, code_of, document, refusal, statement

BUCKET = "keyed-bucket"
_USES = "kms:GenerateDataKey", "kms:Decrypt", "kms:Encrypt"


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def key(node: RunningNode) -> str:
    return str(node.client("kms").create_key()["KeyMetadata"]["Arn"])


def via(service: str) -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}}


def users(node: RunningNode, name: str, service: str, key: str, *actions: str) -> list[Any]:
    """Return clients of a user without a right on the key, one with one action less, and one with what is needed."""
    found = []
    for title, allowed in (("no", []), ("less", list(actions[1:])), ("able", list(actions))):
        rights = [statement(allowed, key, Condition=via(service))] if allowed else []
        found.append(User(node, f"{name}-{title}", (f"{service}:*", "*"), *rights).client(service))
    return found


def test_objects(node: RunningNode, key: str) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    by_key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Bucket=BUCKET, Key="o", Body=b"text", **by_key)
    none, less, able = users(node, "objects", "s3", key, "kms:Decrypt", "kms:GenerateDataKey")
    copy = {"Bucket": BUCKET, "Key": "copy", "CopySource": f"{BUCKET}/o"}
    for client in none, less:
        refusal(client.get_object, Bucket=BUCKET, Key="o")
        client.head_object(Bucket=BUCKET, Key="o")
        refusal(client.head_object, Bucket=BUCKET, Key="o", ChecksumMode="ENABLED")
        refusal(client.copy_object, **copy)
        refusal(client.create_multipart_upload, Bucket=BUCKET, Key="parts", **by_key)
    upload = able.create_multipart_upload(Bucket=BUCKET, Key="parts", **by_key)["UploadId"]
    part = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload, "PartNumber": 1}
    refusal(less.upload_part, **part, Body=b"text")
    etag = able.upload_part(**part, Body=b"text")["ETag"]
    whole = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    parts = {"MultipartUpload": {"Parts": [{"ETag": etag, "PartNumber": 1}]}}
    refusal(less.complete_multipart_upload, **whole, **parts)
    able.complete_multipart_upload(**whole, **parts)
    refusal(none.put_object, Bucket=BUCKET, Key="new", Body=b"text", **by_key)
    less.put_object(Bucket=BUCKET, Key="new", Body=b"text", **by_key)
    assert able.get_object(Bucket=BUCKET, Key="new")["Body"].read() == b"text"
    able.copy_object(**copy)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    text = refusal(none.put_object, Bucket=BUCKET, Key="by-default", Body=b"text")
    assert f"kms:GenerateDataKey on resource: {key} because no identity-based policy allows" in text
    s3.delete_bucket_encryption(Bucket=BUCKET)
    none.put_object(Bucket=BUCKET, Key="managed", Body=b"text", ServerSideEncryption="aws:kms")
    assert none.get_object(Bucket=BUCKET, Key="managed")["Body"].read() == b"text"


def test_the_encryption_context_of_an_object_is_its_arn(node: RunningNode, key: str) -> None:
    node.client("s3").create_bucket(Bucket="keyed-context")
    condition = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::keyed-context/mine/*"}}
    rights = statement("kms:GenerateDataKey", key, Condition=condition)
    s3 = User(node, "context", ("s3:*", "*"), rights).client("s3")
    request = {
        "Bucket": "keyed-context",
        "Body": b"text",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": key,
    }
    s3.put_object(Key="mine/o", **request)
    refusal(s3.put_object, Key="other/o", **request)
    refusal(s3.put_object, Key="mine/o", BucketKeyEnabled=True, **request)


def test_queues(node: RunningNode, key: str) -> None:
    attributes = {"KmsMasterKeyId": key}
    url = node.client("sqs").create_queue(QueueName="keyed", Attributes=attributes)["QueueUrl"]
    none, less, able = users(node, "queues", "sqs", key, "kms:Decrypt", "kms:GenerateDataKey")
    entry = {"Id": "1", "MessageBody": "text"}
    for client in none, less:
        refusal(client.send_message, QueueUrl=url, MessageBody="text")
        refusal(client.send_message_batch, QueueUrl=url, Entries=[entry])
        refusal(client.receive_message, QueueUrl=url)
    able.send_message(QueueUrl=url, MessageBody="text")
    able.send_message_batch(QueueUrl=url, Entries=[entry])
    assert able.receive_message(QueueUrl=url)["Messages"]
    attributes = {"KmsMasterKeyId": "alias/aws/sqs"}
    managed = node.client("sqs").create_queue(QueueName="managed", Attributes=attributes)["QueueUrl"]
    none.send_message(QueueUrl=managed, MessageBody="text")


def test_a_message_keeps_its_key(node: RunningNode, key: str) -> None:
    """Also when its queue has no key any more, and in a dead-letter queue without one."""
    sqs, name = node.client("sqs"), "forgets-its-key"
    dead = sqs.create_queue(QueueName="keyless")["QueueUrl"]
    dead_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:keyless"
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    settings = {"KmsMasterKeyId": key, "RedrivePolicy": redrive, "VisibilityTimeout": "0"}
    url = sqs.create_queue(QueueName=name, Attributes=settings)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="text")
    none, _, able = users(node, "keeps", "sqs", key, "kms:Decrypt")
    none.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": ""})
    refusal(none.receive_message, QueueUrl=url)  # which counts, as the queue had to hand the message out
    assert "Messages" not in sqs.receive_message(QueueUrl=url)  # and now it moves
    refusal(none.receive_message, QueueUrl=dead, VisibilityTimeout=0)
    assert able.receive_message(QueueUrl=dead, WaitTimeSeconds=5)["Messages"][0]["Body"] == "text"
    sqs.send_message(QueueUrl=url, MessageBody="plain")
    assert none.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "plain"


def test_messages_that_are_moved(node: RunningNode, key: str) -> None:
    sqs, arn = node.client("sqs"), f"arn:aws:sqs:us-east-1:{ACCOUNT}:moved-from"
    attributes = {"KmsMasterKeyId": key}
    sqs.create_queue(QueueName="moved-from", Attributes=attributes)
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    sqs.create_queue(QueueName="moved-to", Attributes={**attributes, "RedrivePolicy": redrive})
    none, less, able = users(node, "moves", "sqs", key, "kms:Decrypt", "kms:GenerateDataKey")
    for client in none, less:
        refusal(client.start_message_move_task, SourceArn=arn)
    able.start_message_move_task(SourceArn=arn)


def test_topics(node: RunningNode, key: str) -> None:
    attributes = {"KmsMasterKeyId": key}
    topic = node.client("sns").create_topic(Name="keyed", Attributes=attributes)["TopicArn"]
    none, less, able = users(node, "topics", "sns", key, "kms:Decrypt", "kms:GenerateDataKey")
    for client in none, less:
        refusal(client.publish, TopicArn=topic, Message="text")
        batch = [{"Id": "1", "Message": "text"}]
        refusal(client.publish_batch, TopicArn=topic, PublishBatchRequestEntries=batch)
    able.publish(TopicArn=topic, Message="text")


def test_secrets(node: RunningNode, key: str) -> None:
    node.client("secretsmanager").create_secret(Name="keyed", SecretString="text", KmsKeyId=key)
    service = "secretsmanager"
    none, less, able = users(node, "secrets", service, key, "kms:Decrypt", "kms:GenerateDataKey")
    for client in none, less:
        refusal(client.get_secret_value, SecretId="keyed")
        assert client.batch_get_secret_value(SecretIdList=["keyed"])["SecretValues"] == []
    refusal(none.put_secret_value, SecretId="keyed", SecretString="other")
    refusal(none.create_secret, Name="another", SecretString="text", KmsKeyId=key)
    assert able.get_secret_value(SecretId="keyed")["SecretString"] == "text"
    none.create_secret(Name="managed", SecretString="text")
    assert none.get_secret_value(SecretId="managed")["SecretString"] == "text"


def test_parameters(node: RunningNode, key: str) -> None:
    node.client("ssm").put_parameter(Name="/keyed/p", Value="text", Type="SecureString", KeyId=key)
    none, less, able = users(node, "parameters", "ssm", key, "kms:Decrypt", "kms:Encrypt")
    for client in none, less:
        refusal(client.get_parameter, Name="/keyed/p", WithDecryption=True)
        refusal(client.get_parameters, Names=["/keyed/p"], WithDecryption=True)
        refusal(client.get_parameters_by_path, Path="/keyed", WithDecryption=True)
        refusal(client.get_parameter_history, Name="/keyed/p", WithDecryption=True)
        assert client.get_parameter(Name="/keyed/p")["Parameter"]["Value"] != "text"
    new = {"Name": "/keyed/q", "Value": "text", "Type": "SecureString", "KeyId": key}
    refusal(none.put_parameter, **new)
    less.put_parameter(**new)
    assert able.get_parameter(Name="/keyed/q", WithDecryption=True)["Parameter"]["Value"] == "text"


def test_variables_of_functions(node: RunningNode, key: str) -> None:
    trust = document(statement("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}))
    role = node.client("iam").create_role(RoleName="keyed", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 1\n")
    function = {
        "Runtime": f"python3.{sys.version_info.minor}",
        "Role": role,
        "Handler": "app.handler",
        "Code": {"ZipFile": code.getvalue()},
        "Environment": {"Variables": {"TEA": "tea"}},
        "KMSKeyArn": key,
    }
    author = [("lambda:*", "*"), ("iam:PassRole", role)]
    setting = statement(["kms:CreateGrant", "kms:Encrypt"], key, Condition=via("lambda"))
    none = User(node, "author-no", *author).client("lambda")
    able = User(node, "author-able", *author, setting).client("lambda")
    with pytest.raises(none.exceptions.InvalidParameterValueException, match="kms:CreateGrant"):
        none.create_function(FunctionName="keyed", **function)
    made = able.create_function(FunctionName="keyed", **function)
    assert made["Environment"]["Error"]["ErrorCode"] == "AccessDeniedException"
    reading = statement("kms:Decrypt", key, Condition=via("lambda"))
    reader = User(node, "variables", ("lambda:GetFunctionConfiguration", "*"), reading).client("lambda")
    shown = reader.get_function_configuration(FunctionName="keyed")["Environment"]
    assert shown == {"Variables": {"TEA": "tea"}}


def test_a_function_does_not_give_away_its_variables_with_its_key(node: RunningNode, key: str) -> None:
    """Who may not decrypt them does not have them encrypted by another key, or by Lambda's own."""
    trust = document(statement("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}))
    role = node.client("iam").create_role(RoleName="keeps", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 1\n")
    functions = node.client("lambda")
    functions.create_function(
        FunctionName="keeps",
        Runtime=f"python3.{sys.version_info.minor}",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"TEA": "secret"}},
        KMSKeyArn=key,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="keeps")
    other = node.client("kms").create_key()["KeyMetadata"]["Arn"]
    author = User(node, "taker", ("lambda:*", "*"), ("kms:*", other)).client("lambda")
    for change in (
        {"KMSKeyArn": ""},
        {"KMSKeyArn": other},
        {"KMSKeyArn": "", "Environment": {}},
    ):
        assert code_of(author.update_function_configuration, FunctionName="keeps", **change), change
    shown = functions.get_function_configuration(FunctionName="keeps")
    assert (shown["KMSKeyArn"], shown["Environment"]) == (key, {"Variables": {"TEA": "secret"}})
    functions.update_function_configuration(FunctionName="keeps", KMSKeyArn="")
    assert "KMSKeyArn" not in functions.get_function_configuration(FunctionName="keeps")


def test_a_user_of_another_account_needs_its_own_policy_and_the_keys(node: RunningNode) -> None:
    kms = node.client("kms")
    root = statement("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    other = statement(list(_USES), "*", Principal={"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"})
    shared = kms.create_key(Policy=document(root, other))["KeyMetadata"]["Arn"]
    everybody = document(statement("sqs:*", "*", Principal="*"))
    attributes = {"KmsMasterKeyId": shared, "Policy": everybody}
    url = node.client("sqs").create_queue(QueueName="shared", Attributes=attributes)["QueueUrl"]
    plain = User(node, "far-plain", ("sqs:*", "*"), account=OTHER_ACCOUNT).client("sqs")
    able = User(node, "far-able", ("sqs:*", "*"), (list(_USES), shared), account=OTHER_ACCOUNT).client("sqs")
    refusal(plain.send_message, QueueUrl=url, MessageBody="text")
    able.send_message(QueueUrl=url, MessageBody="text")
    kms.put_key_policy(KeyId=shared, Policy=document(root))
    refusal(able.send_message, QueueUrl=url, MessageBody="text")


def test_a_session_is_limited_by_its_policy_in_the_use_of_keys_too(node: RunningNode) -> None:
    """Also where a grant names the role, as a resource's policy that names the role does."""
    iam, s3, kms = node.client("iam"), node.client("s3"), node.client("kms")
    trust = document(statement("sts:AssumeRole", Principal={"AWS": ACCOUNT}))
    role = iam.create_role(RoleName="reads", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="reads", PolicyName="own", PolicyDocument=document(statement("s3:*", "*")))
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="keyed-session")
    by_key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Bucket="keyed-session", Key="o", Body=b"text", **by_key)

    def session(*statements: dict[str, Any]) -> Any:
        policy = {"Policy": document(*statements)} if statements else {}
        made = node.client("sts").assume_role(RoleArn=role, RoleSessionName="one", **policy)["Credentials"]
        return node.client(
            "s3",
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=made["SessionToken"],
        )

    refusal(session().get_object, Bucket="keyed-session", Key="o")
    kms.create_grant(KeyId=key, GranteePrincipal=role, Operations=["Decrypt"])
    session().get_object(Bucket="keyed-session", Key="o")
    refusal(session(statement("s3:*", "*")).get_object, Bucket="keyed-session", Key="o")
    both = statement(["s3:*", "kms:Decrypt"], "*")
    session(both).get_object(Bucket="keyed-session", Key="o")


def test_a_services_use_is_the_key_policys_to_allow(node: RunningNode, key: str) -> None:
    """A rule reaches a queue with a key if the key's policy names EventBridge."""
    sqs, events = node.client("sqs"), node.client("events")
    sends = document(statement("sqs:SendMessage", "*", Principal={"Service": "events.amazonaws.com"}))
    attributes = {"KmsMasterKeyId": key, "Policy": sends}
    url = sqs.create_queue(QueueName="ruled", Attributes=attributes)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:ruled"
    dead = sqs.create_queue(QueueName="dead", Attributes={"Policy": sends})["QueueUrl"]
    events.put_rule(Name="ruled", EventPattern=json.dumps({"source": ["keyed"]}))
    target = {
        "Id": "1",
        "Arn": arn,
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"},
        "RetryPolicy": {"MaximumRetryAttempts": 0},
    }
    assert events.put_targets(Rule="ruled", Targets=[target])["FailedEntryCount"] == 0
    entry = {"Source": "keyed", "DetailType": "d", "Detail": "{}"}
    events.put_events(Entries=[entry])
    (lost,) = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=20, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert "kms:GenerateDataKey" in lost["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    root = statement("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    service = {"Service": "events.amazonaws.com"}
    context = {"StringEquals": {"kms:EncryptionContext:aws:sqs:arn": arn}}
    uses = statement(["kms:GenerateDataKey", "kms:Decrypt"], "*", Principal=service, Condition=context)
    node.client("kms").put_key_policy(KeyId=key, Policy=document(root, uses))
    events.put_events(Entries=[entry])
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]


def test_nobody_uses_a_key_without_a_signature(node: RunningNode) -> None:
    """Also where the key's policy is for everybody."""
    import urllib.error
    import urllib.request

    everybody = document(statement("kms:*", "*", Principal="*"))
    key = node.client("kms").create_key(Policy=everybody, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]
    s3 = node.client("s3")
    s3.create_bucket(Bucket="keyed-public")
    reads = document(statement("s3:GetObject", "arn:aws:s3:::keyed-public/*", Principal="*"))
    s3.delete_public_access_block(Bucket="keyed-public")
    s3.put_bucket_policy(Bucket="keyed-public", Policy=reads)
    s3.put_object(Bucket="keyed-public", Key="plain", Body=b"text")
    by_key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["Arn"]}
    s3.put_object(Bucket="keyed-public", Key="keyed", Body=b"text", **by_key)
    with urllib.request.urlopen(f"{node.endpoint}/keyed-public/plain") as reply:
        assert reply.read() == b"text"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{node.endpoint}/keyed-public/keyed")
    far = User(node, "far-reader", ("*", "*"), account=OTHER_ACCOUNT).client("s3")
    far.get_object(Bucket="keyed-public", Key="keyed")


def test_in_audit_mode_keys_are_used_all_the_same() -> None:
    node = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "audit"})
    try:
        kms = node.client("kms")
        names_nobody = document(statement("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        key = kms.create_key(Policy=names_nobody)["KeyMetadata"]["Arn"]
        attributes = {"KmsMasterKeyId": key}
        url = node.client("sqs").create_queue(QueueName="audited", Attributes=attributes)["QueueUrl"]
        able = User(node, "audited", ("sqs:*", "*"))
        able.client("sqs").send_message(QueueUrl=url, MessageBody="text")
        assert able.client("sqs").receive_message(QueueUrl=url)["Messages"]
        far = User(node, "far-audited", account=OTHER_ACCOUNT).client("kms")
        far.encrypt(KeyId=key, Plaintext=b"text")
    finally:
        node.stop()
