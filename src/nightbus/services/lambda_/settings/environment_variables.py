"""Seals the environment variables of functions for the store, and opens them for invocations and answers.

A version's record has `Environment` as `{"Encrypted": ...}`, by the KMS key that the function names, or, where it names
none, as `{"Sealed": ...}`, by the node's vault. Only memory has the variables, in the specs of functions that run.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.keys.ciphertexts import Unreadable, decrypt, encrypt, read_head
from nightbus.keys.uses import ACCESS_DENIED, READING, KeyUser, data_key_source
from nightbus.services.context import Context, Platform
from nightbus.services.key_uses import use
from nightbus.services.lambda_.records import Version
from nightbus.services.lambda_.settings.encryption_key import undecryptable
from nightbus.services.lambda_.shapes import configuration
from nightbus.store.vault import VaultClosed

_SEALED, _ENCRYPTED = "Sealed", "Encrypted"
Variables = dict[str, str]


async def sealed(
    platform: Platform, config: dict[str, Any], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the configuration with its variables sealed: new ones, or those of `before` where the key is another now.

    Raises AwsError where the former key does not open them any more.
    """
    variables = config.get("Environment", {}).get("Variables")
    if variables is None and before is not None and config.get("KMSKeyArn") != before.get("KMSKeyArn"):
        variables = await opened(platform, before)
    if not variables:
        return config
    data, key_name = orjson.dumps(variables), config.get("KMSKeyArn")
    if not key_name:
        return config | {"Environment": {_SEALED: await asyncio.to_thread(platform.vault.seal, data)}}
    scope, context = _scope_and_context(config)
    key = await data_key_source(platform.keys, scope, key_name)
    material = await platform.keys.material(key)
    blob = encrypt(material.secret(), key.scope.account, key.id, material.current, data, context)
    return config | {"Environment": {_ENCRYPTED: base64.b64encode(blob).decode()}}


async def opened(platform: Platform, config: Mapping[str, Any]) -> Variables:
    """Return the variables of a stored configuration, {} for none. Raises AwsError with Lambda's codes."""
    stored = config.get("Environment", {})
    if _SEALED in stored:
        try:
            data = await asyncio.to_thread(platform.vault.open, stored[_SEALED])
        except VaultClosed as closed:
            raise undecryptable(ACCESS_DENIED, str(closed)) from closed
    elif _ENCRYPTED in stored:
        data = await _decrypted(platform, config, base64.b64decode(stored[_ENCRYPTED]))
    else:
        return dict(stored.get("Variables", {}))
    variables: Variables = orjson.loads(data)
    return variables


async def _decrypted(platform: Platform, config: Mapping[str, Any], blob: bytes) -> bytes:
    scope, context = _scope_and_context(config)
    try:
        key = await platform.keys.find(scope, config["KMSKeyArn"])
        head = read_head(blob)
        material = (await platform.keys.material(key)).beginning_with(head.material)
        if material is None:
            raise Unreadable
        return decrypt(material[1], blob, context)
    except AwsError as error:
        raise undecryptable(error.code, error.message) from None
    except Unreadable:
        raise undecryptable(ACCESS_DENIED, "The ciphertext was encrypted by another key.") from None


def _scope_and_context(config: Mapping[str, Any]) -> tuple[Scope, dict[str, str]]:
    """Return where the function is, and the encryption context of its variables, which its versions share."""
    arn = Arn.parse(config["FunctionArn"])
    function = ":".join(config["FunctionArn"].split(":")[:7])
    return Scope(arn.account, arn.region), {"aws:lambda:FunctionArn": function}


async def shown(ctx: Context, version: Version, qualifier: str = "") -> dict[str, Any]:
    """Return the FunctionConfiguration of a version, with its variables, or why this caller cannot see them."""
    return await with_variables(ctx, configuration(version, qualifier))


async def with_variables(ctx: Context, config: dict[str, Any]) -> dict[str, Any]:
    """Do the same with a FunctionConfiguration whose variables are sealed."""
    if "Environment" not in config:
        return config
    try:
        await _require_reading(ctx, config)
        environment: dict[str, Any] = {"Variables": await opened(ctx.platform, config)}
    except AwsError as error:
        environment = {"Error": {"ErrorCode": error.code, "Message": error.message}}
    return config | {"Environment": environment}


async def require_reading(ctx: Context, config: Mapping[str, Any]) -> None:
    """Raise AwsError, with Lambda's codes, unless the caller may decrypt the variables of a stored configuration, which
    are to be kept in another way."""
    try:
        await _require_reading(ctx, config)
    except AwsError as error:
        raise undecryptable(error.code, error.message) from None


async def _require_reading(ctx: Context, config: Mapping[str, Any]) -> None:
    if _ENCRYPTED in config.get("Environment", {}):
        scope, context = _scope_and_context(config)
        await use(ctx, scope, config["KMSKeyArn"], KeyUser(ctx.caller, "lambda", READING, context))


async def are_equal(platform: Platform, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two stored configurations have the same variables. What cannot be opened equals nothing."""
    if one.get("Environment") == other.get("Environment"):
        return True
    try:
        return await opened(platform, one) == await opened(platform, other)
    except AwsError:
        return False
