"""Defines how secrets of Secrets Manager are stored, and seals and opens the values of those that services manage.

A secret's record has everything but the values; each version is a record of its own with its encrypted value. Keys of
KMS encrypt the values of users' secrets. The node's vault seals those of managed secrets, since EventBridge writes and
reads the secrets of connections here, in the commits of the connections.
"""

from __future__ import annotations

import asyncio
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.store.interface import RecordReader
from nightbus.store.vault import Vault

SECRET = "secretsmanager/secret"  # noqa: S105
VERSION = "secretsmanager/version"
CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
EMPTY: dict[str, Any] = {
    "description": "",
    "key": "",
    "policy": "",
    "owner": "",
    "accessed": None,
    "deleted": None,
    "purge": None,
    "rotation": None,
    "replicas": {},
    "primary": "",
}


def version_key(name: str, version_id: str) -> str:
    """Return the key of a version's record. No name has a colon."""
    return f"{name}:{version_id}"


def secret_arn(scope: Scope, name: str, suffix: str) -> str:
    return arn("secretsmanager", scope.region, scope.account, f"secret:{name}-{suffix}")


async def sealed_value(vault: Vault, secret: str | bytes) -> dict[str, Any]:
    """Return a version's value as it is stored: a text or bytes."""
    data = secret.encode() if isinstance(secret, str) else secret
    return {"binary": isinstance(secret, bytes), "sealed": await asyncio.to_thread(vault.seal, data)}


async def opened_value(vault: Vault, value: dict[str, Any]) -> str | bytes:
    """Return the text or the bytes. Raises VaultClosed."""
    data = await asyncio.to_thread(vault.open, value["sealed"])
    return data if value["binary"] else data.decode()


async def current_value(store: RecordReader, vault: Vault, scope: Scope, name: str) -> str | bytes | None:
    """Return the value of the version that is AWSCURRENT, None without one. Raises VaultClosed."""
    secret = await store.get(scope, SECRET, name)
    for version_id, version in secret.value["versions"].items() if secret else ():
        if CURRENT in version["stages"]:
            record = await store.get(scope, VERSION, version_key(name, version_id))
            return None if record is None else await opened_value(vault, record.value)
    return None
