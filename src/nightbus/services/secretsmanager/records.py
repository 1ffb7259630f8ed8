"""Finds secrets, judges who may use them, and makes the replies about them.

The value of a secret's record:

| member      | content                                                                       |
|-------------|-------------------------------------------------------------------------------|
| id, suffix  | the id of this secret among those of its name, the end of its ARN             |
| versions    | by version id: `created`, `stages`, `key`, `accessed`                         |
| policy      | the text of its resource policy, "" without one                               |
| deleted     | when it was scheduled for deletion and `purge`, when it goes; None            |
| owner       | the service that manages it, "" for none                                      |
| rotation    | the function, the rules and the state of rotation (`rotation.py`), or None    |
| replicas    | by region: `key`, `status` and `message` of each replica                      |
| primary     | the region of the primary secret if this is a replica, else ""                |

Times are UTC ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.identity.secrets import SECRET, secret_arn
from nightbus.messaging.access import Access
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import (
    access_denied,
    invalid_request,
    marked_for_deletion,
    no_secret,
    owned_by,
)
from nightbus.services.secretsmanager.names import named_secrets
from nightbus.store.interface import PutRecord, Record

_DAY_MS = 24 * 60 * 60 * 1000


class Secret:
    """A secret as an operation has found it. `value` and `new_values` may be changed; `save` (storing.py) stores both.

    `new_values` has the values of new versions, and of those that are to be encrypted anew, by version id; `gone` the
    ids of versions that were taken from `versions`.
    """

    def __init__(self, scope: Scope, record: Record) -> None:
        self.new_values: dict[str, str | bytes] = {}
        self.gone: list[str] = []
        self.scope = scope
        self.name = record.key
        self.value = record.value
        self.revision = record.revision

    @property
    def arn(self) -> str:
        return secret_arn(self.scope, self.name, self.value["suffix"])

    @property
    def versions(self) -> dict[str, dict[str, Any]]:
        versions: dict[str, dict[str, Any]] = self.value["versions"]
        return versions

    def version_with(self, stage: str) -> str | None:
        """Return the id of the version that has the staging label."""
        return next((one for one, version in self.versions.items() if stage in version["stages"]), None)

    def put(self) -> PutRecord:
        return PutRecord(self.scope, SECRET, self.name, self.value, expect=self.revision)

    def named(self) -> dict[str, str]:
        return {"ARN": self.arn, "Name": self.name}


async def find_secret(
    ctx: Context, secret_id: str, operation: str, *, deleted: bool = False, to_change: bool = False
) -> Secret:
    """Find the secret for an operation. `deleted`: also one that is scheduled for deletion; `to_change`: none that a
    service manages. Raises AwsError."""
    secret = await existing_secret(ctx, secret_id, operation)
    access = Access(secret.arn, secret.scope.account, secret.value["policy"] or None)
    refusal = ctx.refusal_of(access, f"secretsmanager:{operation}")
    if refusal and ctx.enforces:
        raise access_denied(refusal)
    if secret.value["deleted"] and not deleted:
        raise marked_for_deletion()
    if to_change:
        check_changeable(secret)
    return secret


def check_changeable(secret: Secret) -> None:
    """Raise AwsError for a secret that a service manages, and for a replica, which follows its primary secret."""
    if secret.value["owner"]:
        raise owned_by(secret.value["owner"])
    if secret.value["primary"]:
        raise invalid_request(
            "Operation not permitted on a replica secret. Call must be made in primary secret's region."
        )


async def existing_secret(ctx: Context, secret_id: str, operation: str) -> Secret:
    """Find the secret without asking its policy; of another account's the error does not tell whether it exists.

    Raises AwsError.
    """
    foreign = False
    for scope, name, suffix in named_secrets(ctx.scope, secret_id):
        foreign = foreign or scope.account != ctx.caller.account
        record = await ctx.store.get(scope, SECRET, name) if scope.region == ctx.region else None
        if record is not None and suffix in ("", record.value["suffix"]):
            return Secret(scope, record)
    if foreign:
        action = f"secretsmanager:{operation}"
        raise access_denied(
            f"User: {ctx.caller.arn} is not authorized to perform: {action} on resource: {secret_id} because no"
            f" resource-based policy allows the {action} action"
        )
    raise no_secret()


def day_of(now_ms: int) -> int:
    """Return the beginning of the day, to which AWS rounds dates of access."""
    return now_ms // _DAY_MS * _DAY_MS


def moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def tags_reply(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def description_reply(secret: Secret) -> dict[str, Any]:
    """Return what DescribeSecret and ListSecrets have in common."""
    value = secret.value
    return {
        **secret.named(),
        "Description": value["description"] or None,
        "KmsKeyId": value["key"] or None,
        "LastChangedDate": moment(value["changed"]),
        "LastAccessedDate": moment(value["accessed"]),
        "DeletedDate": moment(value["purge"]),
        "CreatedDate": moment(value["created"]),
        "Tags": tags_reply(value["tags"]),
        "OwningService": value["owner"] or None,
        "PrimaryRegion": value["primary"] or (secret.scope.region if value["replicas"] else None),
        **rotation_reply(value["rotation"]),
    }


def rotation_reply(rotation: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the members about rotation, none for a secret that never had any."""
    if rotation is None:
        return {}
    return {
        "RotationEnabled": rotation["enabled"],
        "RotationLambdaARN": rotation["function"],
        "RotationRules": rotation["rules"] or None,
        "LastRotatedDate": moment(rotation["last"]),
        "NextRotationDate": moment(rotation["next"]) if rotation["enabled"] else None,
    }


def replication_reply(secret: Secret) -> list[dict[str, Any]] | None:
    return [
        {
            "Region": region,
            "KmsKeyId": replica["key"] or None,
            "Status": replica["status"],
            "StatusMessage": replica["message"] or None,
        }
        for region, replica in secret.value["replicas"].items()
    ] or None


def stages_reply(secret: Secret) -> dict[str, list[str]]:
    return {one: list(version["stages"]) for one, version in secret.versions.items() if version["stages"]}
