"""Makes the errors that S3 raises, with S3's codes and messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from nightbus.aws.errors import AwsError


def no_such_bucket(bucket: str) -> AwsError:
    return AwsError("NoSuchBucket", "The specified bucket does not exist", 404, fields={"BucketName": bucket})


def no_such_key(key: str, headers: Mapping[str, str] | None = None) -> AwsError:
    fields = {"Key": key, **(headers or {})}
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, fields=fields)


def no_such_object_version(key: str, version: str) -> AwsError:
    fields = {"Key": key, "VersionId": version}
    return AwsError("NoSuchVersion", "The specified version does not exist.", 404, fields=fields)


def delete_marker_refused(modified: datetime) -> AwsError:
    """Return the error for a read that names the version id of a delete marker."""
    fields = {
        "Method": "GET",
        "ResourceType": "DeleteMarker",
        "x-amz-delete-marker": "true",
        "Allow": "DELETE",
        "Last-Modified": format_datetime(modified, usegmt=True),
    }
    text = "The specified method is not allowed against this resource."
    return AwsError("MethodNotAllowed", text, 405, fields=fields)


def no_such_upload(upload: str) -> AwsError:
    text = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been"
    return AwsError("NoSuchUpload", f"{text} aborted or completed.", 404, fields={"UploadId": upload})


def access_denied() -> AwsError:
    return AwsError("AccessDenied", "Access Denied", 403)


def precondition_failed(condition: str) -> AwsError:
    text = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", text, 412, fields={"Condition": condition})


def conflicting() -> AwsError:
    text = "A conflicting conditional operation is currently in progress against this resource. Please try again."
    return AwsError("OperationAborted", text, 409)


def invalid_argument(message: str, name: str, value: object) -> AwsError:
    fields = {"ArgumentName": name, "ArgumentValue": str(value)}
    return AwsError("InvalidArgument", message, fields=fields)


def invalid_request(message: str) -> AwsError:
    return AwsError("InvalidRequest", message)


def malformed_xml() -> AwsError:
    text = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", text)
