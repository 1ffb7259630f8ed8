"""Says which actions on which keys each operation needs, as the Service Authorization Reference has it.

A request names a key by its id, its ARN, or an alias; `resolve` puts the key's ARN in the place of an alias. Who may
retire a grant is said by the grant, so RetireGrant asks in its handler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import is_arn
from nightbus.aws.calls import Scope
from nightbus.identity.needs import ANY, Asked, Keys, NeedsOf, Resource, merged, needs, request_tags, when
from nightbus.identity.request_keys import ABSENT, members
from nightbus.keys.access import RESOURCE_ALIASES
from nightbus.keys.ciphertexts import Unreadable, read_head
from nightbus.keys.records import ALIAS_PREFIX, GRANT, KEY, SYMMETRIC, key_arn
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform
from nightbus.services.kms import access
from nightbus.services.kms.condition_keys import encryption_context, keys_of_grant

_REQUEST_ALIAS = "kms:requestalias"


def _named(asked: Asked, identifier: str) -> str:
    if is_arn(identifier):
        return identifier
    kind = "" if identifier.startswith(ALIAS_PREFIX) else "key/"
    return asked.arn("kms", f"{kind}{identifier}")


def _key(member: str = "KeyId") -> Resource:
    return lambda asked: _named(asked, asked.text(member))


def _alias(asked: Asked) -> str:
    return _named(asked, asked.text("AliasName"))


def _alias_of(identifier: str) -> str:
    return identifier[identifier.find(ALIAS_PREFIX) :] if ALIAS_PREFIX in identifier else ABSENT


def _caller(asked: Asked) -> Mapping[str, Values]:
    """Return the keys that every action of KMS has."""
    via = asked.call.via[-1] if asked.call.via else ""
    return {
        "kms:calleraccount": asked.call.caller.account,
        "kms:viaservice": f"{via}.{asked.call.scope.region}.amazonaws.com" if via else ABSENT,
    }


def _on_key(operation: str, *further: Keys, member: str = "KeyId", action: str = "") -> NeedsOf:
    """Return the line of an operation on one key."""
    return needs(f"kms:{action or operation}", _key(member), keys=merged(_caller, *further))


def _using(
    operation: str,
    *further: Keys,
    context: str = "EncryptionContext",
    algorithm: str = "EncryptionAlgorithm",
    member: str = "KeyId",
    action: str = "",
) -> NeedsOf:
    """Return the line of an operation with an encryption context."""

    def keys(asked: Asked) -> Mapping[str, Values]:
        return {
            _REQUEST_ALIAS: _alias_of(asked.text(member)),
            "kms:encryptionalgorithm": asked.text(algorithm) or SYMMETRIC,
            **encryption_context(asked.params.get(context)),
        }

    return _on_key(operation, keys, *further, member=member, action=action)


def _by_alias(operation: str, **keys: str) -> NeedsOf:
    """Return the line of an operation that takes a key or an alias."""

    def alias(asked: Asked) -> Mapping[str, Values]:
        return {_REQUEST_ALIAS: _alias_of(asked.text("KeyId"))}

    return _on_key(operation, alias, members(**keys))


def _of_ciphertext(action: str, prefix: str = "") -> NeedsOf:
    """Return the line for the key that decrypts: the one that is named, or that of the ciphertext. None for neither:
    the handler refuses such a ciphertext."""
    member = f"{prefix}KeyId"
    line = _using("", context=f"{prefix}EncryptionContext", algorithm=f"{prefix}EncryptionAlgorithm",
                  member=member, action=action)  # fmt: skip

    def needs_of(asked: Asked) -> Sequence[Need]:
        found = line(asked)
        if asked.text(member):
            return found
        try:
            head = read_head(asked.params.get("CiphertextBlob") or b"")
        except Unreadable:
            return ()
        arn = key_arn(Scope(head.account, asked.call.scope.region), head.key_id)
        return [need._replace(resource=arn) for need in found]

    return needs_of


def _re_encrypted(asked: Asked) -> Sequence[Need]:
    line = _using(
        "",
        context="DestinationEncryptionContext",
        algorithm="DestinationEncryptionAlgorithm",
        member="DestinationKeyId",
        action="ReEncryptTo",
    )
    found = [*_of_ciphertext("ReEncryptFrom", "Source")(asked), *line(asked)]
    same = len({need.resource for need in found}) == 1
    keys = {"kms:reencryptonsamekey": "true" if same else "false"}
    return [need._replace(keys={**need.keys, **keys}) for need in found]


def _changes_alias(operation: str) -> NeedsOf:
    """Return the line: the alias, the key that it gets, and by `resolve` the key that it has."""
    action = f"kms:{operation}"

    def needs_of(asked: Asked) -> Sequence[Need]:
        found = needs(action, _alias, keys=_caller)(asked)
        if not asked.text("TargetKeyId"):
            return found
        return [*found, *needs(action, _key("TargetKeyId"), keys=_caller)(asked)]

    return needs_of


def _moved_primary(asked: Asked) -> Sequence[Need]:
    """Return the needs: the permission on the primary key that there is, and on the replica that becomes it.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdatePrimaryRegion.html
    """
    line = _on_key("UpdatePrimaryRegion", members(kms__primaryregion="PrimaryRegion"))
    (present,) = line(asked)
    parts = present.resource.split(":")
    parts[3] = asked.text("PrimaryRegion")
    return [present, present._replace(resource=":".join(parts))]


def _grant(asked: Asked) -> Mapping[str, Values]:
    return {**keys_of_grant(asked.params), **_for_aws(asked)}


def _for_aws(asked: Asked) -> Mapping[str, Values]:
    """Return whether an AWS service asks for the grant, on behalf of the caller."""
    return {"kms:grantisforawsresource": "true" if asked.call.via or asked.call.caller.service else "false"}


def _new_key(asked: Asked) -> Mapping[str, Values]:
    return {
        "kms:keyspec": asked.text("KeySpec") or asked.text("CustomerMasterKeySpec") or SYMMETRIC,
        "kms:keyusage": asked.text("KeyUsage") or "ENCRYPT_DECRYPT",
        "kms:keyorigin": asked.text("Origin") or "AWS_KMS",
        "kms:multiregion": "true" if asked.params.get("MultiRegion") else "false",
        "kms:multiregionkeytype": "PRIMARY" if asked.params.get("MultiRegion") else ABSENT,
    }


_TAGS_NEW_KEY = when("Tags", needs("kms:TagResource", keys=merged(_caller, request_tags("Tags"))))
_NO_SAFETY_CHECK = members(kms__bypasspolicylockoutsafetycheck="BypassPolicyLockoutSafetyCheck")
_PLAIN = (
    "CancelKeyDeletion", "DeleteImportedKeyMaterial", "DisableKey", "DisableKeyRotation", "EnableKey", "GetKeyPolicy",
    "GetKeyRotationStatus", "ListKeyPolicies", "ListKeyRotations", "ListResourceTags", "RotateKeyOnDemand",
    "UpdateKeyDescription",
)  # fmt: skip

_ACTIONS: dict[str, NeedsOf] = {
    **{operation: _on_key(operation) for operation in _PLAIN},
    "CreateAlias": _changes_alias("CreateAlias"),
    "CreateGrant": _on_key("CreateGrant", _grant),
    "CreateKey": needs(
        "kms:CreateKey", ANY, _TAGS_NEW_KEY, keys=merged(_caller, request_tags("Tags"), _new_key, _NO_SAFETY_CHECK)
    ),
    "Decapsulate": _by_alias("Decapsulate"),
    "Decrypt": _of_ciphertext("Decrypt"),
    "DeleteAlias": _changes_alias("DeleteAlias"),
    "DeriveSharedSecret": _by_alias("DeriveSharedSecret", kms__keyagreementalgorithm="KeyAgreementAlgorithm"),
    "DescribeKey": _by_alias("DescribeKey"),
    "EnableKeyRotation": _on_key("EnableKeyRotation", members(kms__rotationperiodindays="RotationPeriodInDays")),
    "Encapsulate": _by_alias("Encapsulate"),
    "Encrypt": _using("Encrypt"),
    "GenerateDataKey": _using("GenerateDataKey"),
    "GenerateDataKeyPair": _using("GenerateDataKeyPair", members(kms__datakeypairspec="KeyPairSpec")),
    "GenerateDataKeyPairWithoutPlaintext": _using(
        "GenerateDataKeyPairWithoutPlaintext", members(kms__datakeypairspec="KeyPairSpec")
    ),
    "GenerateDataKeyWithoutPlaintext": _using("GenerateDataKeyWithoutPlaintext"),
    "GenerateMac": _by_alias("GenerateMac", kms__macalgorithm="MacAlgorithm"),
    "GenerateRandom": needs("kms:GenerateRandom"),
    "GetParametersForImport": _on_key(
        "GetParametersForImport",
        members(kms__wrappingalgorithm="WrappingAlgorithm", kms__wrappingkeyspec="WrappingKeySpec"),
    ),
    "GetPublicKey": _by_alias("GetPublicKey"),
    "ImportKeyMaterial": _on_key(
        "ImportKeyMaterial", members(kms__expirationmodel="ExpirationModel", kms__validto="ValidTo")
    ),
    "ListAliases": needs("kms:ListAliases"),
    "ListGrants": _on_key("ListGrants", _for_aws),
    "ListKeys": needs("kms:ListKeys"),
    "ListRetirableGrants": needs(
        "kms:ListRetirableGrants", lambda asked: asked.text("RetiringPrincipal") or ANY, keys=_caller
    ),
    "PutKeyPolicy": _on_key("PutKeyPolicy", _NO_SAFETY_CHECK),
    "ReEncrypt": _re_encrypted,
    "ReplicateKey": needs(
        "kms:ReplicateKey",
        _key(),
        needs("kms:CreateKey", keys=merged(_caller, request_tags("Tags"))),
        _TAGS_NEW_KEY,
        keys=merged(_caller, members(kms__replicaregion="ReplicaRegion")),
    ),
    "RetireGrant": lambda asked: (),
    "RevokeGrant": _on_key("RevokeGrant", _for_aws),
    "ScheduleKeyDeletion": _on_key(
        "ScheduleKeyDeletion", members(kms__schedulekeydeletionpendingwindowindays="PendingWindowInDays")
    ),
    "Sign": _by_alias("Sign", kms__messagetype="MessageType", kms__signingalgorithm="SigningAlgorithm"),
    "TagResource": _on_key("TagResource", request_tags("Tags")),
    "UntagResource": _on_key("UntagResource", request_tags("TagKeys")),
    "UpdateAlias": _changes_alias("UpdateAlias"),
    "UpdatePrimaryRegion": _moved_primary,
    "Verify": _by_alias("Verify", kms__messagetype="MessageType", kms__signingalgorithm="SigningAlgorithm"),
    "VerifyMac": _by_alias("VerifyMac", kms__macalgorithm="MacAlgorithm"),
}  # fmt: skip
ACTIONS: Mapping[str, NeedsOf] = dict(sorted(_ACTIONS.items()))

_OF_ALIASES = frozenset({"kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"})


async def resolve(platform: Platform, asked: Asked, found: Sequence[Need]) -> Sequence[Need]:
    """Put the ARN of the key in the place of an alias, and add the keys that tell what kind of key it is."""
    resolved: list[Need] = []
    for need in found:
        key = await access.key_of(platform, asked.call.scope, need.resource)
        if need.action in _OF_ALIASES and f":{ALIAS_PREFIX}" in need.resource:
            resolved.append(need)
            if need.action == "kms:CreateAlias":
                continue
        if key is not None:
            keys = {**need.keys, **access.kind_of(key), RESOURCE_ALIASES: await platform.keys.aliases(key)}
            resolved.append(need._replace(resource=key.arn, keys=keys))
        elif need.action not in _OF_ALIASES or f":{ALIAS_PREFIX}" not in need.resource:
            resolved.append(need)
    return resolved


POLICY_RECORDS = (GRANT, KEY)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    """Return the policy of a key, with what its grants allow."""
    if f":{ALIAS_PREFIX}" in arn:
        return None
    key = await access.key_of(platform, None, arn)
    return None if key is None else await platform.keys.policy(key)


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    key = await access.key_of(platform, None, arn)
    tags: dict[str, str] = key.value["Tags"] if key is not None else {}
    return tags
