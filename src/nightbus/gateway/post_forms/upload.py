"""Turns a form into a PutObject, and its result into the response that the form asks for.

The policy of the form is judged; the gateway verifies who signed it (`gateway/signatures/forms.py`).
A form without credentials is refused. https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree.ElementTree import Element

from nightbus.aws.calls import Call, Operations
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import host_id
from nightbus.aws.replies import ByteStream, Reply
from nightbus.gateway.hosts import bucket_of
from nightbus.gateway.post_forms.multipart import Form
from nightbus.gateway.post_forms.policy import Sizes, judge
from nightbus.gateway.protocols.xml import document, read_document, text_element
from nightbus.gateway.request import Credential, WireRequest
from nightbus.gateway.response import WireResponse

_MEMBERS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-type": "ContentType",
    "expires": "Expires",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
_METADATA = "x-amz-meta-"
_FILE_NAME = "${filename}"
_STATUSES = {"200": 200, "201": 201}
_LARGEST = 5 * 1024**3


def bucket_of_form(request: WireRequest) -> str | None:
    """Return the bucket that a form is sent to; None for a request that is not such a form."""
    if request.method != "POST" or request.content_type != "multipart/form-data" or request.query:
        return None
    in_host, path = bucket_of(request.headers.get("host", "")), unquote(request.path).strip("/")
    if in_host is not None:
        return in_host if not path else None
    return path if path and "/" not in path else None


def with_credentials(request: WireRequest, form: Form) -> WireRequest:
    """Return the request with the credentials of the form. Raises AwsError for a form without any."""
    fields = form.fields
    query = {"X-Amz-Credential": fields["x-amz-credential"]} if "x-amz-credential" in fields else {}
    if not query and "awsaccesskeyid" in fields:
        query = {"AWSAccessKeyId": fields["awsaccesskeyid"]}
    credential = Credential.of(WireRequest("POST", "/", query, {}))
    if not credential.is_given or credential.malformed or not fields.get("policy"):
        raise AwsError("AccessDenied", "Access Denied", 403)
    token = fields.get("x-amz-security-token")
    headers = {**request.headers, **({"x-amz-security-token": token} if token else {})}
    return replace(request, headers=headers, credential=credential)


async def put_form(operations: Operations, call: Call, bucket: str, form: Form, now_ms: int) -> WireResponse:
    """Store the file of the form. Raises AwsError."""
    fields = {name: value.replace(_FILE_NAME, form.file_name) for name, value in form.fields.items()}
    if "key" not in fields:
        text = (
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the"
        )
        raise _argument(f"{text} fields.", "key", "")
    if form.file is None:
        raise _argument("POST requires exactly one file upload per request.", "file", "0")
    sizes = judge(fields["policy"], fields, bucket, now_ms)
    params = _parameters(bucket, fields)
    params["Body"] = ByteStream(_within(form.file, sizes), None)
    result = await operations.handle("s3", "PutObject", params, replace(call, is_form=True))
    output = result.output if isinstance(result, Reply) else result
    return _answer(call, bucket, fields, output)


def _parameters(bucket: str, fields: Mapping[str, str]) -> dict[str, Any]:
    params: dict[str, Any] = {"Bucket": bucket, "Key": fields["key"]}
    params |= {member: fields[name] for name, member in _MEMBERS.items() if fields.get(name)}
    metadata = {
        name.removeprefix(_METADATA): value for name, value in fields.items() if name.startswith(_METADATA)
    }
    if metadata:
        params["Metadata"] = metadata
    if fields.get("tagging"):
        params["Tagging"] = _tagging(fields["tagging"])
    return params


def _tagging(text: str) -> str:
    """Return the tags of a form, which has them as XML, in the form of the header."""
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    root = read_document(text.encode(), AwsError("MalformedXML", message))
    pairs = []
    for tag in root.iter():
        if tag.tag.rpartition("}")[2] == "Tag":
            found = {one.tag.rpartition("}")[2]: one.text or "" for one in tag}
            pairs.append((found.get("Key", ""), found.get("Value", "")))
    return urlencode(pairs)


async def _within(file: AsyncIterator[bytes], sizes: Sizes) -> AsyncIterator[bytes]:
    """Yield the file. Raises AwsError where it is larger or smaller than it may be."""
    size, most = 0, _LARGEST if sizes.most is None else sizes.most
    async for chunk in file:
        size += len(chunk)
        if size > most:
            fields = {"ProposedSize": str(size), "MaxSizeAllowed": str(most)}
            text = "Your proposed upload exceeds the maximum allowed size"
            raise AwsError("EntityTooLarge", text, fields=fields)
        yield chunk
    if size < sizes.least:
        fields = {"ProposedSize": str(size), "MinSizeAllowed": str(sizes.least)}
        text = "Your proposed upload is smaller than the minimum allowed size"
        raise AwsError("EntityTooSmall", text, fields=fields)


def _answer(call: Call, bucket: str, fields: Mapping[str, str], output: Mapping[str, Any]) -> WireResponse:
    key, etag = fields["key"], str(output["ETag"])
    location = f"{call.endpoint}/{bucket}/{quote(key, safe='')}"
    headers = {
        "etag": etag,
        "location": location,
        "x-amz-request-id": call.request_id,
        "x-amz-id-2": host_id(call.request_id),
    }
    if output.get("VersionId"):
        headers["x-amz-version-id"] = str(output["VersionId"])
    redirect = fields.get("success_action_redirect") or fields.get("redirect") or ""
    if _is_address(redirect):
        query = urlencode({"bucket": bucket, "key": key, "etag": etag})
        headers["location"] = f"{redirect}{'&' if urlsplit(redirect).query else '?'}{query}"
        return WireResponse(303, headers)
    status = _STATUSES.get(fields.get("success_action_status", ""), 204)
    if status != 201:
        return WireResponse(status, headers)
    root = Element("PostResponse")
    for name, text in (("Location", location), ("Bucket", bucket), ("Key", key), ("ETag", etag)):
        root.append(text_element(name, text))
    return WireResponse(201, {**headers, "content-type": "application/xml"}, document(root))


def _is_address(redirect: str) -> bool:
    """Return whether a browser can be sent there; otherwise S3 acts as if the field was not there."""
    try:
        return urlsplit(redirect).scheme in ("http", "https")
    except ValueError:
        return False


def _argument(message: str, name: str, value: str) -> AwsError:
    return AwsError("InvalidArgument", message, fields={"ArgumentName": name, "ArgumentValue": value})
