"""Maps each operation to its IAM action and the ARN that a policy names, from the Service Authorization Reference.

The members in braces are the request's own, and `{partition}`, `{region}` and `{account}` those of the call.
"""

from __future__ import annotations

from collections.abc import Mapping

_SECRET = "arn:{partition}:secretsmanager:{region}:{account}:secret:{SecretId}"  # noqa: S105
_NEW = "arn:{partition}:secretsmanager:{region}:{account}:secret:{Name}"

ACTIONS: Mapping[str, tuple[str, str]] = {
    "BatchGetSecretValue": ("secretsmanager:BatchGetSecretValue", "*"),
    "CancelRotateSecret": ("secretsmanager:CancelRotateSecret", _SECRET),
    "CreateSecret": ("secretsmanager:CreateSecret", _NEW),
    "DeleteResourcePolicy": ("secretsmanager:DeleteResourcePolicy", _SECRET),
    "DeleteSecret": ("secretsmanager:DeleteSecret", _SECRET),
    "DescribeSecret": ("secretsmanager:DescribeSecret", _SECRET),
    "GetRandomPassword": ("secretsmanager:GetRandomPassword", "*"),
    "GetResourcePolicy": ("secretsmanager:GetResourcePolicy", _SECRET),
    "GetSecretValue": ("secretsmanager:GetSecretValue", _SECRET),
    "ListSecretVersionIds": ("secretsmanager:ListSecretVersionIds", _SECRET),
    "ListSecrets": ("secretsmanager:ListSecrets", "*"),
    "PutResourcePolicy": ("secretsmanager:PutResourcePolicy", _SECRET),
    "PutSecretValue": ("secretsmanager:PutSecretValue", _SECRET),
    "RemoveRegionsFromReplication": ("secretsmanager:RemoveRegionsFromReplication", _SECRET),
    "ReplicateSecretToRegions": ("secretsmanager:ReplicateSecretToRegions", _SECRET),
    "RestoreSecret": ("secretsmanager:RestoreSecret", _SECRET),
    "RotateSecret": ("secretsmanager:RotateSecret", _SECRET),
    "StopReplicationToReplica": ("secretsmanager:StopReplicationToReplica", _SECRET),
    "TagResource": ("secretsmanager:TagResource", _SECRET),
    "UntagResource": ("secretsmanager:UntagResource", _SECRET),
    "UpdateSecret": ("secretsmanager:UpdateSecret", _SECRET),
    "UpdateSecretVersionStage": ("secretsmanager:UpdateSecretVersionStage", _SECRET),
    "ValidateResourcePolicy": ("secretsmanager:ValidateResourcePolicy", _SECRET),
}
