"""Verifies links of S3 with signatures of version 2, which boto3 still makes by default.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from nightbus.aws.errors import AwsError
from nightbus.gateway.hosts import bucket_of
from nightbus.gateway.request import WireRequest
from nightbus.gateway.signatures.canonical import header_value
from nightbus.gateway.signatures.errors import Dialect, mismatch
from nightbus.gateway.signatures.signing_keys import is_same

# Parameters that are part of the resource: those of the source, with those that newer SDKs sign too.
_RESOURCE = frozenset(
    {
        "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location",
        "logging", "metrics", "notification", "object-lock", "partNumber", "policy", "replication", "requestPayment",
        "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language", "response-content-type", "response-expires", "restore", "select", "select-type",
        "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
    }
)  # fmt: skip
# Parameters that make another operation of the request, and that no client signs.
_UNSIGNABLE = frozenset(
    {
        "abac", "annotation", "attributes", "encryption", "intelligent-tiering", "legal-hold",
        "metadataAnnotationTable", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
        "metadataTable", "ownershipControls", "policyStatus", "publicAccessBlock", "renameObject", "retention",
        "session",
    }
)  # fmt: skip


def is_link(query: Mapping[str, str]) -> bool:
    return "AWSAccessKeyId" in query and "Signature" in query


def verify_link(request: WireRequest, secret: str) -> None:
    """Raise AwsError unless the secret signed the link. Whether it is over is judged elsewhere."""
    if "Expires" not in request.query:
        text = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        raise AwsError("AccessDenied", text, 403)
    to_sign = string_to_sign(request)
    computed = hmac_sha1(secret, to_sign)
    if _UNSIGNABLE & set(request.query) or not is_same(computed, request.query.get("Signature", "")):
        fields = {
            "AWSAccessKeyId": request.query["AWSAccessKeyId"][:128],
            "SignatureProvided": request.query.get("Signature", "")[:128],
        }
        raise mismatch(Dialect.S3, to_sign, fields=fields)


def string_to_sign(request: WireRequest) -> str:
    """Return what a link signs. Headers may be in the query instead, as boto3 does it."""
    query, headers = request.query, request.headers
    amz = {name: value for name, value in query.items() if name.startswith("x-amz-")}
    amz |= {
        name: request.repeated.get(name, value)
        for name, value in headers.items()
        if name.startswith("x-amz-")
    }
    lines = "".join(f"{name}:{header_value(amz[name])}\n" for name in sorted(amz))
    md5, kind = (query.get(name) or headers.get(name, "") for name in ("content-md5", "content-type"))
    return f"{request.method}\n{md5}\n{kind}\n{query.get('Expires', '')}\n{lines}{_resource(request)}"


def hmac_sha1(secret: str, text: str) -> str:
    """Return the signature in Base64."""
    digest = hmac.digest(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha1)
    return base64.b64encode(digest).decode()


def _resource(request: WireRequest) -> str:
    bucket = bucket_of(request.headers.get("host", ""))
    path = request.raw_path if bucket is None else f"/{bucket}{request.raw_path}"
    parts = []
    for name in sorted(_RESOURCE & set(request.query)):
        value = request.query[name]
        parts.append(f"{name}={value}" if value else name)
    return f"{path}?{'&'.join(parts)}" if parts else path


def refused_header() -> AwsError:
    """Return the error for a header of version 2, which S3 takes in no region that was made since 2014."""
    text = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    return AwsError("InvalidRequest", text)
