"""Implements REST with JSON bodies (Lambda)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from nightbus.aws.errors import AwsError
from nightbus.aws.replies import EventStream
from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.protocols.event_stream import EVENT_STREAM, encoded_events
from nightbus.gateway.protocols.json import message_member
from nightbus.gateway.protocols.jsonbody import dump_body, load, parse_body
from nightbus.gateway.protocols.rest import parse_locations, set_raw_body, split_output
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse

_NO_CONTENT = 204


class RestJson:
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        shape = operation.input
        if shape is None:
            return {}
        params = parse_locations(shape, request)
        if shape.payload is not None:
            payload = shape.members[shape.payload]
            if payload.type in ("blob", "string"):
                if request.body and not payload.streaming:
                    params[shape.payload] = request.body if payload.type == "blob" else request.body.decode()
            elif request.body:
                params[shape.payload] = parse_body(payload, load(request.body, _malformed()))
            return params
        if any(member.location is None for member in shape.members.values()):
            params.update(parse_body(shape, load(request.body, _malformed())))
        return params

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse:
        response, body, payload = split_output(operation, output)
        response.headers["x-amzn-requestid"] = request_id
        shape = operation.output
        if payload is not None and shape is not None:
            member = shape.members[payload]
            value = body.get(payload)
            if isinstance(value, EventStream):
                response.headers["content-type"] = EVENT_STREAM
                response.body = encoded_events(member, value)
                return response
            if member.type in ("blob", "string"):
                response.headers.setdefault(
                    "content-type", "application/octet-stream" if member.streaming else "application/json"
                )
                set_raw_body(response, b"" if value is None else value)
                return response
            response.body = orjson.dumps(dump_body(member, value or {}))
        elif shape is not None and response.status != _NO_CONTENT:
            response.body = orjson.dumps(dump_body(shape, body))
        response.headers.setdefault("content-type", "application/json")
        return response

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
        body = {message_member(service, error.code): error.message, **error.fields}
        members = service.errors.get(error.code, {}).get("members", {}) if service is not None else {}
        if "Type" in members:
            body.setdefault("Type", "User")
        headers = {
            "x-amzn-requestid": request_id,
            "content-type": "application/json",
            "x-amzn-errortype": error.code,
        }
        for name, member in members.items():
            if member.get("location") == "header" and name in body:
                headers[member["locationName"].lower()] = str(body.pop(name))
        return WireResponse(error.status, headers, orjson.dumps(body, default=str))


def _malformed() -> AwsError:
    return AwsError("InvalidRequestContentException", "Could not parse request body into json.")
