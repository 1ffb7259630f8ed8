"""Defines how secrets of Secrets Manager are stored, and seals and opens the values of those that services manage.

A secret's record has everything but the values; each version is a record of its own with its encrypted value. Keys of
KMS encrypt the values of users' secrets. The node's vault seals those of managed secrets, since EventBridge writes and
reads the secrets of connections here, in the commits of the connections.
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_hex, new_uuid
from nightbus.store.interface import Change, DeleteRecord, PutRecord, RecordReader
from nightbus.store.vault import Vault

SECRET = "secretsmanager/secret"  # noqa: S105
VERSION = "secretsmanager/version"
CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
EMPTY: dict[str, Any] = {
    "description": "",
    "key": "",
    "policy": "",
    "tags": {},
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


async def put_managed_secret(
    store: RecordReader, scope: Scope, name: str, suffix: str, owner: str, sealed: dict[str, Any], now: int
) -> tuple[str, list[Change]]:
    """Return the id of a new version with this sealed value, and the changes that make it the only one of the secret.

    `owner` is the service that manages the secret, such as "events"; the secret is made if it is not there. `now` is
    UTC ms.
    """
    existing = await store.get(scope, SECRET, name)
    version_id = new_uuid()
    value = deepcopy(EMPTY) | {"id": new_hex(12), "created": now}
    value |= (existing.value if existing else {}) | {"suffix": suffix, "owner": owner, "changed": now}
    former = list(existing.value["versions"]) if existing else []
    value["versions"] = {version_id: {"created": now, "stages": [CURRENT], "key": "", "accessed": None}}
    return version_id, [
        PutRecord(scope, SECRET, name, value, expect=existing.revision if existing else 0),
        PutRecord(scope, VERSION, version_key(name, version_id), sealed, expect=0),
        *(DeleteRecord(scope, VERSION, version_key(name, one)) for one in former),
    ]


async def delete_managed_secret(store: RecordReader, scope: Scope, name: str) -> list[Change]:
    """Return the changes that delete a secret, none if it is not there."""
    existing = await store.get(scope, SECRET, name)
    if existing is None:
        return []
    return [
        DeleteRecord(scope, SECRET, name, expect=existing.revision),
        *(DeleteRecord(scope, VERSION, version_key(name, one)) for one in existing.value["versions"]),
    ]
