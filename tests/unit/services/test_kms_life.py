"""The life of a KMS key: its states, rotation, deletion, imported material, grants, policies, and its replicas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bus_rig import SCOPE, rig
from kms_rig import OTHER, Kms, user
from nightbus.aws.calls import Caller, Scope
from nightbus.keys import asymmetric
from nightbus.keys.records import ALIAS, GRANT, KEY, MATERIAL
from nightbus.services.kms.deletion import keep_up_keys
from nightbus.store.interface import PutRecord

DAY = 86_400
ELSEWHERE = "ap-southeast-2"


@pytest.fixture
async def kms(tmp_path: Path) -> AsyncIterator[Kms]:
    async with rig(tmp_path) as made:
        yield Kms(made)


async def pass_days(kms: Kms, days: float) -> None:
    await kms.rig.clock.advance(days * DAY)


async def until(kms: Kms, condition: Any) -> None:
    """While the duty runs, an hour after the other."""
    async with asyncio.timeout(20):
        while not await condition():
            await kms.rig.clock.advance(3600)
            await asyncio.sleep(0.005)


async def gone(kms: Kms, key: str, region: str = SCOPE.region) -> bool:
    return await kms.rig.store.get(SCOPE._replace(region=region), KEY, key.rpartition("/")[2]) is None


USES: dict[str, dict[str, Any]] = {
    "Encrypt": {"Plaintext": b"x"},
    "GenerateDataKey": {"KeySpec": "AES_128"},
    "GenerateDataKeyWithoutPlaintext": {"NumberOfBytes": 64},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "ReEncrypt": {},
    "EnableKeyRotation": {},
    "RotateKeyOnDemand": {},
    "CreateGrant": {"GranteePrincipal": f"arn:aws:iam::{OTHER}:root", "Operations": ["Decrypt"]},
}
CHANGES: dict[str, dict[str, Any]] = {
    "EnableKey": {},
    "DisableKey": {},
    "ScheduleKeyDeletion": {},
    "PutKeyPolicy": {"Policy": "{}"},
    "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UpdateKeyDescription": {"Description": "new"},
}


async def test_states_and_what_they_allow(kms: Kms) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"""
    other = await kms.key()
    blob = (await kms("Encrypt", KeyId=other, Plaintext=b"x"))["CiphertextBlob"]
    disabled, doomed = await kms.key(), await kms.key()
    await kms("DisableKey", KeyId=disabled)
    await kms("ScheduleKeyDeletion", KeyId=doomed)
    waiting = await kms.key(Origin="EXTERNAL")
    expected = {
        disabled: ("DisabledException", f"{disabled} is disabled."),
        doomed: ("KMSInvalidStateException", f"{doomed} is pending deletion."),
        waiting: ("KMSInvalidStateException", f"{waiting} is pending import."),
    }
    for key, refusal in expected.items():
        for operation, params in USES.items():
            named = (
                {"DestinationKeyId": key, "CiphertextBlob": blob}
                if operation == "ReEncrypt"
                else {"KeyId": key}
            )
            assert await kms.refused(operation, **named, **params) == refusal, operation
    for operation, params in CHANGES.items():
        assert await kms.refused(operation, KeyId=doomed, **params) == expected[doomed], operation
    assert (await kms.refused("CancelKeyDeletion", KeyId=disabled))[0] == "KMSInvalidStateException"
    assert (await kms.refused("Encrypt", KeyId=other, Plaintext=b"x", DryRun=True))[
        0
    ] == "DryRunOperationException"


async def test_a_rotated_key_opens_what_it_sealed_before(kms: Kms) -> None:
    key = await kms.key()
    first = (await kms("Encrypt", KeyId=key, Plaintext=b"first"))["CiphertextBlob"]
    await kms("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
    status = await kms("GetKeyRotationStatus", KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    await kms.rig.work(keep_up_keys)

    async def rotated() -> bool:
        return bool((await kms("ListKeyRotations", KeyId=key))["Rotations"])

    await pass_days(kms, 89)
    assert not await rotated()
    await until(kms, rotated)
    await kms("RotateKeyOnDemand", KeyId=key)
    rotations = (await kms("ListKeyRotations", KeyId=key))["Rotations"]
    assert [one["RotationType"] for one in rotations] == ["AUTOMATIC", "ON_DEMAND"]
    assert rotations[-1]["KeyMaterialState"] == "CURRENT"
    whole = await kms("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", Limit=2)
    assert whole["Truncated"]
    assert (await kms("Decrypt", CiphertextBlob=first))["Plaintext"] == b"first"
    last = await kms(
        "Decrypt", CiphertextBlob=(await kms("Encrypt", KeyId=key, Plaintext=b"x"))["CiphertextBlob"]
    )
    assert last["KeyMaterialId"] == rotations[-1]["KeyMaterialId"]


async def test_a_window_ends_in_the_deletion_of_all_that_is_the_keys(kms: Kms) -> None:
    key, saved = await kms.key(), await kms.key()
    await kms("CreateAlias", AliasName="alias/gone", TargetKeyId=key)
    await kms("CreateGrant", KeyId=key, GranteePrincipal=user().arn, Operations=["Decrypt"])
    blob = (await kms("Encrypt", KeyId=key, Plaintext=b"x"))["CiphertextBlob"]
    for one in (key, saved):
        await kms("ScheduleKeyDeletion", KeyId=one, PendingWindowInDays=7)
    await kms("CancelKeyDeletion", KeyId=saved)
    await kms.rig.work(keep_up_keys)
    await pass_days(kms, 6.9)
    assert await kms.state(key) == "PendingDeletion"
    await until(kms, lambda: gone(kms, key))
    assert not await gone(kms, saved)
    kinds = {kind: await kms.rig.store.list(SCOPE, kind) for kind in (ALIAS, GRANT, MATERIAL)}
    assert [len(records) for records in kinds.values()] == [0, 0, 1]
    code, message = await kms.refused("Decrypt", CiphertextBlob=blob)
    assert code == "AccessDeniedException" and "does not exist" in message


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_256"])
@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "ECC_NIST_P256"])
async def test_imported_material(kms: Kms, algorithm: str, spec: str) -> None:
    usage = "ENCRYPT_DECRYPT" if spec == "SYMMETRIC_DEFAULT" else "SIGN_VERIFY"
    key = await kms.key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)
    material = asymmetric.generate(spec).secret

    async def bring(secret: bytes, **params: Any) -> dict[str, Any]:
        given = await kms(
            "GetParametersForImport", KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048"
        )
        wrapped = wrap(given["PublicKey"], algorithm, secret)
        request: dict[str, Any] = {"ImportToken": given["ImportToken"], "EncryptedKeyMaterial": wrapped}
        return await kms("ImportKeyMaterial", KeyId=key, **request, **params)

    ends = datetime.fromtimestamp(kms.rig.clock.now_ms() / 1000 + 10 * DAY, UTC)
    await bring(material, ValidTo=ends)
    use = ("Encrypt", {"Plaintext": b"x"}) if usage == "ENCRYPT_DECRYPT" else (
        "Sign", {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    )  # fmt: skip
    await kms(use[0], KeyId=key, **use[1])
    await pass_days(kms, 10.1)
    assert await kms.state(key) == "PendingImport"  # at once, also where no duty has removed it
    await kms.rig.work(keep_up_keys)

    async def removed() -> bool:
        return not await kms.rig.store.list(SCOPE, MATERIAL)

    await until(kms, removed)
    assert (await kms.refused(use[0], KeyId=key, **use[1]))[0] == "KMSInvalidStateException"
    with pytest.raises(Exception, match="not the one that was imported"):
        await bring(asymmetric.generate(spec).secret, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    await bring(material, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    assert await kms.state(key) == "Enabled"
    await kms("DeleteImportedKeyMaterial", KeyId=key)
    assert await kms.state(key) == "PendingImport"
    code, _ = await kms.refused(
        "ImportKeyMaterial", KeyId=key, ImportToken=b"nonsense", EncryptedKeyMaterial=b"x",
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )  # fmt: skip
    assert code == "InvalidImportTokenException"


def wrap(public: bytes, algorithm: str, secret: bytes) -> bytes:
    if algorithm.startswith("RSAES"):
        return asymmetric.encrypt(public, algorithm, secret)
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

    key = asymmetric.generate("SYMMETRIC_DEFAULT").secret
    return asymmetric.encrypt(public, "RSAES_OAEP_SHA_256", key) + aes_key_wrap_with_padding(key, secret)


async def test_grants_of_another_account(kms: Kms) -> None:
    key, ann = await kms.key(), user()
    blob = (await kms("Encrypt", KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"}))[
        "CiphertextBlob"
    ]
    request: dict[str, Any] = {
        "CiphertextBlob": blob,
        "EncryptionContext": {"a": "1", "b": "2"},
        "KeyId": key,
    }
    assert (await kms.refused("Decrypt", caller=ann, **request))[0] == "AccessDeniedException"
    made: dict[str, Any] = {
        "KeyId": key,
        "GranteePrincipal": ann.arn,
        "Operations": ["Decrypt", "RetireGrant"],
        "RetiringPrincipal": user(name="bob").arn,
        "Constraints": {"EncryptionContextSubset": {"a": "1"}},
        "Name": "once",
    }
    grant = await kms("CreateGrant", **made)
    assert (await kms("CreateGrant", **made))["GrantId"] == grant["GrantId"]
    assert (await kms("Decrypt", caller=ann, **request))["Plaintext"] == b"x"
    plain = (await kms("Encrypt", KeyId=key, Plaintext=b"x"))["CiphertextBlob"]
    assert (await kms.refused("Decrypt", caller=ann, CiphertextBlob=plain, KeyId=key))[
        0
    ] == "AccessDeniedException"
    assert (await kms.refused("Encrypt", caller=ann, KeyId=key, Plaintext=b"x"))[0] == "AccessDeniedException"
    (listed,) = (await kms("ListGrants", KeyId=key))["Grants"]
    assert (listed["GrantId"], listed["KeyId"], listed["Name"]) == (grant["GrantId"], key, "once")
    retirable = await kms("ListRetirableGrants", RetiringPrincipal=user(name="bob").arn)
    assert len(retirable["Grants"]) == 1
    eve = user(name="eve")
    assert (await kms.refused("RetireGrant", caller=eve, GrantToken=grant["GrantToken"]))[
        0
    ] == "AccessDeniedException"
    await kms("RetireGrant", caller=user(name="bob"), GrantToken=grant["GrantToken"])
    assert (await kms.refused("Decrypt", caller=ann, **request))[0] == "AccessDeniedException"
    again = await kms("CreateGrant", KeyId=key, GranteePrincipal=ann.arn, Operations=["Encrypt"])
    await kms("Encrypt", caller=ann, KeyId=key, Plaintext=b"x", GrantTokens=[again["GrantToken"]])
    await kms("RevokeGrant", KeyId=key, GrantId=again["GrantId"])
    assert (await kms.refused("Encrypt", caller=ann, KeyId=key, Plaintext=b"x"))[0] == "AccessDeniedException"
    assert (await kms.refused("RevokeGrant", KeyId=key, GrantId=again["GrantId"]))[0] == "NotFoundException"
    bad = await kms.refused("Encrypt", KeyId=key, Plaintext=b"x", GrantTokens=["nonsense"])
    assert bad[0] == "InvalidGrantTokenException"


def policy(*statements: dict[str, Any]) -> str:
    whole = [{"Action": "kms:*", "Resource": "*", "Effect": "Allow", **one} for one in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": whole})


ROOT = {"Principal": {"AWS": f"arn:aws:iam::{SCOPE.account}:root"}}


async def test_key_policies(kms: Kms) -> None:
    key, ann, own = await kms.key(), user(), user(SCOPE.account)
    await kms.rig.store.commit(PutRecord(Scope(SCOPE.account, ""), "iam/user", "ann", {"Arn": own.arn}))
    shared = {
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": ["kms:Encrypt", "kms:DescribeKey"],
    }
    denied = {"Effect": "Deny", "Principal": {"AWS": own.arn}, "Action": "kms:Encrypt"}
    await kms("PutKeyPolicy", KeyId=key, Policy=policy(ROOT, shared, denied))
    await kms("Encrypt", caller=ann, KeyId=key, Plaintext=b"x")
    assert (
        await kms.refused("GenerateMac", caller=ann, KeyId=key, Message=b"x", MacAlgorithm="HMAC_SHA_256")
    )[0] == ("AccessDeniedException")
    assert (await kms.refused("DisableKey", caller=ann, KeyId=key))[0] == "AccessDeniedException"
    code, message = await kms.refused("Encrypt", caller=own, KeyId=key, Plaintext=b"x")
    assert code == "AccessDeniedException" and message.endswith(
        "with an explicit deny in a resource-based policy"
    )
    await kms("Encrypt", KeyId=key, Plaintext=b"x")
    locked = await kms.refused("PutKeyPolicy", KeyId=key, Policy=policy(shared))
    assert locked == (
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    )
    await kms("PutKeyPolicy", KeyId=key, Policy=policy(shared), BypassPolicyLockoutSafetyCheck=True)
    assert json.loads((await kms("GetKeyPolicy", KeyId=key))["Policy"]) == json.loads(policy(shared))
    code, message = await kms.refused(
        "ListKeyPolicies", KeyId=key
    )  # the policy does not name the account's root
    assert code == "AccessDeniedException"
    assert message.endswith("because no resource-based policy allows the kms:ListKeyPolicies action")
    await kms("PutKeyPolicy", KeyId=key, Policy=policy(ROOT))
    assert (await kms("ListKeyPolicies", KeyId=key))["PolicyNames"] == ["default"]
    for text in ("{", "[]", "{}", policy({"Effect": "Maybe", **ROOT})):
        assert (await kms.refused("PutKeyPolicy", KeyId=key, Policy=text))[
            0
        ] == "MalformedPolicyDocumentException"


async def test_a_service_needs_the_policy(kms: Kms) -> None:
    key = await kms.key()
    events = Caller.for_service(SCOPE.account, "events.amazonaws.com", "arn:aws:events:x")
    assert (await kms.refused("GenerateDataKey", caller=events, KeyId=key, KeySpec="AES_256"))[0] == (
        "AccessDeniedException"
    )
    lets = {"Principal": {"Service": "events.amazonaws.com"}, "Action": "kms:GenerateDataKey*"}
    await kms("PutKeyPolicy", KeyId=key, Policy=policy(ROOT, lets))
    await kms("GenerateDataKey", caller=events, KeyId=key, KeySpec="AES_256")


async def test_a_multi_region_key(kms: Kms) -> None:
    key = await kms.key(MultiRegion=True)
    blob = (await kms("Encrypt", KeyId=key, Plaintext=b"x"))["CiphertextBlob"]
    reply = await kms("ReplicateKey", KeyId=key, ReplicaRegion=ELSEWHERE, Description="there")
    replica = reply["ReplicaKeyMetadata"]
    assert replica["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    assert (await kms("Decrypt", region=ELSEWHERE, CiphertextBlob=blob))["KeyId"] == replica["Arn"]
    assert (await kms.refused("ReplicateKey", KeyId=key, ReplicaRegion=ELSEWHERE))[
        0
    ] == "AlreadyExistsException"
    await kms("RotateKeyOnDemand", KeyId=key)
    rotated = (await kms("Encrypt", KeyId=key, Plaintext=b"y"))["CiphertextBlob"]
    assert (await kms("Decrypt", region=ELSEWHERE, CiphertextBlob=rotated))["Plaintext"] == b"y"
    refused = await kms.refused("RotateKeyOnDemand", region=ELSEWHERE, KeyId=replica["Arn"])
    assert refused[0] == "UnsupportedOperationException"
    await kms("UpdatePrimaryRegion", KeyId=key, PrimaryRegion=ELSEWHERE)
    regions = (await kms("DescribeKey", KeyId=key))["KeyMetadata"]["MultiRegionConfiguration"]
    assert (regions["MultiRegionKeyType"], regions["PrimaryKey"]["Region"]) == ("REPLICA", ELSEWHERE)
    await kms("RotateKeyOnDemand", region=ELSEWHERE, KeyId=replica["Arn"])
    doomed = await kms("ScheduleKeyDeletion", region=ELSEWHERE, KeyId=replica["Arn"], PendingWindowInDays=7)
    assert doomed["KeyState"] == "PendingReplicaDeletion"
    await kms("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    await kms.rig.work(keep_up_keys)
    await pass_days(kms, 7)
    await until(kms, lambda: gone(kms, key))
    assert await kms.state(replica["Arn"], ELSEWHERE) == "PendingDeletion"
    await pass_days(kms, 7)
    await until(kms, lambda: gone(kms, key, ELSEWHERE))


async def test_what_becomes_of_keys_is_on_the_bus(kms: Kms) -> None:
    await kms.rig.rule("keys", EventPattern='{"source": ["aws.kms"]}')
    key = await kms.key()
    former = (await kms("DescribeKey", KeyId=key))["KeyMetadata"]["CurrentKeyMaterialId"]
    await kms("RotateKeyOnDemand", KeyId=key)
    (event,) = await kms.rig.received()
    assert (event["detail-type"], event["resources"]) == ("KMS CMK Rotation", [key])
    assert event["detail"] == {
        "key-id": key.rpartition("/")[2],
        "key-origin": "AWS_KMS",
        "rotation-type": "ON_DEMAND",
        "previous-key-material-id": former,
        "current-key-material-id": (await kms("DescribeKey", KeyId=key))["KeyMetadata"][
            "CurrentKeyMaterialId"
        ],
    }
    await kms("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    await kms.rig.work(keep_up_keys)
    await pass_days(kms, 7)
    await until(kms, lambda: gone(kms, key))
    (event,) = await kms.rig.received()
    assert (event["detail-type"], event["resources"]) == ("KMS CMK Deletion", [key])


async def test_what_names_no_grant(kms: Kms) -> None:
    key = await kms.key()
    await kms("CreateAlias", AliasName="alias/a", TargetKeyId=key)
    await kms("CreateAlias", AliasName="alias/b", TargetKeyId=key)
    marker = (await kms("ListAliases", Limit=1))["NextMarker"]
    for token in (marker, "nonsense"):
        assert (await kms.refused("RetireGrant", GrantToken=token))[0] == "InvalidGrantTokenException"
    grant = await kms("CreateGrant", KeyId=key, GranteePrincipal=user().arn, Operations=["Decrypt"])
    assert (await kms("ListGrants", KeyId=key, GrantId=grant["GrantId"]))["Grants"]
    assert not (await kms("ListGrants", KeyId=key, GrantId=grant["GrantId"][:8]))["Grants"]


async def test_another_nodes_change_is_followed(kms: Kms) -> None:
    key = await kms.key()
    await kms("Encrypt", KeyId=key, Plaintext=b"x")
    record = await kms.rig.store.get(SCOPE, KEY, key.rpartition("/")[2])
    assert record is not None
    await kms.rig.store.commit(PutRecord(SCOPE, KEY, record.key, {**record.value, "State": "Disabled"}))
    assert (await kms.refused("Encrypt", KeyId=key, Plaintext=b"x"))[0] == "DisabledException"


async def test_aliases_lead_elsewhere_at_once(kms: Kms) -> None:
    one, two = await kms.key(), await kms.key()
    mac = await kms.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    await kms("CreateAlias", AliasName="alias/it", TargetKeyId=one)
    assert (await kms("Encrypt", KeyId="alias/it", Plaintext=b"x"))["KeyId"] == one
    await kms("UpdateAlias", AliasName="alias/it", TargetKeyId=two)
    assert (await kms("Encrypt", KeyId="alias/it", Plaintext=b"x"))["KeyId"] == two
    assert (await kms.refused("UpdateAlias", AliasName="alias/it", TargetKeyId=mac))[
        0
    ] == "ValidationException"
    code, message = await kms.refused("CreateAlias", AliasName="alias/it", TargetKeyId=two)
    arn = f"arn:aws:kms:{SCOPE.region}:{SCOPE.account}:alias/it"
    assert (code, message) == ("AlreadyExistsException", f"An alias with the name {arn} already exists")
    names = [entry["AliasName"] for entry in (await kms("ListAliases", KeyId=two))["Aliases"]]
    assert names == ["alias/it"]
    await kms("DeleteAlias", AliasName="alias/it")
    assert (await kms.refused("Encrypt", KeyId="alias/it", Plaintext=b"x"))[1] == f"Alias {arn} is not found."
    for number in range(50):
        await kms("CreateAlias", AliasName=f"alias/{number}", TargetKeyId=one)
    assert (await kms.refused("CreateAlias", AliasName="alias/50", TargetKeyId=one))[
        0
    ] == "LimitExceededException"
    listed = await kms("ListAliases", KeyId=one, Limit=20)
    assert (
        listed["Truncated"] and (await kms("ListAliases", KeyId=one, Marker=listed["NextMarker"]))["Aliases"]
    )
    assert (await kms.refused("ListKeys", Marker="nonsense"))[0] == "InvalidMarkerException"
