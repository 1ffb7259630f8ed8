"""Restores SQS's Query protocol, which its model no longer has, for older SDKs and tools.

Wire names and codes are those of its last model with the query protocol, which the SDKs had until November 2023.
"""

from __future__ import annotations

import functools
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.gateway.models import ServiceModel, read_model

_NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"
_PREFIX = "AWS.SimpleQueueService."
_SERVER_ERROR = 500

# The elements of a list have the list's name without `List`, except for these.
_ELEMENTS = {
    "StringList": "StringListValue",
    "BinaryList": "BinaryListValue",
    "MessageSystemAttributeList": "AttributeName",
}
# For a map: its own name, and the names of its keys and values.
_MAPS = {
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}
_CODES = {
    "QueueDoesNotExist": f"{_PREFIX}NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    **{
        name: f"{_PREFIX}{name}"
        for name in (
            "BatchEntryIdsNotDistinct", "BatchRequestTooLong", "EmptyBatchRequest", "InvalidBatchEntryId",
            "MessageNotInflight", "PurgeQueueInProgress", "QueueDeletedRecently", "TooManyEntriesInBatchRequest",
            "UnsupportedOperation",
        )
    },
    "KmsAccessDenied": "KMS.AccessDeniedException",
    "KmsDisabled": "KMS.DisabledException",
    "KmsInvalidKeyUsage": "KMS.InvalidKeyUsageException",
    "KmsInvalidState": "KMS.InvalidStateException",
    "KmsNotFound": "KMS.NotFoundException",
    "KmsOptInRequired": "KMS.OptInRequired",
    "KmsThrottled": "KMS.ThrottlingException",
}  # fmt: skip
# Errors that the model does not have use the name of their class.
_CLASSES = {
    "InvalidParameterValue": "InvalidParameterValueException",
    "MissingParameter": "MissingRequiredParameterException",
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


def is_query_compatible(service: ServiceModel) -> bool:
    """Return whether the service uses JSON now and used Query before."""
    return service.name == "sqs" and "awsQueryCompatible" in service.metadata


def speaking_query(service: ServiceModel) -> ServiceModel:
    """Return the model for Query."""
    return _query_model(service.name) if is_query_compatible(service) else service


@functools.cache
def _query_model(name: str) -> ServiceModel:
    return ServiceModel(name, older_model(name))


def older_model(name: str) -> dict[str, Any]:
    """Return today's raw model with the older names on the wire."""
    raw = read_model(name)
    raw["metadata"] = {**raw["metadata"], "protocol": "query", "xmlNamespace": _NAMESPACE}
    for shape_name, shape in raw["shapes"].items():
        _name_parts(shape_name, shape)
    for operation, body in raw["operations"].items():
        if "output" in body:
            body["output"]["resultWrapper"] = f"{operation}Result"
    return raw


def _name_parts(name: str, shape: dict[str, Any]) -> None:
    if shape["type"] == "list":
        shape["member"]["locationName"] = _ELEMENTS.get(name, name.removesuffix("List"))
    elif name in _MAPS:
        shape["locationName"], shape["key"]["locationName"], shape["value"]["locationName"] = _MAPS[name]
    elif name in _CODES:
        shape["error"] = {"code": _CODES[name]}


def json_type(service: ServiceModel, code: str) -> str:
    """Return an error's `__type` in JSON, with its namespace."""
    if code in service.errors:
        return f"com.amazonaws.{service.name}#{code}"
    return f"com.amazon.coral.service#{_CLASSES.get(code, code)}"


def query_error(error: AwsError) -> str:
    """Return the header `x-amzn-query-error`, from which SDKs take the code that the error has in Query."""
    fault = "Receiver" if error.status >= _SERVER_ERROR else "Sender"
    return f"{_CODES.get(error.code, error.code)};{fault}"
