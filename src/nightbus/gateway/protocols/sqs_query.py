"""Implements SQS's older protocol: Query without `member` in lists, in which the path may name the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.protocols.query import Query
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse

_NO_SUCH_QUEUE = "The specified queue does not exist for this wsdl version."


class SqsQuery:
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        params = Query.parse(operation, request)
        shape = operation.input
        if shape is None:
            return params
        if "QueueUrl" in shape.members and "QueueUrl" not in params and request.path.strip("/"):
            params["QueueUrl"] = f"http://{request.headers.get('host', 'localhost')}{request.path}"
        if "Entries" in shape.members:  # a form cannot contain an empty list
            params.setdefault("Entries", [])
        return params

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse:
        return Query.serialize(operation, output, request_id)

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
        message = _NO_SUCH_QUEUE if error.code == "QueueDoesNotExist" else error.message
        fields = {**error.fields, "Detail": ""}
        return Query.serialize_error(
            service, AwsError(error.code, message, error.status, fields=fields), request_id
        )
