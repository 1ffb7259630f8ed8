"""Maps each operation to its IAM action and the ARN that a policy names, from the Service Authorization Reference.

The members in braces are the request's own, and `{partition}`, `{region}` and `{account}` those of the call.
"""

from __future__ import annotations

from collections.abc import Mapping

_SECRET = "arn:{partition}:secretsmanager:{region}:{account}:secret:{SecretId}"  # noqa: S105
_NEW = "arn:{partition}:secretsmanager:{region}:{account}:secret:{Name}"

ACTIONS: Mapping[str, tuple[str, str]] = {
    "CreateSecret": ("secretsmanager:CreateSecret", _NEW),
    "DeleteSecret": ("secretsmanager:DeleteSecret", _SECRET),
    "DescribeSecret": ("secretsmanager:DescribeSecret", _SECRET),
    "GetRandomPassword": ("secretsmanager:GetRandomPassword", "*"),
    "GetSecretValue": ("secretsmanager:GetSecretValue", _SECRET),
    "ListSecrets": ("secretsmanager:ListSecrets", "*"),
    "PutSecretValue": ("secretsmanager:PutSecretValue", _SECRET),
    "RestoreSecret": ("secretsmanager:RestoreSecret", _SECRET),
    "TagResource": ("secretsmanager:TagResource", _SECRET),
    "UntagResource": ("secretsmanager:UntagResource", _SECRET),
    "UpdateSecret": ("secretsmanager:UpdateSecret", _SECRET),
}
