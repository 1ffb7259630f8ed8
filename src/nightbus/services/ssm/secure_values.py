"""Encrypts and decrypts the values of SecureString parameters: the node's vault seals them."""

from __future__ import annotations

import asyncio
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.store.vault import VaultClosed

DEFAULT_KEY = "alias/aws/ssm"


async def encrypted(ctx: Context, arn: str, key: str, text: str) -> dict[str, Any]:
    """Return the value as it is stored."""
    return {"sealed": await asyncio.to_thread(ctx.platform.vault.seal, text.encode())}


async def plain_text(ctx: Context, arn: str, value: dict[str, Any]) -> str:
    try:
        return (await asyncio.to_thread(ctx.platform.vault.open, value["sealed"])).decode()
    except VaultClosed as closed:
        raise AwsError("InvalidKeyId", f"The value cannot be decrypted: {closed}.") from closed


def encrypted_text(value: dict[str, Any]) -> str:
    """Return the value as a reader without decryption gets it."""
    return str(value["sealed"]).partition(":")[2]
