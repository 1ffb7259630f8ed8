"""Implements the wire protocols, one module for each, with `parse`, `serialize` and `serialize_error`.

They are the counterparts of botocore's `serialize.py` and `parsers.py`: a client serializes what this package parses.
`values.py` converts scalars, `xml.py` and `jsonbody.py` bodies, `rest.py` the parts of a REST request.

| protocol | operation named by    | parameters in                   | result in             | module         |
|----------|-----------------------|---------------------------------|-----------------------|----------------|
| json     | `X-Amz-Target`        | JSON body                       | JSON body             | `json`         |
| rest-json| method, path, query   | path, query, headers, JSON body | headers, JSON body    | `rest_json`    |
| rest-xml | method, path, query   | path, query, headers, XML body  | headers, XML body     | `rest_xml`     |
| query    | form field `Action`   | flat form (`Tags.member.1.Key`) | XML in a wrapper      | `query`        |
| query    | the same, for SQS     | the same, without `member`      | XML in a wrapper      | `sqs_query`    |
| ec2, cbor| –                     | –                               | errors only           | `ec2`, `cbor`  |

All of them exchange plain values in wire names with the rest of the gateway, so a handler does not know the protocol.
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
        """Return the operation's parameters in wire names, without a streamed payload. Raises AwsError."""
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
