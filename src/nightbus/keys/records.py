"""Names the records of KMS's keys: a key, its sealed material, its aliases and its grants.

A key's material has a record of its own, so that a reader of keys never holds secrets. The records of a key are in the
scope of its account and region; those of a multi-Region key are in each of its regions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from nightbus.aws.arn import arn, partition_of
from nightbus.aws.calls import Scope

KEY = "kms/key"
MATERIAL = "kms/material"
ALIAS = "kms/alias"
GRANT = "kms/grant"

ENABLED, DISABLED = "Enabled", "Disabled"
PENDING_DELETION, PENDING_IMPORT = "PendingDeletion", "PendingImport"
PENDING_REPLICA_DELETION = "PendingReplicaDeletion"
CUSTOMER, AWS = "CUSTOMER", "AWS"
AWS_KMS, EXTERNAL = "AWS_KMS", "EXTERNAL"
SYMMETRIC = "SYMMETRIC_DEFAULT"
ALIAS_PREFIX, AWS_ALIAS_PREFIX = "alias/", "alias/aws/"

# https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk: made at their first use
AWS_MANAGED = frozenset(
    {
        "acm", "backup", "cloud9", "codeartifact", "codecommit", "connect", "dms", "dynamodb", "ebs",
        "elasticfilesystem", "es", "fsx", "glue", "kafka", "kinesis", "kinesisvideo", "lambda", "lex", "lightsail",
        "rds", "redshift", "s3", "secretsmanager", "ses", "sns", "sqs", "ssm", "workmail", "workspaces", "xray",
    }
)  # fmt: skip


def key_arn(scope: Scope, key_id: str) -> str:
    return arn("kms", scope.region, scope.account, f"key/{key_id}")


def alias_arn(scope: Scope, alias: str) -> str:
    return arn("kms", scope.region, scope.account, alias)


def grant_key(key_id: str, grant_id: str) -> str:
    return f"{key_id}:{grant_id}"


def key_of_grant(record_key: str) -> str:
    return record_key.partition(":")[0]


def managed_key_id(scope: Scope, alias: str) -> str:
    """Return the id of the AWS managed key of a predefined alias, which is the same before it is made."""
    return str(uuid5(NAMESPACE_URL, f"kms/{scope.region}/{scope.account}/{alias}"))


def material_id(secret: bytes) -> str:
    """Return the id that KMS shows for a key's material: 64 hexadecimal digits, the same for the same material."""
    return hashlib.sha256(b"nightbus key material" + secret).hexdigest()


def state_of(value: Mapping[str, Any], now_ms: int) -> str:
    """Return the key's state; imported material that has expired is gone, also before its removal."""
    expires = value.get("ValidTo")
    if value["State"] in (ENABLED, DISABLED) and expires is not None and expires <= now_ms:
        return PENDING_IMPORT
    return str(value["State"])


def root_arn(account: str, region: str) -> str:
    return f"arn:{partition_of(region)}:iam::{account}:root"


def default_policy(account: str, region: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": root_arn(account, region)},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}


def managed_policy(scope: Scope, service: str) -> dict[str, Any]:
    """Return the policy of an AWS managed key: the account's principals may use it through its service."""
    via = {"kms:ViaService": f"{service}.{scope.region}.amazonaws.com", "kms:CallerAccount": scope.account}
    use = {
        "Sid": f"Allow access through {service} for all principals in the account that are authorized to use it",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        "Resource": "*",
        "Condition": {"StringEquals": via},
    }  # fmt: skip
    look = {
        "Sid": "Allow direct access to key metadata to the account",
        "Effect": "Allow",
        "Principal": {"AWS": root_arn(scope.account, scope.region)},
        "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": f"auto-{service}-1", "Statement": [use, look]}
