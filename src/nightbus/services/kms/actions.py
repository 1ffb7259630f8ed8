"""Maps each operation to its IAM action and the ARN that a policy names, from the Service Authorization Reference.

The members in braces are the request's own, and `{partition}`, `{region}` and `{account}` those of the call.
CreateAlias and UpdateAlias need their action on the key too, ReEncrypt kms:ReEncryptFrom on the key of the ciphertext.
"""

from __future__ import annotations

from collections.abc import Mapping

_KEY = "arn:{partition}:kms:{region}:{account}:key/{KeyId}"
_DESTINATION = "arn:{partition}:kms:{region}:{account}:key/{DestinationKeyId}"
_ALIAS = "arn:{partition}:kms:{region}:{account}:{AliasName}"
_ANY = "*"

ACTIONS: Mapping[str, tuple[str, str]] = {
    "CancelKeyDeletion": ("kms:CancelKeyDeletion", _KEY),
    "CreateAlias": ("kms:CreateAlias", _ALIAS),
    "CreateGrant": ("kms:CreateGrant", _KEY),
    "CreateKey": ("kms:CreateKey", _ANY),
    "Decapsulate": ("kms:Decapsulate", _KEY),
    "Decrypt": ("kms:Decrypt", _KEY),
    "DeleteAlias": ("kms:DeleteAlias", _ALIAS),
    "DeleteImportedKeyMaterial": ("kms:DeleteImportedKeyMaterial", _KEY),
    "DeriveSharedSecret": ("kms:DeriveSharedSecret", _KEY),
    "DescribeKey": ("kms:DescribeKey", _KEY),
    "DisableKey": ("kms:DisableKey", _KEY),
    "DisableKeyRotation": ("kms:DisableKeyRotation", _KEY),
    "EnableKey": ("kms:EnableKey", _KEY),
    "EnableKeyRotation": ("kms:EnableKeyRotation", _KEY),
    "Encapsulate": ("kms:Encapsulate", _KEY),
    "Encrypt": ("kms:Encrypt", _KEY),
    "GenerateDataKey": ("kms:GenerateDataKey", _KEY),
    "GenerateDataKeyPair": ("kms:GenerateDataKeyPair", _KEY),
    "GenerateDataKeyPairWithoutPlaintext": ("kms:GenerateDataKeyPairWithoutPlaintext", _KEY),
    "GenerateDataKeyWithoutPlaintext": ("kms:GenerateDataKeyWithoutPlaintext", _KEY),
    "GenerateMac": ("kms:GenerateMac", _KEY),
    "GenerateRandom": ("kms:GenerateRandom", _ANY),
    "GetKeyPolicy": ("kms:GetKeyPolicy", _KEY),
    "GetKeyRotationStatus": ("kms:GetKeyRotationStatus", _KEY),
    "GetParametersForImport": ("kms:GetParametersForImport", _KEY),
    "GetPublicKey": ("kms:GetPublicKey", _KEY),
    "ImportKeyMaterial": ("kms:ImportKeyMaterial", _KEY),
    "ListAliases": ("kms:ListAliases", _ANY),
    "ListGrants": ("kms:ListGrants", _KEY),
    "ListKeyPolicies": ("kms:ListKeyPolicies", _KEY),
    "ListKeyRotations": ("kms:ListKeyRotations", _KEY),
    "ListKeys": ("kms:ListKeys", _ANY),
    "ListResourceTags": ("kms:ListResourceTags", _KEY),
    "ListRetirableGrants": ("kms:ListRetirableGrants", _ANY),
    "PutKeyPolicy": ("kms:PutKeyPolicy", _KEY),
    "ReEncrypt": ("kms:ReEncryptTo", _DESTINATION),
    "ReplicateKey": ("kms:ReplicateKey", _KEY),
    "RetireGrant": ("kms:RetireGrant", _KEY),
    "RevokeGrant": ("kms:RevokeGrant", _KEY),
    "RotateKeyOnDemand": ("kms:RotateKeyOnDemand", _KEY),
    "ScheduleKeyDeletion": ("kms:ScheduleKeyDeletion", _KEY),
    "Sign": ("kms:Sign", _KEY),
    "TagResource": ("kms:TagResource", _KEY),
    "UntagResource": ("kms:UntagResource", _KEY),
    "UpdateAlias": ("kms:UpdateAlias", _ALIAS),
    "UpdateKeyDescription": ("kms:UpdateKeyDescription", _KEY),
    "UpdatePrimaryRegion": ("kms:UpdatePrimaryRegion", _KEY),
    "Verify": ("kms:Verify", _KEY),
    "VerifyMac": ("kms:VerifyMac", _KEY),
}
