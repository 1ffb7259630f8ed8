"""Registers the operations of AWS Secrets Manager, its worker and its duty."""

from __future__ import annotations

from nightbus.services.context import Handler, Worker
from nightbus.services.secretsmanager import (
    batches,
    creating,
    deleting,
    describing,
    passwords,
    policies,
    reading,
    replication,
    rotation,
    rotation_engine,
    stages,
    tags,
    writing,
)

HANDLERS: dict[str, Handler] = {
    "BatchGetSecretValue": batches.batch_get_secret_value,
    "CancelRotateSecret": rotation.cancel_rotate_secret,
    "CreateSecret": creating.create_secret,
    "DeleteResourcePolicy": policies.delete_resource_policy,
    "DeleteSecret": deleting.delete_secret,
    "DescribeSecret": describing.describe_secret,
    "GetRandomPassword": passwords.get_random_password,
    "GetResourcePolicy": policies.get_resource_policy,
    "GetSecretValue": reading.get_secret_value,
    "ListSecretVersionIds": describing.list_secret_version_ids,
    "ListSecrets": describing.list_secrets,
    "PutResourcePolicy": policies.put_resource_policy,
    "PutSecretValue": writing.put_secret_value,
    "RemoveRegionsFromReplication": replication.remove_regions_from_replication,
    "ReplicateSecretToRegions": replication.replicate_secret_to_regions,
    "RestoreSecret": deleting.restore_secret,
    "RotateSecret": rotation.rotate_secret,
    "StopReplicationToReplica": replication.stop_replication_to_replica,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateSecret": writing.update_secret,
    "UpdateSecretVersionStage": stages.update_secret_version_stage,
    "ValidateResourcePolicy": policies.validate_resource_policy,
}

DUTIES: list[Worker] = [deleting.delete_scheduled_secrets]
WORKERS: list[Worker] = [rotation_engine.rotate_due_secrets]
