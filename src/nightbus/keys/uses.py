"""Checks the key that a setting of another service names, each time the setting is used.

The key must be there, be a symmetric one for encryption, be enabled and have its material, and its policy must let the
caller use it where that is asked. What the service stores is not encrypted by the key. The answer comes from memory; a
setting without a key asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.keys.access import refusal_of_use
from nightbus.keys.directory import Key, Keys
from nightbus.keys.errors import wrong_algorithm
from nightbus.keys.records import SYMMETRIC

NOT_FOUND, DISABLED = "NotFoundException", "DisabledException"
INVALID_STATE, INVALID_USAGE = "KMSInvalidStateException", "InvalidKeyUsageException"
ACCESS_DENIED = "AccessDeniedException"

READING = ("kms:Decrypt",)
WRITING = (
    "kms:GenerateDataKey",
    "kms:Decrypt",
)  # a producer decrypts the data key, which the service uses again


@dataclass(frozen=True, slots=True)
class KeyUser:
    """Who uses a key by a service: `via` is the service, such as `sqs`, `actions` what the caller must be allowed."""

    caller: Caller
    via: str
    actions: tuple[str, ...]
    context: Mapping[str, str] = field(default_factory=dict)


async def data_key_source(keys: Keys, home: Scope, identifier: str, user: KeyUser | None = None) -> Key:
    """Return the key, from which the service could have data keys. Raises AwsError with KMS's codes.

    Without a `user` the policy of the key is not asked.
    """
    key = await keys.find(home, identifier)
    if user is not None:
        for action in user.actions:
            refusal = await refusal_of_use(keys, key, user.caller, action, user.context, via=user.via)
            if refusal is not None:
                raise refusal
    keys.require_usable(key, "GenerateDataKey")
    if key.spec != SYMMETRIC:
        raise wrong_algorithm(SYMMETRIC, key.spec)
    return key


async def require_key(
    keys: Keys, home: Scope, identifier: str, codes: Mapping[str, str], user: KeyUser | None = None
) -> Key:
    """Do the same, with the service's own codes for KMS's: `codes` has one for each of the five above."""
    with with_codes(codes):
        return await data_key_source(keys, home, identifier, user)


@contextmanager
def with_codes(codes: Mapping[str, str]) -> Iterator[None]:
    """Raise a service's own errors for those of KMS."""
    try:
        yield
    except AwsError as error:
        code = codes.get(error.code)
        if code is None:
            raise
        raise AwsError(code, error.message, 403 if code == "AccessDenied" else 400) from None


async def is_usable(keys: Keys, home: Scope, identifier: str, user: KeyUser | None = None) -> bool:
    try:
        await data_key_source(keys, home, identifier, user)
    except AwsError:
        return False
    return True
