"""Secrets Manager by boto3: secrets, their versions, their deletion, and secrets of stacks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from waiting import wait_for

Client = Callable[..., Any]


@pytest.fixture
def secrets(client: Client) -> Any:
    return client("secretsmanager")


@pytest.fixture
def name() -> str:
    return f"t{uuid4().hex[:8]}"


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_the_versions_of_a_secret(secrets: Any, name: str) -> None:
    made = secrets.create_secret(
        Name=name, SecretString="one", Description="d", Tags=[{"Key": "a", "Value": "b"}]
    )
    arn = made["ARN"]
    assert re.fullmatch(rf"arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-[A-Za-z0-9]{{6}}", arn)
    for secret_id in (name, arn, arn[:-7]):
        found = secrets.get_secret_value(SecretId=secret_id)
        assert (found["SecretString"], found["VersionStages"]) == ("one", ["AWSCURRENT"])
    token = str(uuid4())
    for _ in range(2):
        put = secrets.put_secret_value(SecretId=name, SecretBinary=b"\x00two", ClientRequestToken=token)
        assert (put["VersionId"], put["VersionStages"]) == (token, ["AWSCURRENT"])
    refused = refusal(secrets.put_secret_value, SecretId=name, SecretString="x", ClientRequestToken=token)
    assert refused.startswith(f"ResourceExistsException: You can't use ClientRequestToken {token} because")
    assert secrets.get_secret_value(SecretId=name)["SecretBinary"] == b"\x00two"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    described = secrets.describe_secret(SecretId=name)
    assert described["VersionIdsToStages"] == {made["VersionId"]: ["AWSPREVIOUS"], token: ["AWSCURRENT"]}
    assert (described["Description"], described["Tags"]) == ("d", [{"Key": "a", "Value": "b"}])
    pending = secrets.put_secret_value(SecretId=name, SecretString="3", VersionStages=["AWSPENDING", "x"])
    assert pending["VersionStages"] == ["AWSPENDING", "x"]
    secrets.update_secret(SecretId=name, SecretString="four", Description="e")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "four"
    assert secrets.get_secret_value(SecretId=name, VersionId=made["VersionId"])["SecretString"] == "one"
    assert "exists" in refusal(secrets.create_secret, Name=name, SecretString="one")


def test_what_is_not_there(secrets: Any, name: str) -> None:
    missing = "ResourceNotFoundException: Secrets Manager can't find the specified secret"
    assert refusal(secrets.get_secret_value, SecretId=name) == f"{missing}."
    secrets.create_secret(Name=name)
    assert (
        refusal(secrets.get_secret_value, SecretId=name) == f"{missing} value for staging label: AWSCURRENT"
    )
    assert "Invalid name" in refusal(secrets.create_secret, Name="a b")
    assert "can't specify both" in refusal(
        secrets.put_secret_value, SecretId=name, SecretString="a", SecretBinary=b"a"
    )


def test_deletion_and_restoration(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    assert "between 7 and 30" in refusal(secrets.delete_secret, SecretId=name, RecoveryWindowInDays=6)
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert "marked for deletion" in refusal(secrets.get_secret_value, SecretId=name)
    assert "already scheduled for deletion" in refusal(secrets.create_secret, Name=name, SecretString="two")
    assert secrets.describe_secret(SecretId=name)["DeletedDate"]
    assert name not in {one["Name"] for one in secrets.list_secrets()["SecretList"]}
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert secrets.create_secret(Name=name, SecretString="two")["VersionId"]


@pytest.mark.parametrize(
    "options, pattern",
    [
        ({}, r"[!-~]{32}"),
        ({"PasswordLength": 4, "ExcludePunctuation": True, "IncludeSpace": True}, r"[a-zA-Z0-9 ]{4}"),
        ({"ExcludeUppercase": True, "ExcludeLowercase": True, "ExcludePunctuation": True}, r"[0-9]{32}"),
        ({"PasswordLength": 99, "ExcludeCharacters": '0123456789!/@"'}, r"[^0-9!/@\"]{99}"),
    ],
)
def test_random_passwords(secrets: Any, options: dict[str, Any], pattern: str) -> None:
    assert re.fullmatch(pattern, secrets.get_random_password(**options)["RandomPassword"])


def test_a_password_too_short_for_its_types_is_refused(secrets: Any) -> None:
    assert "too short" in refusal(secrets.get_random_password, PasswordLength=3)


def test_a_stack_with_secrets(client: Client, secrets: Any, name: str) -> None:
    formation = client("cloudformation")

    def template(length: int, text: str) -> str:
        generated = {
            "SecretStringTemplate": '{"username":"admin"}',
            "GenerateStringKey": "password",
            "PasswordLength": length,
            "ExcludePunctuation": True,
        }
        resources = {
            "Made": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"GenerateSecretString": generated},
            },
            "Given": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"Name": f"{name}/given", "SecretString": text},
            },
        }
        outputs = {one: {"Value": {"Ref": one}} for one in resources}
        return json.dumps({"Resources": resources, "Outputs": outputs})

    def settled(status: str) -> dict[str, str]:
        def found() -> Any:
            (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
            return stack if not stack["StackStatus"].endswith("IN_PROGRESS") else None

        stack = wait_for(found)
        assert stack["StackStatus"] == status, stack
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    formation.create_stack(StackName=name, TemplateBody=template(20, "hunter1"))
    arns = settled("CREATE_COMPLETE")
    value = json.loads(secrets.get_secret_value(SecretId=arns["Made"])["SecretString"])
    assert value["username"] == "admin"
    assert re.fullmatch(r"[a-zA-Z0-9]{20}", value["password"])
    assert re.search(r":secret:Made-\w{12}-\w{6}$", arns["Made"])
    formation.update_stack(StackName=name, TemplateBody=template(21, "hunter2"))
    assert settled("UPDATE_COMPLETE") == arns
    assert len(json.loads(secrets.get_secret_value(SecretId=arns["Made"])["SecretString"])["password"]) == 21
    assert secrets.get_secret_value(SecretId=f"{name}/given")["SecretString"] == "hunter2"
    events = json.dumps(formation.describe_stack_events(StackName=name)["StackEvents"], default=str)
    assert "hunter" not in events
    assert "****" in events
    formation.delete_stack(StackName=name)
    wait_for(lambda: "can't find" in _found(secrets, f"{name}/given"))


def _found(secrets: Any, secret: str) -> str:
    try:
        return str(secrets.describe_secret(SecretId=secret)["Name"])
    except ClientError as error:
        return str(error)
