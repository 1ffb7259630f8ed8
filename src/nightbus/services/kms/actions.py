"""Maps operations to IAM actions and the resources that they are about.

From AWS's Service Authorization Reference: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
"""

from __future__ import annotations

_KEY = "arn:{partition}:kms:{region}:{account}:key/{KeyId}"
_ALIAS = "arn:{partition}:kms:{region}:{account}:{AliasName}"

# An operation's IAM action is `kms:` and its name, unless the table names others; resources are templates over the
# members of the request. "*" stands for operations on no resource.
ACTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "CancelKeyDeletion": (("kms:CancelKeyDeletion", _KEY),),
    "CreateAlias": (("kms:CreateAlias", _ALIAS), ("kms:CreateAlias", _KEY.replace("KeyId", "TargetKeyId"))),
    "CreateGrant": (("kms:CreateGrant", _KEY),),
    "CreateKey": (("kms:CreateKey", "*"),),
    "Decapsulate": (("kms:Decapsulate", _KEY),),
    "Decrypt": (("kms:Decrypt", _KEY),),
    "DeleteAlias": (("kms:DeleteAlias", _ALIAS),),
    "DeleteImportedKeyMaterial": (("kms:DeleteImportedKeyMaterial", _KEY),),
    "DeriveSharedSecret": (("kms:DeriveSharedSecret", _KEY),),
    "DescribeKey": (("kms:DescribeKey", _KEY),),
    "DisableKey": (("kms:DisableKey", _KEY),),
    "DisableKeyRotation": (("kms:DisableKeyRotation", _KEY),),
    "EnableKey": (("kms:EnableKey", _KEY),),
    "EnableKeyRotation": (("kms:EnableKeyRotation", _KEY),),
    "Encapsulate": (("kms:Encapsulate", _KEY),),
    "Encrypt": (("kms:Encrypt", _KEY),),
    "GenerateDataKey": (("kms:GenerateDataKey", _KEY),),
    "GenerateDataKeyPair": (("kms:GenerateDataKeyPair", _KEY),),
    "GenerateDataKeyPairWithoutPlaintext": (("kms:GenerateDataKeyPairWithoutPlaintext", _KEY),),
    "GenerateDataKeyWithoutPlaintext": (("kms:GenerateDataKeyWithoutPlaintext", _KEY),),
    "GenerateMac": (("kms:GenerateMac", _KEY),),
    "GenerateRandom": (("kms:GenerateRandom", "*"),),
    "GetKeyPolicy": (("kms:GetKeyPolicy", _KEY),),
    "GetKeyRotationStatus": (("kms:GetKeyRotationStatus", _KEY),),
    "GetParametersForImport": (("kms:GetParametersForImport", _KEY),),
    "GetPublicKey": (("kms:GetPublicKey", _KEY),),
    "ImportKeyMaterial": (("kms:ImportKeyMaterial", _KEY),),
    "ListAliases": (("kms:ListAliases", "*"),),
    "ListGrants": (("kms:ListGrants", _KEY),),
    "ListKeyPolicies": (("kms:ListKeyPolicies", _KEY),),
    "ListKeyRotations": (("kms:ListKeyRotations", _KEY),),
    "ListKeys": (("kms:ListKeys", "*"),),
    "ListResourceTags": (("kms:ListResourceTags", _KEY),),
    "ListRetirableGrants": (("kms:ListRetirableGrants", "*"),),
    "PutKeyPolicy": (("kms:PutKeyPolicy", _KEY),),
    "ReEncrypt": (
        ("kms:ReEncryptFrom", _KEY.replace("KeyId", "SourceKeyId")),
        ("kms:ReEncryptTo", _KEY.replace("KeyId", "DestinationKeyId")),
    ),
    "ReplicateKey": (("kms:ReplicateKey", _KEY),),
    "RetireGrant": (("kms:RetireGrant", _KEY),),
    "RevokeGrant": (("kms:RevokeGrant", _KEY),),
    "RotateKeyOnDemand": (("kms:RotateKeyOnDemand", _KEY),),
    "ScheduleKeyDeletion": (("kms:ScheduleKeyDeletion", _KEY),),
    "Sign": (("kms:Sign", _KEY),),
    "TagResource": (("kms:TagResource", _KEY),),
    "UntagResource": (("kms:UntagResource", _KEY),),
    "UpdateAlias": (("kms:UpdateAlias", _ALIAS), ("kms:UpdateAlias", _KEY.replace("KeyId", "TargetKeyId"))),
    "UpdateKeyDescription": (("kms:UpdateKeyDescription", _KEY),),
    "UpdatePrimaryRegion": (("kms:UpdatePrimaryRegion", _KEY),),
    "Verify": (("kms:Verify", _KEY),),
    "VerifyMac": (("kms:VerifyMac", _KEY),),
}
