"""Checks the key that a setting of another service names, each time the setting is used: the key must be there, be a
symmetric one for encryption, be enabled and have its material.

What the service stores is not encrypted by it. The answer comes from memory; a setting without a key asks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.keys.directory import Key, Keys
from nightbus.keys.errors import wrong_algorithm
from nightbus.keys.records import SYMMETRIC

NOT_FOUND, DISABLED = "NotFoundException", "DisabledException"
INVALID_STATE, INVALID_USAGE = "KMSInvalidStateException", "InvalidKeyUsageException"


async def data_key_source(keys: Keys, home: Scope, identifier: str) -> Key:
    """Return the key, from which the service could have data keys. Raises AwsError with KMS's codes."""
    key = await keys.usable(home, identifier, "GenerateDataKey")
    if key.spec != SYMMETRIC:
        raise wrong_algorithm(SYMMETRIC, key.spec)
    return key


async def require_key(
    keys: Keys, home: Scope, identifier: str, codes: Mapping[str, str], status: int = 400
) -> Key:
    """Do the same, with the service's own codes for KMS's: `codes` has one for each of the four above."""
    try:
        return await data_key_source(keys, home, identifier)
    except AwsError as error:
        raise AwsError(codes[error.code], error.message, status) from None


async def is_usable(keys: Keys, home: Scope, identifier: str) -> bool:
    try:
        await data_key_source(keys, home, identifier)
    except AwsError:
        return False
    return True
