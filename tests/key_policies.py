"""Keys of KMS that AWS services may use, for the tests whose resources name one."""

from __future__ import annotations

import json
from typing import Any

ACCOUNT = "000000000000"


def lets(*services: str, account: str = ACCOUNT) -> str:
    """Return the policy of a key that its account and these AWS services may use."""
    root = {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*"}
    actions = ["kms:DescribeKey", "kms:GenerateDataKey*", "kms:Decrypt"]
    use = {"Principal": {"Service": list(services)}, "Action": actions}
    return json.dumps({"Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in (root, use)]})


def key_for(kms: Any, *services: str, account: str = ACCOUNT) -> str:
    """Create a key that its account and these AWS services may use, and return its ARN."""
    return str(kms.create_key(Policy=lets(*services, account=account))["KeyMetadata"]["Arn"])
