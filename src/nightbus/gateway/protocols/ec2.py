"""Serializes errors in EC2's variant of Query, so that clients of EC2, which Nightbus does not have, can read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from nightbus.aws.errors import AwsError, not_supported
from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.protocols.query import read_form
from nightbus.gateway.protocols.xml import document, text_element
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse


class Ec2:
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        read_form(request)
        raise not_supported(operation.service.name, operation.name)

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse:
        raise not_supported(operation.service.name, operation.name)

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
        root = Element("Response")
        body = SubElement(SubElement(root, "Errors"), "Error")
        body.append(text_element("Code", error.code))
        body.append(text_element("Message", error.message))
        root.append(text_element("RequestID", request_id))
        headers = {"x-amzn-requestid": request_id, "content-type": "text/xml;charset=UTF-8"}
        return WireResponse(error.status, headers, document(root))
