"""Implements REST with XML bodies (S3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import host_id
from nightbus.gateway.models import OperationModel, ServiceModel, Shape
from nightbus.gateway.protocols.query import wire_code
from nightbus.gateway.protocols.rest import parse_locations, set_raw_body, split_output
from nightbus.gateway.protocols.xml import (
    append_structure,
    document,
    parse_element,
    parse_structure,
    read_document,
    text_element,
)
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse

S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_ROOTS = {
    # results whose root element does not have the name of the output's shape
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketTagging": "Tagging",
    "GetObjectTagging": "Tagging",
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
}


class RestXml:
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        shape = operation.input
        if shape is None:
            return {}
        params = parse_locations(shape, request)
        if shape.payload is not None:
            payload = shape.members[shape.payload]
            if payload.type == "blob":
                if request.body and not payload.streaming:
                    params[shape.payload] = request.body
            elif payload.type == "string":
                if request.body:
                    params[shape.payload] = request.body.decode("utf-8", "replace")
            elif request.body:
                params[shape.payload] = parse_element(payload, read_document(request.body, _malformed()))
        elif request.body and any(member.location is None for member in shape.members.values()):
            params.update(parse_structure(shape, read_document(request.body, _malformed())))
        return params

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse:
        response, body, payload = split_output(operation, output)
        response.headers.update(_headers(request_id))
        shape = operation.output
        if shape is None:
            return response
        if payload is not None:
            _set_payload(response, shape.members[payload], payload, body.get(payload))
        elif operation.name == "GetBucketLocation":
            root = text_element("LocationConstraint", body.get("LocationConstraint") or "")
            _set_document(response, root)
        elif any(member.location is None for member in shape.members.values()):
            root = Element(_root_name(operation, shape))
            append_structure(root, shape, body, "iso8601")
            _set_document(response, root)
        return response

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
        root = Element("Error")
        root.append(text_element("Code", wire_code(service, error.code)))
        root.append(text_element("Message", error.message))
        headers = {}
        for name, value in error.fields.items():
            if name.lower().startswith(("x-amz-", "content-range", "etag", "last-modified", "allow")):
                headers[name.lower()] = str(value)
            else:
                root.append(text_element(name, str(value)))
        root.append(text_element("RequestId", request_id))
        root.append(text_element("HostId", host_id(request_id)))
        headers |= {**_headers(request_id), "content-type": "application/xml"}
        return WireResponse(error.status, headers, document(root))


def _root_name(operation: OperationModel, shape: Shape) -> str:
    return _ROOTS.get(operation.name) or shape.wire_name(shape.name)


def _set_payload(response: WireResponse, member: Shape, name: str, value: Any) -> None:
    if member.type in ("blob", "string"):
        set_raw_body(response, b"" if value is None else value)
    elif value is not None:
        root = Element(member.wire_name(name))
        append_structure(root, member, value, "iso8601")
        _set_document(response, root)


def _set_document(response: WireResponse, root: Element) -> None:
    root.set("xmlns", S3_NAMESPACE)
    response.headers["content-type"] = "application/xml"
    response.body = document(root)


def _headers(request_id: str) -> dict[str, str]:
    return {"x-amz-request-id": request_id, "x-amz-id-2": host_id(request_id)}


def _malformed() -> AwsError:
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
