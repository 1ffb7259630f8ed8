"""Encrypts and decrypts the values of SecureString parameters with keys of KMS.

As on AWS, KMS encrypts the value of a standard parameter itself, and a data key that of an advanced one, which may be
longer than what KMS takes. The encryption context is the parameter's ARN.
https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services import envelopes
from nightbus.services.context import Context
from nightbus.services.ssm.values import ADVANCED

DEFAULT_KEY = "alias/aws/ssm"
_DENIED = "AccessDeniedException"


async def encrypted(ctx: Context, arn: str, key: str, tier: str, text: str) -> dict[str, Any]:
    """Return the value as it is stored. Raises AwsError InvalidKeyId if the key cannot be used."""
    context = {"PARAMETER_ARN": arn}
    with _errors_of_keys():
        if tier == ADVANCED:
            return {"envelope": await envelopes.encrypted(ctx, key, text.encode(), context)}
        reply = await ctx.operation(
            "kms", "Encrypt", KeyId=key, Plaintext=text.encode(), EncryptionContext=context
        )
    return {"blob": base64.b64encode(reply["CiphertextBlob"]).decode()}


async def plain_text(ctx: Context, arn: str, value: dict[str, Any]) -> str:
    context = {"PARAMETER_ARN": arn}
    with _errors_of_keys():
        if "envelope" in value:
            return (await envelopes.decrypted(ctx, value["envelope"], context)).decode()
        blob = base64.b64decode(value["blob"])
        reply = await ctx.operation("kms", "Decrypt", CiphertextBlob=blob, EncryptionContext=context)
    return bytes(reply["Plaintext"]).decode()


def encrypted_text(value: dict[str, Any]) -> str:
    """Return the value as a reader without decryption gets it."""
    if "blob" in value:
        return str(value["blob"])
    return base64.b64encode(json.dumps(value["envelope"]).encode()).decode()


@contextmanager
def _errors_of_keys() -> Iterator[None]:
    try:
        yield
    except AwsError as error:
        if error.code == _DENIED:
            raise
        text = f"{error.message} (Service: Kms, Status Code: {error.status}, Error Code: {error.code})"
        raise AwsError("InvalidKeyId", text) from error
