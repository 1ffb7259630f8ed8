"""Finds keys by what names them, and keeps keys, aliases, grants and unsealed material in memory.

Encrypt and the checks of other services (a queue's key at each send) read from here, so they cost no read of the store
and no unsealing; the feed of changes keeps it true. An AWS managed key is made when it is first looked for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import Clock
from nightbus.keys.errors import (
    disabled,
    invalid_key_id,
    is_in_state,
    no_alias,
    no_key,
    not_found,
    wrong_usage,
)
from nightbus.keys.grant_policies import policy_of_grants
from nightbus.keys.records import (
    ALIAS,
    ALIAS_PREFIX,
    AWS,
    AWS_ALIAS_PREFIX,
    AWS_KMS,
    AWS_MANAGED,
    DISABLED,
    ENABLED,
    GRANT,
    KEY,
    MATERIAL,
    SYMMETRIC,
    alias_arn,
    key_arn,
    key_of_grant,
    managed_key_id,
    managed_policy,
    material_id,
    root_arn,
    state_of,
)
from nightbus.keys.specs import ENCRYPT
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Change, PutRecord, RecordName, Store
from nightbus.store.known_records import KnownRecords
from nightbus.store.record_cache import RecordCache
from nightbus.store.vault import Vault, VaultClosed

log = logging.getLogger("nightbus.kms")
_MOST_KNOWN = 10_000
_MOST_UNSEALED = 1_000
YEAR_MS = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class Key:
    """`value` is the key's record, which is shared: nobody may change it."""

    scope: Scope
    id: str
    arn: str
    spec: str
    usage: str
    policy: Policy
    value: Mapping[str, Any]
    # What `keys.access` has found in the policy, by the question; a change of the record makes another Key.
    answers: dict[tuple[str, ...], tuple[bool, str]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Material:
    """The unsealed material of a key, by its id. Of an asymmetric key it is the private key in PKCS #8."""

    current: str
    secrets: Mapping[str, bytes]

    def secret(self) -> bytes:
        return self.secrets[self.current]

    def beginning_with(self, digits: str) -> tuple[str, bytes] | None:
        return next((one for one in self.secrets.items() if one[0].startswith(digits)), None)


@dataclass(frozen=True, slots=True)
class Grants:
    """The grants of a key as a policy. Without grants it says who may retire them. `joined` has the key's policy with
    them, by the former: the Authorizer remembers its decisions by the object."""

    policy: Policy
    joined: dict[Policy, Policy] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class AliasNames:
    """The names of the aliases of an account's keys in a region, by the key's id."""

    of_keys: Mapping[str, tuple[str, ...]]


Place = tuple[Scope, str]


class Keys:
    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._aliases = KnownRecords(store, [ALIAS], _MOST_KNOWN)
        self._names: RecordCache[Scope, AliasNames] = RecordCache(
            store, _MOST_KNOWN, [ALIAS], lambda record: record.scope, self._load_names
        )
        self._keys: RecordCache[Place, Key] = RecordCache(store, _MOST_KNOWN, [KEY], _place, self._load)
        self._materials: RecordCache[Place, Material] = RecordCache(
            store, _MOST_UNSEALED, [MATERIAL], _place, self._unseal
        )
        self._grants: RecordCache[Place, Grants] = RecordCache(
            store, _MOST_KNOWN, [GRANT, KEY], _place_of_grants, self._load_grants
        )

    def in_memory(self) -> dict[str, int]:
        answers = [len(key.answers) for key in self._keys.values() if key is not None]
        return {
            **self._aliases.in_memory(),
            "keys": len(self._keys),
            "answers of key policies": sum(answers),
            "unsealed key material": len(self._materials),
            "aliases of keys": len(self._names),
            "grants of keys": len(self._grants),
        }

    async def find(self, home: Scope, identifier: str) -> Key:
        """Return the key that an id, an alias or an ARN of either names, as seen from `home`. Raises AwsError."""
        scope, name = place_of(home, identifier)
        if name.startswith(ALIAS_PREFIX):
            return await self._by_alias(scope, name)
        key = await self._keys.find((scope, name))
        if key is None:
            raise no_key(key_arn(scope, name))
        return key

    async def by_id(self, scope: Scope, key_id: str) -> Key | None:
        return await self._keys.find((scope, key_id))

    async def _by_alias(self, scope: Scope, alias: str) -> Key:
        record = await self._aliases.get(scope, ALIAS, alias)
        if record is None and alias.removeprefix(AWS_ALIAS_PREFIX) in AWS_MANAGED:
            await self._make_managed(scope, alias)
            record = await self._store.get(scope, ALIAS, alias)
        key = await self._keys.find((scope, record.value["KeyId"])) if record is not None else None
        if key is None:
            raise no_alias(alias_arn(scope, alias))
        return key

    async def usable(self, home: Scope, identifier: str, operation: str, usage: str = ENCRYPT) -> Key:
        """Return the key if its state and usage allow `operation`. Raises AwsError with KMS's codes."""
        key = await self.find(home, identifier)
        self.require_usable(key, operation, usage)
        return key

    def require_usable(self, key: Key, operation: str, usage: str = ENCRYPT) -> None:
        """Raise AwsError unless the key is enabled, has its material, and is made for this."""
        state = self.state(key)
        if state == DISABLED:
            raise disabled(key.arn)
        if state != ENABLED:
            raise is_in_state(key.arn, state)
        if key.usage != usage:
            raise wrong_usage(key.arn, key.usage, operation)

    def state(self, key: Key) -> str:
        return state_of(key.value, self._clock.now_ms())

    async def material(self, key: Key) -> Material:
        """Return the key's unsealed material. Raises AwsError where it has none, or the vault does not open it."""
        try:
            material = await self._materials.find((key.scope, key.id))
        except VaultClosed as closed:
            log.error("the material of %s cannot be unsealed: %s", key.arn, closed)
            raise AwsError("KeyUnavailableException", f"{key.arn} is not available.", 500) from closed
        if material is None:
            raise is_in_state(key.arn, "PendingImport")
        return material

    async def policy(self, key: Key) -> Policy:
        """Return the key's policy with what its grants add to it."""
        found = await self._grants.find((key.scope, key.id))
        if found is None:
            return key.policy
        joined = found.joined.get(key.policy)
        if joined is None:
            found.joined.clear()
            joined = found.joined[key.policy] = key.policy.with_grants(found.policy)
        return joined

    async def aliases(self, key: Key) -> tuple[str, ...]:
        """Return the names of the key's aliases."""
        names = await self._names.find(key.scope)
        return names.of_keys.get(key.id, ()) if names is not None else ()

    async def _load_names(self, scope: Scope) -> AliasNames:
        found: dict[str, tuple[str, ...]] = {}
        for record in await self._store.list(scope, ALIAS):
            found[record.value["KeyId"]] = (*found.get(record.value["KeyId"], ()), record.key)
        return AliasNames(found)

    async def _load(self, place: Place) -> Key | None:
        scope, key_id = place
        record = await self._store.get(scope, KEY, key_id)
        if record is None:
            return None
        own_arn, value = key_arn(scope, key_id), record.value
        policy = Policy.compile(value["Policy"], PolicyKind.RESOURCE, own_arn)
        return Key(scope, key_id, own_arn, value["KeySpec"], value["KeyUsage"], policy, value)

    async def _unseal(self, place: Place) -> Material | None:
        record = await self._store.get(place[0], MATERIAL, place[1])
        if record is None:
            return None
        sealed = {
            one["Id"]: one["Sealed"] for one in record.value["Versions"] if one.get("Sealed") is not None
        }
        if record.value["Current"] not in sealed:
            return None
        return Material(record.value["Current"], await asyncio.to_thread(self._opened, sealed))

    def _opened(self, sealed: Mapping[str, str]) -> dict[str, bytes]:
        return {name: self._vault.open(text) for name, text in sealed.items()}

    async def _load_grants(self, place: Place) -> Grants:
        records = await self._store.list(place[0], GRANT, prefix=f"{place[1]}:")
        grants = [(record.key.partition(":")[2], record.value) for record in records]
        return Grants(policy_of_grants(grants, root_arn(*place[0]), f"grants of {key_arn(*place)}"))

    async def new_material(self, secret: bytes) -> dict[str, Any]:
        """Return a version of a key's material as its record holds it."""
        sealed = await asyncio.to_thread(self._vault.seal, secret)
        return {"Id": material_id(secret), "Sealed": sealed, "Since": self._clock.now_ms()}

    @retries_on_conflict
    async def _make_managed(self, scope: Scope, alias: str) -> None:
        service, now = alias.removeprefix(AWS_ALIAS_PREFIX), self._clock.now_ms()
        key_id = managed_key_id(scope, alias)
        if await self._store.get(scope, ALIAS, alias) is not None:
            return
        version = await self.new_material(secrets.token_bytes(32))
        value = new_key_value(
            manager=AWS,
            description=f"Default key that protects my {service} data when no other key is defined",
            policy=json.dumps(managed_policy(scope, service)),
            created=now,
        )
        value["Rotation"] = {"Period": 365, "Next": now + YEAR_MS, "Manual": []}
        await self._store.commit(
            *new_key_records(scope, key_id, value, version), new_alias(scope, alias, key_id, now)
        )


def place_of(home: Scope, identifier: str) -> Place:
    """Return the scope and the key's id or alias that an identifier names. Raises AwsError for another region's ARN."""
    if not identifier.startswith("arn:"):
        if identifier.startswith(ALIAS_PREFIX) or _is_id(identifier):
            return home, identifier
        raise invalid_key_id(identifier)
    try:
        named = Arn.parse(identifier)
    except ValueError:
        raise not_found(f"Invalid arn {identifier}") from None
    kind, _, name = named.resource.partition("/")
    if named.service != "kms" or kind not in ("key", "alias") or not name:
        raise not_found(f"Invalid arn {identifier}")
    if named.region != home.region:
        raise not_found(f"Invalid arn {named.region}")
    if kind == "key" and not _is_id(name):
        raise invalid_key_id(identifier)
    return Scope(named.account, named.region), name if kind == "key" else named.resource


def _is_id(text: str) -> bool:
    digits = text.removeprefix("mrk-").replace("-", "")
    return len(digits) == 32 and all(one in "0123456789abcdefABCDEF" for one in digits)


def new_key_value(
    *,
    manager: str,
    description: str,
    policy: str,
    created: int,
    spec: str = SYMMETRIC,
    usage: str = ENCRYPT,
    origin: str = AWS_KMS,
) -> dict[str, Any]:
    return {
        "Description": description,
        "KeySpec": spec,
        "KeyUsage": usage,
        "Origin": origin,
        "KeyManager": manager,
        "State": ENABLED,
        "Created": created,
        "Policy": policy,
        "Tags": {},
    }


def new_key_records(
    scope: Scope, key_id: str, value: dict[str, Any], version: dict[str, Any]
) -> tuple[Change, ...]:
    """Return the changes that make a key with its first material."""
    material = {"Current": version["Id"], "Versions": [version]}
    return (
        PutRecord(scope, KEY, key_id, {**value, "Material": version["Id"]}, expect=0),
        PutRecord(scope, MATERIAL, key_id, material, expect=0),
    )


def new_alias(scope: Scope, alias: str, key_id: str, now: int) -> Change:
    return PutRecord(scope, ALIAS, alias, {"KeyId": key_id, "Created": now, "Updated": now}, expect=0)


def _place(record: RecordName) -> Place:
    return record.scope, record.key


def _place_of_grants(record: RecordName) -> Place:
    return record.scope, key_of_grant(record.key)
