"""Replicates secrets to other regions of the node, and makes replicas secrets of their own.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.identity.secrets import SECRET
from nightbus.services.context import Context
from nightbus.services.secretsmanager.deleting import deletion
from nightbus.services.secretsmanager.errors import invalid_parameter, invalid_request
from nightbus.services.secretsmanager.records import Secret, find_secret, replication_reply
from nightbus.services.secretsmanager.storing import FAILED, IN_SYNC, save
from nightbus.services.secretsmanager.values import has_stored_value, read_value
from nightbus.store.interface import Change


async def replicate_secret_to_regions(
    ctx: Context,
    *,
    secret_id: str,
    add_replica_regions: list[dict[str, str]],
    force_overwrite_replica_secret: bool = False,
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "ReplicateSecretToRegions", to_change=True)
    await add_replicas(ctx, secret, add_replica_regions, overwrite=force_overwrite_replica_secret)
    for (
        version_id
    ) in secret.versions:  # every replica gets all of them, which changes nothing in the older ones
        if await has_stored_value(ctx, secret, version_id):
            secret.new_values[version_id] = await read_value(ctx, secret, version_id)
    await save(ctx, secret)
    return {"ARN": secret.arn, "ReplicationStatus": replication_reply(secret)}


async def add_replicas(
    ctx: Context, secret: Secret, regions: Sequence[dict[str, str]], *, overwrite: bool
) -> None:
    """Add the regions to the secret, which is to be saved with all its values then. Raises AwsError."""
    for one in regions:
        region = one.get("Region", "")
        if not region or region == secret.scope.region:
            raise invalid_parameter(f"Invalid replica region: {region}")
        if region in secret.value["replicas"]:
            raise invalid_request(f"Secret is already replicated to region {region}")
        existing = await ctx.store.get(Scope(secret.scope.account, region), SECRET, secret.name)
        fails = existing is not None and not overwrite
        text = f"Replication failed: Secret name {secret.name} already exists in region {region}."
        secret.value["replicas"][region] = {
            "key": one.get("KmsKeyId", ""),
            "status": FAILED if fails else IN_SYNC,
            "message": text if fails else "",
        }


async def remove_regions_from_replication(
    ctx: Context, *, secret_id: str, remove_replica_regions: list[str]
) -> dict[str, Any]:
    """Delete the replicas of these regions."""
    secret = await find_secret(ctx, secret_id, "RemoveRegionsFromReplication", to_change=True)
    removed: list[Change] = []
    for region in dict.fromkeys(remove_replica_regions):
        replica = secret.value["replicas"].pop(region, None)
        if replica is None:
            raise invalid_parameter(f"Secret is not replicated to region {region}")
        scope = Scope(secret.scope.account, region)
        record = await ctx.store.get(scope, SECRET, secret.name)
        if replica["status"] == IN_SYNC and record is not None:
            removed += deletion(Secret(scope, record))
    await save(ctx, secret, *removed)
    return {"ARN": secret.arn, "ReplicationStatus": replication_reply(secret) or []}


async def stop_replication_to_replica(ctx: Context, *, secret_id: str) -> dict[str, Any]:
    """Make the replica a secret of its own. The operation is called in the replica's region."""
    replica = await find_secret(ctx, secret_id, "StopReplicationToReplica")
    if not replica.value["primary"]:
        raise invalid_request(
            "Operation not permitted on a primary secret. Call must be made on a replica secret."
        )
    home = Scope(replica.scope.account, replica.value["primary"])
    record = await ctx.store.get(home, SECRET, replica.name)
    changes: list[Change] = []
    if record is not None and replica.scope.region in record.value["replicas"]:
        primary = Secret(home, record)
        del primary.value["replicas"][replica.scope.region]
        changes.append(primary.put())
    replica.value["primary"], replica.value["rotation"] = "", None
    await save(ctx, replica, *changes)
    return {"ARN": replica.arn}
