"""Defines the records of function URLs, and the URLs' ids and texts.

`lambda/function-url` (key: name and qualifier, as a policy's) holds the settings; `lambda/function-url-id`, in the
node's own scope, says by its key, the id, which function a request is for. Both come and go in one commit.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from nightbus.aws.calls import Scope
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.records import FUNCTION_URL, FUNCTION_URL_ID, qualified_key
from nightbus.store.interface import SYSTEM, Change, DeleteRecord, PutRecord, Record, RecordReader
from nightbus.store.vault import SIGNING, Vault

BUFFERED = "BUFFERED"
RESPONSE_STREAM = "RESPONSE_STREAM"


async def url_record(store: RecordReader, ref: FunctionRef) -> Record | None:
    return await store.get(ref.scope, FUNCTION_URL, qualified_key(ref.name, ref.qualifier))


async def owner_of(store: RecordReader, url_id: str) -> FunctionRef | None:
    """The function, or the alias, that has the URL."""
    record = await store.get(SYSTEM, FUNCTION_URL_ID, url_id)
    if record is None:
        return None
    value = record.value
    return FunctionRef(Scope(value["account"], value["region"]), value["name"], value["qualifier"])


def creation(ref: FunctionRef, value: dict[str, Any]) -> list[Change]:
    owner = {
        "account": ref.scope.account,
        "region": ref.scope.region,
        "name": ref.name,
        "qualifier": ref.qualifier,
    }
    return [
        PutRecord(ref.scope, FUNCTION_URL, qualified_key(ref.name, ref.qualifier), value, expect=0),
        PutRecord(SYSTEM, FUNCTION_URL_ID, value["id"], owner),
    ]


def deletion(scope: Scope, record: Record) -> list[Change]:
    return [
        DeleteRecord(scope, FUNCTION_URL, record.key, expect=record.revision),
        DeleteRecord(SYSTEM, FUNCTION_URL_ID, record.value["id"]),
    ]


def url_id(vault: Vault, ref: FunctionRef) -> str:
    """The id of the reference's URL: 32 characters, always the same on one node's data, and not to be guessed."""
    claim = f"function-url:{ref.arn}:{ref.qualifier}".encode()
    digest = hmac.digest(vault.keyed(SIGNING), claim, hashlib.sha256)
    return base64.b32encode(digest[:20]).decode().lower()


def url_text(endpoint: str, region: str, one_id: str) -> str:
    """The URL at a node whose base URL is `endpoint`. Names below `localhost` are this machine, as browsers know."""
    parts = urlsplit(endpoint)
    host = parts.hostname or "localhost"
    try:
        ipaddress.ip_address(host.partition("%")[0])
        host = "localhost"
    except ValueError:
        pass
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{one_id}.lambda-url.{region}.{host}{port}/"
