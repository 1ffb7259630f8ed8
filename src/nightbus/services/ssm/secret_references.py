"""Reads secrets of Secrets Manager as parameters: `/aws/reference/secretsmanager/<secret id>`.

https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.services.context import Context
from nightbus.services.ssm.errors import no_parameter
from nightbus.services.ssm.records import SECURE

PREFIX = "/aws/reference/secretsmanager/"
_SHORTEST_ID = 32  # of version ids; staging labels are shorter


async def referenced_secret(ctx: Context, name: str, decrypt: bool) -> dict[str, Any]:
    """Return the secret as a parameter. Raises AwsError."""
    if not decrypt:
        raise validation_error("WithDecryption flag must be True for retrieving a Secret Manager secret.")
    secret_id, _, selector = name.removeprefix(PREFIX).partition(":")
    which = {"VersionId" if len(selector) >= _SHORTEST_ID else "VersionStage": selector} if selector else {}
    try:
        secret = await ctx.operation("secretsmanager", "GetSecretValue", SecretId=secret_id, **which)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise no_parameter() from error
        raise
    if "SecretString" not in secret:
        raise validation_error(f"The secret {secret_id} has no text as its value.")
    return {
        "Name": name,
        "Type": SECURE,
        "Value": secret["SecretString"],
        "Version": 0,
        "SourceResult": json.dumps(secret, default=_written),
        "LastModifiedDate": secret["CreatedDate"],
        "ARN": secret["ARN"],
    }


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
