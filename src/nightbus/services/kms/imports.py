"""Imports key material that a client wrapped by a public key of this node, and deletes it again.

The import token holds the private half of that key, sealed by the node's vault, so nothing is stored for it.
"""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime
from typing import Any

import orjson

from nightbus.aws.errors import AwsError, not_supported
from nightbus.keys import asymmetric, wrapping
from nightbus.keys.errors import is_in_state
from nightbus.keys.records import ENABLED, EXTERNAL, MATERIAL, PENDING_IMPORT, material_id
from nightbus.services.context import Context
from nightbus.services.kms.errors import invalid, unsupported_operation
from nightbus.services.kms.finding import KeyRecord, key_record, refuse_pending_deletion
from nightbus.store.interface import DeleteRecord, PutRecord
from nightbus.store.vault import VaultClosed

_DAY_MS = 86_400_000
_EXPIRES, _STAYS = "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"


async def get_parameters_for_import(
    ctx: Context, *, key_id: str, wrapping_algorithm: str, wrapping_key_spec: str
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "GetParametersForImport")
    _require_external(found)
    refuse_pending_deletion(found)
    if wrapping_key_spec == "SM2" or wrapping_algorithm == "SM2PKE":
        raise not_supported("kms", "GetParametersForImport", "SM2")
    if wrapping_algorithm == "RSAES_PKCS1_V1_5":
        raise unsupported_operation("The wrapping algorithm RSAES_PKCS1_V1_5 is not supported any more.")
    pair = await asyncio.to_thread(asymmetric.generate, wrapping_key_spec)
    valid_to = ctx.now_ms() + _DAY_MS
    head = {"key": found.id, "region": found.scope.region, "algorithm": wrapping_algorithm, "to": valid_to}
    token = await asyncio.to_thread(ctx.platform.vault.seal, orjson.dumps(head) + b"\n" + pair.secret)
    return {
        "KeyId": found.arn,
        "ImportToken": token.encode(),
        "PublicKey": pair.public,
        "ParametersValidTo": valid_to / 1000,
    }


async def import_key_material(
    ctx: Context,
    *,
    key_id: str,
    import_token: bytes,
    encrypted_key_material: bytes,
    valid_to: datetime | None = None,
    expiration_model: str = _EXPIRES,
    import_type: str | None = None,
    key_material_description: str | None = None,
    key_material_id: str | None = None,
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "ImportKeyMaterial")
    _require_external(found)
    refuse_pending_deletion(found)
    expires = _expiry(ctx, expiration_model, valid_to)
    algorithm, private = await _read_token(ctx, found, import_token)
    spec = found.value["KeySpec"]
    try:
        secret = await asyncio.to_thread(wrapping.unwrap, private, algorithm, encrypted_key_material)
        generated = await asyncio.to_thread(wrapping.checked, spec, secret)
    except asymmetric.Refused:
        raise AwsError("InvalidCiphertextException", "") from None
    former, identity = found.value.get("Imported"), material_id(generated.secret)
    if (former or key_material_id or identity) != identity:
        if import_type == "NEW_KEY_MATERIAL":
            raise not_supported("kms", "ImportKeyMaterial", "a second ImportType NEW_KEY_MATERIAL of a key")
        raise AwsError(
            "IncorrectKeyMaterialException", "The key material is not the one that was imported before."
        )
    version = await ctx.platform.keys.new_material(generated.secret)
    if key_material_description is not None:
        version["Description"] = key_material_description
    members: dict[str, Any] = {
        "State": ENABLED if found.state == PENDING_IMPORT else found.state,
        "Material": identity,
        "Imported": identity,
        "ExpirationModel": expiration_model,
        "ValidTo": expires,
    }
    if generated.public is not None:
        members["PublicKey"] = base64.b64encode(generated.public).decode()
    await ctx.store.commit(
        found.put(**members),
        PutRecord(found.scope, MATERIAL, found.id, {"Current": identity, "Versions": [version]}),
    )
    return {"KeyId": found.arn, "KeyMaterialId": identity}


async def delete_imported_key_material(
    ctx: Context, *, key_id: str, key_material_id: str | None = None
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "DeleteImportedKeyMaterial")
    _require_external(found)
    refuse_pending_deletion(found)
    if found.state == PENDING_IMPORT:
        raise is_in_state(found.arn, PENDING_IMPORT)
    await ctx.store.commit(*without_material(found))
    return {"KeyId": found.arn, "KeyMaterialId": found.value.get("Imported")}


def without_material(found: KeyRecord) -> tuple[PutRecord, DeleteRecord]:
    """Return the changes after which the key waits for its material."""
    gone = dict.fromkeys(("Material", "ValidTo", "ExpirationModel"))
    return found.put(State=PENDING_IMPORT, **gone), DeleteRecord(found.scope, MATERIAL, found.id)


def _expiry(ctx: Context, model: str, valid_to: datetime | None) -> int | None:
    if model == _STAYS:
        return None
    if valid_to is None:
        raise invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES.")
    expires = int(valid_to.timestamp() * 1000)
    if not ctx.now_ms() < expires <= ctx.now_ms() + 365 * _DAY_MS:
        raise invalid("The validTo date must be in the future, and at most 365 days from now.")
    return expires


async def _read_token(ctx: Context, found: KeyRecord, token: bytes) -> tuple[str, bytes]:
    try:
        text = await asyncio.to_thread(ctx.platform.vault.open, token.decode("ascii"))
    except (VaultClosed, UnicodeDecodeError):
        raise AwsError("InvalidImportTokenException", "The import token is invalid.") from None
    written, _, private = text.partition(b"\n")
    try:
        head = orjson.loads(written)
        named = head["key"], head["region"]
    except (ValueError, KeyError, TypeError):  # the vault sealed something else
        raise AwsError("InvalidImportTokenException", "The import token is invalid.") from None
    if named != (found.id, found.scope.region):
        raise AwsError("InvalidImportTokenException", "The import token is for another key.")
    if head["to"] <= ctx.now_ms():
        raise AwsError("ExpiredImportTokenException", "The import token is expired.")
    return head["algorithm"], private


def _require_external(found: KeyRecord) -> None:
    origin = found.value["Origin"]
    if origin != EXTERNAL:
        raise unsupported_operation(f"{found.arn} origin is {origin} which is not valid for this operation.")
