"""Reads API destinations and their connections: the endpoint, and how requests to it are authorized.

The reading side of connections and API destinations. The secrets of a connection are a version of a secret of Secrets
Manager (identity/secrets.py), sealed by the vault; here they are in the clear, in memory only, and no `repr` shows
them. Earlier releases kept them in the connection's record, as `Sealed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from nightbus.aws.arn import arn as arn_of
from nightbus.aws.calls import Scope
from nightbus.identity.secrets import VERSION, version_key
from nightbus.store.interface import Record, RecordReader, Store
from nightbus.store.vault import Vault

CONNECTION = "events/connection"
API_DESTINATION = "events/api-destination"
DEFAULT_RATE = 300  # invocations per second
AUTHORIZED = "AUTHORIZED"


@dataclass(frozen=True, slots=True)
class Connection:
    """`auth` is AuthParameters as CreateConnection took them: ApiKeyAuthParameters, BasicAuthParameters or
    OAuthParameters, and InvocationHttpParameters; empty where the connection was deauthorized.

    `revision` changes whenever anything of it does, so that a token of an older one is known to be stale.
    """

    name: str
    arn: str
    state: str
    authorization_type: str  # API_KEY, BASIC or OAUTH_CLIENT_CREDENTIALS
    auth: Mapping[str, Any] = field(repr=False)
    revision: int


@dataclass(frozen=True, slots=True)
class ApiDestination:
    """`state` is ACTIVE while its connection is authorised, else INACTIVE; `rate` is per second."""

    name: str
    arn: str
    state: str
    connection_arn: str
    endpoint: str
    method: str
    rate: int


def connection_arn(scope: Scope, name: str, value: Mapping[str, Any]) -> str:
    return arn_of("events", scope.region, scope.account, f"connection/{name}/{value['Id']}")


def api_destination_arn(scope: Scope, name: str, value: Mapping[str, Any]) -> str:
    return arn_of("events", scope.region, scope.account, f"api-destination/{name}/{value['Id']}")


def state_of_destination(connection: Record | None) -> str:
    """As the connection that it uses is, if that is still there."""
    authorized = connection is not None and connection.value["State"] == AUTHORIZED
    return "ACTIVE" if authorized else "INACTIVE"


async def find_connection(store: Store, scope: Scope, arn: str) -> Record | None:
    """None too where another connection has the name since."""
    record = await store.get(scope, CONNECTION, _name_in(arn))
    return record if record and connection_arn(scope, record.key, record.value) == arn else None


async def find_api_destination(store: Store, scope: Scope, arn: str) -> Record | None:
    record = await store.get(scope, API_DESTINATION, _name_in(arn))
    return record if record and api_destination_arn(scope, record.key, record.value) == arn else None


def _name_in(arn: str) -> str:
    """Of `arn:aws:events:region:account:kind/NAME/UUID`; what is none is taken for a name that nothing has."""
    parts = arn.split("/")
    return parts[1] if len(parts) == 3 else arn


async def connection_of(store: Store, vault: Vault, scope: Scope, arn: str) -> Connection | None:
    """Raises VaultClosed where the key to its secrets is not the node's."""
    record = await find_connection(store, scope, arn)
    return None if record is None else await opened(store, vault, scope, record)


def secret_name(name: str, value: Mapping[str, Any]) -> str:
    """Return the name of the connection's secret. `value` is that of the connection's record."""
    return f"{secret_prefix(name)}{value['Secret'].rpartition('-')[0]}"


def secret_prefix(name: str) -> str:
    return f"events!connection/{name}/"


async def opened(store: RecordReader, vault: Vault, scope: Scope, record: Record) -> Connection:
    """Raises VaultClosed where the key to its secrets is not the node's."""
    value = record.value
    sealed = value.get("Sealed")
    if "SecretVersion" in value:
        key = version_key(secret_name(record.key, value), value["SecretVersion"])
        version = await store.get(scope, VERSION, key)
        sealed = version and version.value["sealed"]
    auth = orjson.loads(await asyncio.to_thread(vault.open, sealed)) if sealed else {}
    return Connection(
        record.key,
        connection_arn(scope, record.key, value),
        value["State"],
        value["AuthorizationType"],
        auth,
        record.revision,
    )


async def api_destination_of(store: Store, scope: Scope, arn: str) -> ApiDestination | None:
    record = await find_api_destination(store, scope, arn)
    if record is None:
        return None
    value = record.value
    return ApiDestination(
        record.key,
        arn,
        state_of_destination(await find_connection(store, scope, value["ConnectionArn"])),
        value["ConnectionArn"],
        value["InvocationEndpoint"],
        value["HttpMethod"],
        value.get("InvocationRateLimitPerSecond", DEFAULT_RATE),
    )
