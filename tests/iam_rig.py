"""What the tests of IAM make alike: names that nobody else has, and what they attach and trust."""

from __future__ import annotations

import json
from uuid import uuid4

from lambda_rig import trust

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
TRUST = json.dumps(trust("lambda.amazonaws.com"))


def fresh(noun: str) -> str:
    return f"{noun}-{uuid4().hex[:8]}"
