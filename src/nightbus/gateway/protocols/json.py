"""Implements AWS JSON 1.0 and 1.1: the operation in a header, parameters and results as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from nightbus.aws.errors import AwsError
from nightbus.gateway.checked_json import read_checked
from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.protocols.jsonbody import dump_body, load, parse_body
from nightbus.gateway.protocols.values import malformed
from nightbus.gateway.query_compatible import is_query_compatible, json_type, query_error
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse


class Json:
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        if operation.input is not None:
            checked = read_checked(operation.input, request.body)
            if checked is not None:
                return checked
        body = load(request.body, malformed("Unable to parse the request body as JSON."))
        if operation.input is None:
            return {}
        parsed: dict[str, Any] = parse_body(operation.input, body)
        return parsed

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse:
        body = dump_body(operation.output, output) if operation.output else {}
        headers = {"x-amzn-requestid": request_id, "content-type": _content_type(operation.service)}
        return WireResponse(200, headers, orjson.dumps(body) if operation.output else b"")

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
        kind = error.code
        headers = {"x-amzn-requestid": request_id, "content-type": _content_type(service)}
        if service is not None and is_query_compatible(service):
            kind = json_type(service, error.code)
            headers["x-amzn-query-error"] = query_error(error)
        headers["x-amzn-errortype"] = kind.rpartition("#")[2]
        body = {"__type": kind, message_member(service, error.code): error.message, **error.fields}
        return WireResponse(error.status, headers, orjson.dumps(body, default=str))


def message_member(service: ServiceModel | None, code: str) -> str:
    """Return `message` or `Message`, as the error's shape has it."""
    shape = service.errors.get(code, {}) if service else {}
    return "Message" if "Message" in shape.get("members", {}) else "message"


def _content_type(service: ServiceModel | None) -> str:
    version = service.metadata.get("jsonVersion", "1.1") if service else "1.1"
    return f"application/x-amz-json-{version}"
