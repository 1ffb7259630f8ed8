"""Writes keys as DescribeKey shows them. Pure."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.keys.records import (
    ENABLED,
    PENDING_DELETION,
    PENDING_IMPORT,
    PENDING_REPLICA_DELETION,
    SYMMETRIC,
    key_arn,
)
from nightbus.keys.specs import ALGORITHMS_OF_USAGE, algorithms_of
from nightbus.store.interface import Record


def metadata(scope: Scope, record: Record, state: str) -> dict[str, Any]:
    """Return the key as DescribeKey shows it."""
    value = record.value
    members: dict[str, Any] = {
        "AWSAccountId": scope.account,
        "KeyId": record.key,
        "Arn": key_arn(scope, record.key),
        "CreationDate": value["Created"] / 1000,
        "Enabled": state == ENABLED,
        "Description": value["Description"],
        "KeyUsage": value["KeyUsage"],
        "KeyState": state,
        "Origin": value["Origin"],
        "KeyManager": value["KeyManager"],
        "CustomerMasterKeySpec": value["KeySpec"],
        "KeySpec": value["KeySpec"],
        ALGORITHMS_OF_USAGE[value["KeyUsage"]]: list(algorithms_of(value["KeySpec"], value["KeyUsage"])),
        "MultiRegion": bool(value.get("MultiRegion")),
    }
    if state == PENDING_DELETION:
        members["DeletionDate"] = value["DeletionTime"] / 1000
    elif state == PENDING_REPLICA_DELETION:
        members["PendingDeletionWindowInDays"] = value["PendingWindow"]
    if value.get("Material") and state != PENDING_IMPORT and value["KeySpec"] == SYMMETRIC:
        members["CurrentKeyMaterialId"] = value["Material"]
    if value.get("ExpirationModel") and state != PENDING_IMPORT:
        members["ExpirationModel"] = value["ExpirationModel"]
        members["ValidTo"] = value["ValidTo"] / 1000 if value.get("ValidTo") else None
    if value.get("MultiRegion"):
        members["MultiRegionConfiguration"] = _regions(
            record.key, scope.account, scope.region, value["MultiRegion"]
        )
    return members


def _regions(key_id: str, account: str, region: str, regions: dict[str, Any]) -> dict[str, Any]:
    def one(name: str) -> dict[str, str]:
        return {"Arn": arn("kms", name, account, f"key/{key_id}"), "Region": name}

    return {
        "MultiRegionKeyType": "PRIMARY" if regions["Primary"] == region else "REPLICA",
        "PrimaryKey": one(regions["Primary"]),
        "ReplicaKeys": [one(name) for name in regions["Replicas"]],
    }
