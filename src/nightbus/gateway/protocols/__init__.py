"""One module per wire protocol, each with `parse`, `serialize` and `serialize_error`: the mirror of botocore's
`serialize.py` and `parsers.py`. What they share of values is in `values.py`, of XML in `xml.py`, of REST in `rest.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nightbus.aws.errors import AwsError
from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.protocols import cbor, ec2, json, query, rest_json, rest_xml, sqs_query
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse


class WireProtocol(Protocol):
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        """The operation's parameters in wire names, without a streamed payload. Raises AwsError."""
        ...

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse: ...

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse: ...


PROTOCOLS: dict[str, WireProtocol] = {
    "json": json.Json,
    "query": query.Query,
    "sqs-query": sqs_query.SqsQuery,
    "ec2": ec2.Ec2,
    "rest-json": rest_json.RestJson,
    "rest-xml": rest_xml.RestXml,
    "smithy-rpc-v2-cbor": cbor.RpcV2Cbor,
}
