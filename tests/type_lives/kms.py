"""The lives of the types of KMS."""

from __future__ import annotations

from type_lives import Drift, Life

KEY = {"Type": "AWS::KMS::Key", "Properties": {"PendingWindowInDays": 7}}
ROOT = {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}],
}

LIVES = [
    Life(
        "AWS::KMS::Key",
        {"Description": "one", "PendingWindowInDays": "7", "Tags": [{"Key": "a", "Value": "1"}]},
        update={"Description": "two", "EnableKeyRotation": "true", "Enabled": "true"},
        replacement=None,
        failing={"KeyPolicy": {"Statement": "nonsense"}},
        drift=Drift(lambda client, id, name: client("kms").disable_key(KeyId=id), "/Enabled"),
    ),
    Life(
        "AWS::KMS::Alias",
        {"AliasName": "alias/NAME", "TargetKeyId": {"Ref": "Key"}},
        update={"TargetKeyId": {"Ref": "Other"}},
        replacement={"AliasName": "alias/NAME-other"},
        failing={"TargetKeyId": "01234567-0123-0123-0123-0123456789ab"},
        drift=Drift(
            lambda client, id, name: client("kms").update_alias(
                AliasName=id, TargetKeyId=client("kms").create_key()["KeyMetadata"]["KeyId"]
            ),
            "/TargetKeyId",
        ),
        around={"Key": KEY, "Other": KEY},
    ),
    Life(
        "AWS::KMS::ReplicaKey",
        {
            "PrimaryKeyArn": "{{resolve:ssm:/type-lives/primary-key}}",
            "KeyPolicy": POLICY,
            "PendingWindowInDays": "7",
        },
        update={"Description": "two", "Enabled": "true"},
        replacement={"PrimaryKeyArn": "{{resolve:ssm:/type-lives/other-key}}"},
        failing={"KeyPolicy": {"Statement": "nonsense"}},
        drift=Drift(lambda client, id, name: client("kms").disable_key(KeyId=id), "/Enabled"),
    ),
]
