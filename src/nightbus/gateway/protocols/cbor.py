"""Serializes errors in Smithy RPC v2 CBOR. No service of Nightbus uses the protocol yet.

Errors are maps of text strings, which this module encodes itself.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse

_TEXT = 3
_MAP = 5
_SHORT = 24


class RpcV2Cbor:
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        raise not_supported(operation.service.name, operation.name, "protocol smithy-rpc-v2-cbor")

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse:
        raise not_supported(operation.service.name, operation.name, "protocol smithy-rpc-v2-cbor")

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
        headers = {
            "x-amzn-requestid": request_id,
            "content-type": "application/cbor",
            "smithy-protocol": "rpc-v2-cbor",
        }
        return WireResponse(error.status, headers, _texts({"__type": error.code, "message": error.message}))


def _texts(values: Mapping[str, str]) -> bytes:
    return _head(_MAP, len(values)) + b"".join(_text(name) + _text(value) for name, value in values.items())


def _text(value: str) -> bytes:
    raw = value.encode()
    return _head(_TEXT, len(raw)) + raw


def _head(kind: int, length: int) -> bytes:
    if length < _SHORT:
        return bytes([kind << 5 | length])
    for code, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32)):
        if length < limit:
            return bytes([kind << 5 | code]) + struct.pack(form, length)
    raise ValueError("too long")
