"""Writes the parameters and the reply of a call as CloudTrail's records show them: in camel case, without secrets.

A secret is what the service's model marks as sensitive, and what the tables below name. The record says that something
was there, by CloudTrail's own word for it. Bodies (bytes, streams) are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.gateway.models import Shape

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_MOST_BYTES = 100_000  # of the parameters, and of the reply; CloudTrail's own bound
_SECRETS = frozenset(
    {
        "SecretString", "SecretBinary", "Plaintext", "PrivateKeyPlaintext", "SharedSecret", "SecretAccessKey",
        "SessionToken", "Password", "NewPassword", "OldPassword", "CiphertextBlob", "ParameterValue",
        "TemplateBody", "Token", "TokenCode", "PlatformCredential", "PlatformPrincipal", "OneTimePassword",
        "ContextAssertion", "GrantToken", "GrantTokens", "authorizationToken",
    }
)  # fmt: skip
_BODIES = {  # what clients send and receive by data calls
    "events": {"Detail"},
    "logs": {"message"},
    "sns": {"Message", "Subject", "MessageAttributes", "Endpoint", "PhoneNumber", "phoneNumber"},
    "sqs": {"MessageBody", "MessageAttributes", "Body", "ReceiptHandle"},
    "lambda": {"ClientContext", "EventSourceToken", "Location"},
}
_SIGNED_LINK = re.compile(r"[?&](X-Amz-(Signature|Security-Token)|Signature)=", re.IGNORECASE)
_PASSWORD = re.compile(r"(https?://[^/?#@:\s]*:)[^/?#\s]*(?=@)", re.IGNORECASE)
_NO_NAMES: frozenset[str] = frozenset()
_NOTHING = object()


def shown(service: str, shape: Shape | None, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the members of a structure as a record has them, None if there are none."""
    if shape is None or not values:
        return None
    hidden = _SECRETS | _BODIES.get(service, _NO_NAMES)
    members = _structure(shape, values, hidden)
    if service == "s3" and "bucket" in members:
        members = {"bucketName": members.pop("bucket"), **members}
    return _bounded(members) or None


def _structure(shape: Shape, values: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in values.items():
        member = shape.members.get(name)
        if member is None or value is None:
            continue
        written = HIDDEN if name in hidden else _value(member, value, hidden)
        if written is not _NOTHING:
            members[_camel(name)] = written
    return members


def _value(shape: Shape, value: Any, hidden: frozenset[str]) -> Any:
    if shape.traits.get("sensitive"):
        return HIDDEN
    if isinstance(value, Mapping):
        if shape.type == "map":
            entries = {
                str(key): HIDDEN if key in hidden else _value(shape.value, one, hidden)
                for key, one in value.items()
            }
            return {key: one for key, one in entries.items() if one is not _NOTHING}
        return _structure(shape, value, hidden) if shape.type == "structure" else _NOTHING
    if isinstance(value, list | tuple):
        if shape.type != "list":
            return _NOTHING
        written = [_value(shape.element, one, hidden) for one in value]
        return [one for one in written if one is not _NOTHING]
    if isinstance(value, datetime):
        return _time(value)
    if shape.type == "blob":
        return _NOTHING
    if isinstance(value, str):
        return without_secrets(value)
    return value if isinstance(value, str | int | float | bool) else _NOTHING


def without_secrets(text: str) -> str:
    """Return a text as a record may have it: without the password of a URL; a link with a signature is hidden."""
    return HIDDEN if _SIGNED_LINK.search(text) else _PASSWORD.sub(r"\1****", text)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _time(value: datetime) -> str:
    """Return a time as CloudTrail writes it in parameters: `Nov 29, 2026 3:05:09 AM`."""
    time = value.astimezone(UTC) if value.tzinfo else value
    return f"{time:%b} {time.day}, {time.year} {time.hour % 12 or 12}:{time:%M:%S %p}"


def json_bytes(value: Any) -> bytes:
    """Return the value as JSON, with a question mark for each half of a surrogate pair."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:
        return json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "replace")


def _bounded(members: dict[str, Any]) -> dict[str, Any]:
    size = len(json_bytes(members))
    if size <= _MOST_BYTES:
        return members
    return {"omitted": True, "originalSize": size, "reason": f"larger than {_MOST_BYTES} bytes"}
