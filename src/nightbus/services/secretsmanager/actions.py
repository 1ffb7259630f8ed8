"""Says which actions on which secrets each operation needs, as the Service Authorization Reference has it.

A secret's ARN ends with six characters that only the store knows: `resolve` adds them to what a request names. Before
a secret is there, it is `NAME-??????`, so that policies name new secrets as they name existing ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import Arn, is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.identity.needs import ANY, Asked, Keys, NeedsOf, merged, needs, request_tags, when
from nightbus.identity.request_keys import ABSENT, members
from nightbus.identity.secrets import CURRENT, SECRET, secret_arn
from nightbus.policies.callers import NO_STATEMENTS
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy, compiled_policy
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform
from nightbus.services.secretsmanager.names import named_secrets
from nightbus.store.interface import Record

_UNKNOWN = "??????"
_SECRET_ID = "secretsmanager:secretid"  # noqa: S105


def _existing(asked: Asked) -> str:
    secret_id = asked.text("SecretId")
    return secret_id if is_arn(secret_id) else secret_arn(asked.call.scope, secret_id, _UNKNOWN)


def _new(asked: Asked) -> str:
    return secret_arn(asked.call.scope, asked.text("Name"), _UNKNOWN)


def _secret_id(asked: Asked) -> Mapping[str, Values]:
    return {_SECRET_ID: _existing(asked)}


def _on_secret(operation: str, *further: Keys) -> NeedsOf:
    return needs(f"secretsmanager:{operation}", _existing, keys=merged(_secret_id, *further))


def _version(asked: Asked) -> Mapping[str, Values]:
    """Return the keys of GetSecretValue: without a version it is that of the label AWSCURRENT."""
    version, stage = asked.text("VersionId"), asked.text("VersionStage")
    return {
        "secretsmanager:versionid": version,
        "secretsmanager:versionstage": stage or (ABSENT if version else CURRENT),
    }


def _regions(asked: Asked) -> Mapping[str, Values]:
    regions = [str(one.get("Region")) for one in asked.params.get("AddReplicaRegions") or ()]
    return {"secretsmanager:addreplicaregions": tuple(regions) or ABSENT}


_KEYS_OF_VALUE = members(secretsmanager__description="Description", secretsmanager__kmskeyid="KmsKeyId")
_OVERWRITES = members(secretsmanager__forceoverwritereplicasecret="ForceOverwriteReplicaSecret")
_ROTATION = members(
    secretsmanager__rotationlambdaarn="RotationLambdaARN",
    secretsmanager__rotateimmediately="RotateImmediately",
)
_DELETION = members(
    secretsmanager__recoverywindowindays="RecoveryWindowInDays",
    secretsmanager__forcedeletewithoutrecovery="ForceDeleteWithoutRecovery",
)


def _of_new_secret(asked: Asked) -> Sequence[Need]:
    further: list[Need] = []
    if asked.params.get("Tags"):
        further += needs("secretsmanager:TagResource", _new, keys=request_tags("Tags"))(asked)
    if asked.params.get("AddReplicaRegions"):
        further += needs("secretsmanager:ReplicateSecretToRegions", _new, keys=_regions)(asked)
    return further


ACTIONS: Mapping[str, NeedsOf] = {
    "BatchGetSecretValue": needs(  # and in the handler for each secret
        "secretsmanager:BatchGetSecretValue", ANY, when("Filters", needs("secretsmanager:ListSecrets"))
    ),
    "CancelRotateSecret": _on_secret("CancelRotateSecret"),
    "CreateSecret": needs(
        "secretsmanager:CreateSecret",
        _new,
        _of_new_secret,
        keys=merged(
            request_tags("Tags"), _KEYS_OF_VALUE, _regions, _OVERWRITES, members(secretsmanager__name="Name")
        ),
    ),
    "DeleteResourcePolicy": _on_secret("DeleteResourcePolicy"),
    "DeleteSecret": _on_secret("DeleteSecret", _DELETION),
    "DescribeSecret": _on_secret("DescribeSecret"),
    "GetRandomPassword": needs("secretsmanager:GetRandomPassword"),
    "GetResourcePolicy": _on_secret("GetResourcePolicy"),
    "GetSecretValue": _on_secret("GetSecretValue", _version),
    "ListSecretVersionIds": _on_secret("ListSecretVersionIds"),
    "ListSecrets": needs("secretsmanager:ListSecrets"),
    "PutResourcePolicy": _on_secret(
        "PutResourcePolicy", members(secretsmanager__blockpublicpolicy="BlockPublicPolicy")
    ),
    "PutSecretValue": _on_secret("PutSecretValue"),
    "RemoveRegionsFromReplication": _on_secret("RemoveRegionsFromReplication"),
    "ReplicateSecretToRegions": _on_secret("ReplicateSecretToRegions", _regions, _OVERWRITES),
    "RestoreSecret": _on_secret("RestoreSecret"),
    "RotateSecret": _on_secret("RotateSecret", _ROTATION),  # and in the handler for the function
    "StopReplicationToReplica": _on_secret("StopReplicationToReplica"),
    "TagResource": _on_secret("TagResource", request_tags("Tags")),
    "UntagResource": _on_secret("UntagResource", request_tags("TagKeys")),
    "UpdateSecret": _on_secret("UpdateSecret", _KEYS_OF_VALUE),
    "UpdateSecretVersionStage": _on_secret(
        "UpdateSecretVersionStage", members(secretsmanager__versionstage="VersionStage")
    ),
    "ValidateResourcePolicy": lambda asked: (
        _on_secret("ValidateResourcePolicy")(asked)
        if asked.text("SecretId")
        else [Need("secretsmanager:ValidateResourcePolicy", "*")]
    ),
}


async def resolve(platform: Platform, asked: Asked, found: Sequence[Need]) -> Sequence[Need]:
    """Put the ARN of the existing secret in the place of its name, or of an ARN without its last characters."""
    if not asked.text("SecretId"):
        return found
    arn = await _arn_of(platform, asked.call.scope, asked.text("SecretId"))
    if not arn:
        return found
    return [need._replace(resource=arn, keys={**need.keys, _SECRET_ID: arn}) for need in found]


async def _arn_of(platform: Platform, home: Scope, secret_id: str) -> str:
    try:
        for scope, name, suffix in named_secrets(home, secret_id):
            record = await platform.store.get(scope, SECRET, name)
            if record is not None and suffix in ("", record.value["suffix"]):
                return secret_arn(scope, name, record.value["suffix"])
    except AwsError:
        return ""  # not the name of a secret, which the handler says
    return ""


POLICY_RECORDS = (SECRET,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    record = await _record(platform, arn)
    if record is None:
        return None
    document = record.value["policy"]
    return compiled_policy(document, PolicyKind.RESOURCE, arn) if document else NO_STATEMENTS


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    record = await _record(platform, arn)
    tags: dict[str, str] = record.value["tags"] if record is not None else {}
    return tags


async def _record(platform: Platform, arn: str) -> Record | None:
    try:
        named = Arn.parse(arn)
    except ValueError:
        return None
    name = named.resource.removeprefix("secret:").rpartition("-")[0]
    return await platform.store.get(Scope(named.account, named.region), SECRET, name)
