"""KMS by boto3: symmetric keys, their aliases and data keys, the AWS managed keys, and what a restart keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]


@pytest.fixture
def kms(client: Client) -> Any:
    return client("kms")


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_key_encrypts_under_its_context(kms: Any) -> None:
    key = kms.create_key(Description="orders")["KeyMetadata"]
    kms.create_alias(AliasName="alias/orders", TargetKeyId=key["KeyId"])
    context = {"tenant": "a"}
    sealed = kms.encrypt(KeyId="alias/orders", Plaintext=b"secret", EncryptionContext=context)
    assert sealed["KeyId"] == key["Arn"]
    assert b"secret" not in sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", key["Arn"])
    assert refusal(kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])[0] == "InvalidCiphertextException"
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    wrong = refusal(
        kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context, KeyId=other
    )
    assert wrong[0] == "IncorrectKeyException"
    moved = kms.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"], SourceEncryptionContext=context, DestinationKeyId=other
    )
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"secret"
    data = kms.generate_data_key(KeyId=key["Arn"], KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    assert len(data["Plaintext"]) == 32


def test_names_that_lead_nowhere(kms: Any) -> None:
    assert refusal(kms.describe_key, KeyId="nonsense") == ("NotFoundException", "Invalid keyId nonsense")
    unknown = "12345678-1234-1234-1234-123456789012"
    code, message = refusal(kms.describe_key, KeyId=unknown)
    assert (code, message) == (
        "NotFoundException",
        f"Key 'arn:aws:kms:us-east-1:000000000000:key/{unknown}' does not exist",
    )
    code, message = refusal(kms.encrypt, KeyId="alias/missing", Plaintext=b"x")
    assert message == "Alias arn:aws:kms:us-east-1:000000000000:alias/missing is not found."
    elsewhere = f"arn:aws:kms:eu-west-1:000000000000:key/{unknown}"
    assert refusal(kms.encrypt, KeyId=elsewhere, Plaintext=b"x")[1] == "Invalid arn eu-west-1"
    assert refusal(kms.create_alias, AliasName="nope", TargetKeyId=unknown)[0] == "ValidationException"


def test_a_disabled_key_and_one_to_be_deleted(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    assert refusal(kms.decrypt, CiphertextBlob=sealed) == ("DisabledException", f"{key['Arn']} is disabled.")
    kms.enable_key(KeyId=key["KeyId"])
    reply = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert (reply["KeyState"], reply["KeyId"]) == ("PendingDeletion", key["Arn"])
    assert refusal(kms.decrypt, CiphertextBlob=sealed) == (
        "KMSInvalidStateException",
        f"{key['Arn']} is pending deletion.",
    )
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"


def test_an_aws_managed_key_is_made_at_its_first_use(client: Client) -> None:
    kms = client("kms", region="ap-south-1")
    assert kms.list_keys()["Keys"] == []
    key = kms.describe_key(KeyId="alias/aws/ssm")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    assert kms.describe_key(KeyId="alias/aws/ssm")["KeyMetadata"]["KeyId"] == key["KeyId"]
    assert refusal(kms.schedule_key_deletion, KeyId=key["KeyId"])[0] == "AccessDeniedException"
    assert refusal(kms.describe_key, KeyId="alias/aws/nothing")[0] == "NotFoundException"
    assert refusal(kms.create_alias, AliasName="alias/aws/mine", TargetKeyId=key["KeyId"])[0] == (
        "NotAuthorizedException"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"


def test_a_restart_keeps_keys_and_no_material_lies_open(folder: Path) -> None:
    node = RunningNode(folder)
    try:
        kms = node.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        sealed = kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
        kms.rotate_key_on_demand(KeyId=key)
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"kept"
        assert kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"][25:33] != sealed[25:33]
    finally:
        node.kill()
    node = RunningNode(folder)
    try:
        assert node.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"kept"
        assert len(node.client("kms").list_key_rotations(KeyId=key)["Rotations"]) == 1
    finally:
        node.stop()


def test_a_stack_has_a_key_and_its_alias(client: Client) -> None:
    kms, stacks = client("kms"), client("cloudformation")

    def template(description: str, target: str, enabled: bool) -> str:
        key = {
            "Description": description,
            "EnableKeyRotation": enabled,
            "Enabled": enabled,
            "PendingWindowInDays": 7,
        }
        resources = {
            "One": {
                "Type": "AWS::KMS::Key",
                "Properties": {**key, "Tags": [{"Key": "a", "Value": description}]},
            },
            "Two": {"Type": "AWS::KMS::Key"},
            "Name": {
                "Type": "AWS::KMS::Alias",
                "Properties": {"AliasName": "alias/of-a-stack", "TargetKeyId": {"Ref": target}},
            },
        }
        outputs = {"Arn": {"Value": {"Fn::GetAtt": ["One", "Arn"]}}, "Id": {"Value": {"Ref": "One"}}}
        return json.dumps({"Resources": resources, "Outputs": outputs})

    stacks.create_stack(StackName="keys", TemplateBody=template("first", "One", True))
    stacks.get_waiter("stack_create_complete").wait(StackName="keys", WaiterConfig={"Delay": 0.1})
    outputs = stacks.describe_stacks(StackName="keys")["Stacks"][0]["Outputs"]
    found = {one["OutputKey"]: one["OutputValue"] for one in outputs}
    key = kms.describe_key(KeyId="alias/of-a-stack")["KeyMetadata"]
    assert (key["Arn"], key["KeyId"], key["Description"]) == (found["Arn"], found["Id"], "first")
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]

    stacks.update_stack(StackName="keys", TemplateBody=template("second", "Two", False))
    stacks.get_waiter("stack_update_complete").wait(StackName="keys", WaiterConfig={"Delay": 0.1})
    changed = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert (changed["Description"], changed["KeyState"]) == ("second", "Disabled")
    assert kms.describe_key(KeyId="alias/of-a-stack")["KeyMetadata"]["KeyId"] != key["KeyId"]
    tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
    assert {"TagKey": "a", "TagValue": "second"} in tags

    stacks.delete_stack(StackName="keys")
    wait_for(lambda: kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion")
    stacks.get_waiter("stack_delete_complete").wait(StackName="keys", WaiterConfig={"Delay": 0.1})
    assert refusal(kms.describe_key, KeyId="alias/of-a-stack")[0] == "NotFoundException"


def test_an_asymmetric_key_never_rotates_by_itself(client: Client) -> None:
    kms = client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is False
