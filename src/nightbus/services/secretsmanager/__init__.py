"""Registers the operations of AWS Secrets Manager and its duty."""

from __future__ import annotations

from nightbus.services.context import Handler, Worker
from nightbus.services.secretsmanager import creating, deleting, describing, passwords, reading, tags, writing

HANDLERS: dict[str, Handler] = {
    "CreateSecret": creating.create_secret,
    "DeleteSecret": deleting.delete_secret,
    "DescribeSecret": describing.describe_secret,
    "GetRandomPassword": passwords.get_random_password,
    "GetSecretValue": reading.get_secret_value,
    "ListSecrets": describing.list_secrets,
    "PutSecretValue": writing.put_secret_value,
    "RestoreSecret": deleting.restore_secret,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateSecret": writing.update_secret,
}

DUTIES: list[Worker] = [deleting.delete_scheduled_secrets]
