"""Records have CloudTrail's names and identities, and no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.audit.event_kinds import event_name, is_data_event, is_read_only
from nightbus.audit.parameters import HIDDEN, json_bytes, shown
from nightbus.audit.record import NotedCall, record_of
from nightbus.aws.calls import Call, Caller, Scope, Session
from nightbus.aws.errors import AwsError
from nightbus.gateway.models import load_service

SCOPE = Scope("123456789012", "eu-west-1")
ROLE = f"arn:aws:iam::{SCOPE.account}:role/service/Worker"
SESSION = f"arn:aws:sts::{SCOPE.account}:assumed-role/Worker/me"


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("lambda", "CreateFunction", {"FunctionName": "f", "Environment": {"Variables": {"A": "swordfish"}}}),
        ("lambda", "CreateFunction", {"FunctionName": "f", "Code": {"ZipFile": "swordfish"}}),
        ("lambda", "Invoke", {"FunctionName": "f", "Payload": b"swordfish"}),
        (
            "events",
            "CreateConnection",
            {
                "Name": "c",
                "AuthParameters": {"BasicAuthParameters": {"Username": "u", "Password": "swordfish"}},
            },
        ),
        ("events", "PutEvents", {"Entries": [{"Source": "s", "Detail": "swordfish"}]}),
        ("cloudformation", "CreateStack", {"TemplateBody": "swordfish"}),
        (
            "cloudformation",
            "CreateStack",
            {"Parameters": [{"ParameterKey": "p", "ParameterValue": "swordfish"}]},
        ),
        ("cloudcontrol", "CreateResource", {"TypeName": "t", "DesiredState": '{"a": "swordfish"}'}),
        ("ssm", "PutParameter", {"Name": "n", "Value": "swordfish"}),
        ("secretsmanager", "CreateSecret", {"Name": "n", "SecretString": "swordfish"}),
        ("kms", "Encrypt", {"KeyId": "k", "Plaintext": b"swordfish"}),
        ("iam", "ChangePassword", {"OldPassword": "swordfish", "NewPassword": "swordfish"}),
        (
            "sns",
            "CreatePlatformApplication",
            {"Name": "n", "Attributes": {"PlatformCredential": "swordfish"}},
        ),
        ("sns", "Subscribe", {"TopicArn": "t", "Endpoint": "https://me:swordfish@example.com"}),
        ("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": "swordfish"}),
        ("logs", "PutLogEvents", {"logEvents": [{"timestamp": 1, "message": "swordfish"}]}),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": b"swordfish"}),
    ],
)
def test_secrets_and_bodies_are_hidden(service: str, operation: str, params: dict[str, Any]) -> None:
    written = shown(service, load_service(service).operations[operation].input, params)
    assert "swordfish" not in json.dumps(written)
    assert HIDDEN in json.dumps(written) or service == "s3"


@pytest.mark.parametrize(
    ("service", "operation", "name", "read_only", "is_data"),
    [
        ("lambda", "CreateFunction", "CreateFunction20150331", False, False),
        ("lambda", "UpdateFunctionCode", "UpdateFunctionCode20150331v2", False, False),
        ("lambda", "TagResource", "TagResource20170331v2", False, False),
        ("lambda", "PutFunctionConcurrency", "PutFunctionConcurrency20171031", False, False),
        ("lambda", "CreateFunctionUrlConfig", "CreateFunctionUrlConfig", False, False),
        ("lambda", "Invoke", "Invoke", False, True),
        ("s3", "ListObjectsV2", "ListObjects", True, True),
        ("s3", "PutPublicAccessBlock", "PutBucketPublicAccessBlock", False, False),
        ("kms", "Decrypt", "Decrypt", True, False),
        ("kms", "GenerateDataKey", "GenerateDataKey", True, False),
        ("sts", "AssumeRole", "AssumeRole", True, False),
        ("sqs", "ReceiveMessage", "ReceiveMessage", True, True),
        ("sqs", "PurgeQueue", "PurgeQueue", False, False),
        ("ssm", "GetParameter", "GetParameter", True, False),
        ("secretsmanager", "GetSecretValue", "GetSecretValue", True, False),
        ("events", "PutEvents", "PutEvents", False, True),
        ("sns", "Publish", "Publish", False, True),
    ],
)
def test_calls_are_named_and_sorted_as_by_cloudtrail(
    service: str, operation: str, name: str, read_only: bool, is_data: bool
) -> None:
    assert event_name(load_service(service).operations[operation]) == name
    assert (is_read_only(service, operation), is_data_event(service, operation)) == (read_only, is_data)


def record(caller: Caller, error: AwsError | None = None, **circumstances: Any) -> dict[str, Any]:
    call = Call(SCOPE, caller, "https://nightbus.example:4566", "request", **circumstances)
    noted = NotedCall(1_790_000_000_000, "sns", "ListTopics", {}, call, None if error else {}, error)
    return record_of(noted, "event")


def test_a_session_names_its_role_and_the_service_in_between() -> None:
    session = Session(ROLE, issued=1_789_000_000_000, mfa=True, source_identity="ada", role_id="AROAX")
    caller = Caller(SCOPE.account, SESSION, "AROAX:me", "ASIAX", session=session)
    made = record(caller, via=("cloudformation",), source_ip="10.0.0.1", user_agent="Boto3")
    assert made["userIdentity"] == {
        "type": "AssumedRole",
        "principalId": "AROAX:me",
        "arn": SESSION,
        "accountId": SCOPE.account,
        "accessKeyId": "ASIAX",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAX",
                "arn": ROLE,
                "accountId": SCOPE.account,
                "userName": "Worker",
            },
            "attributes": {"mfaAuthenticated": "true", "creationDate": "2026-09-10T00:26:40Z"},
            "sourceIdentity": "ada",
        },
        "invokedBy": "cloudformation.amazonaws.com",
    }
    assert (made["sourceIPAddress"], made["userAgent"]) == ("cloudformation.amazonaws.com",) * 2


@pytest.mark.parametrize(
    ("caller", "identity"),
    [
        (
            Caller(SCOPE.account, f"arn:aws:iam::{SCOPE.account}:user/path/ada", "AIDAX", "AKIAX"),
            {"type": "IAMUser", "userName": "ada", "principalId": "AIDAX", "accessKeyId": "AKIAX"},
        ),
        (
            Caller.for_service(SCOPE.account, "events.amazonaws.com", "arn"),
            {"type": "AWSService", "invokedBy": "events.amazonaws.com"},
        ),
        (Caller.anonymous(), {"type": "AWSAccount", "accountId": "anonymous"}),
        (Caller.root(SCOPE.account), {"type": "Root", "principalId": SCOPE.account}),
    ],
)
def test_other_callers(caller: Caller, identity: dict[str, str]) -> None:
    made = record(caller, source_ip="10.0.0.1")
    assert identity.items() <= made["userIdentity"].items()


def test_tls_is_mentioned_only_where_there_is_some() -> None:
    assert "tlsDetails" not in record(Caller.root(SCOPE.account))
    with_tls = record(Caller.root(SCOPE.account), is_secure=True)
    assert with_tls["tlsDetails"] == {"clientProvidedHostHeader": "nightbus.example"}


def test_what_is_too_large_is_left_out_and_what_is_no_text_is_written_as_text() -> None:
    shape = load_service("sns").operations["CreateTopic"].input
    large = shown("sns", shape, {"Name": "x" * 200_000})
    assert large is not None
    assert (large["omitted"], large["originalSize"] > 200_000) == (True, True)
    assert json.loads(json_bytes({"a": "\ud800"})) == {"a": "?"}
