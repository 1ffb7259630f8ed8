"""The lives of the types of KMS."""

from __future__ import annotations

from type_lives import Drift, Life

KEY = {"Type": "AWS::KMS::Key", "Properties": {"PendingWindowInDays": 7}}

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
]
