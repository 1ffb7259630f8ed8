"""Says how CloudTrail names and sorts a call: management or data event, read or write, its `eventName` and source.

Sources: the page on CloudTrail in the guide of each service; the dated names of Lambda's events are those of the paths
in its model. What a service calls a data event is not recorded unless somebody asks for it.
"""

from __future__ import annotations

import functools
import re

from nightbus.gateway.models import OperationModel

_DATA_EVENTS = {
    "events": {"PutEvents", "PutPartnerEvents"},
    "lambda": {"Invoke", "InvokeAsync", "InvokeWithResponseStream"},
    "logs": {"PutLogEvents"},
    "sns": {"Publish", "PublishBatch"},
    "sqs": {
        "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteMessage", "DeleteMessageBatch",
        "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "ListMessageMoveTasks", "ListQueues",
        "ListQueueTags", "ReceiveMessage", "SendMessage", "SendMessageBatch",
    },
    "s3": {
        "AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject",
        "DeleteObjects", "DeleteObjectTagging", "GetObject", "GetObjectAcl", "GetObjectAttributes",
        "GetObjectLegalHold", "GetObjectRetention", "GetObjectTagging", "GetObjectTorrent", "HeadBucket",
        "HeadObject", "ListMultipartUploads", "ListObjects", "ListObjectsV2", "ListObjectVersions", "ListParts",
        "PutObject", "PutObjectAcl", "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging",
        "RestoreObject", "SelectObjectContent", "UploadPart", "UploadPartCopy",
    },
}  # fmt: skip
_READ_VERBS = (
    "Assume", "BatchCheck", "BatchGet", "Check", "Decode", "Describe", "Estimate", "Filter", "Generate", "Get", "Head",
    "List", "Lookup", "Preview", "Receive", "Search", "Select", "Simulate", "Test", "Validate",
)  # fmt: skip
_READS = re.compile(f"({'|'.join(_READ_VERBS)})[A-Z]")
_READS_BY_NAME = {
    "kms": {"Decapsulate", "Decrypt", "DeriveSharedSecret", "Encapsulate", "Encrypt", "ReEncrypt", "Sign", "Verify",
            "VerifyMac"},
    "logs": {"StartQuery"},
}  # fmt: skip
_SOURCES = {"cloudcontrol": "cloudcontrolapi"}
_DATED = re.compile(r"/(2015-03-31|2016-08-19|2017-03-31|2017-10-31|2018-10-31)/")
_SECOND_VERSIONS = {
    "AddPermission", "GetFunction", "GetFunctionConfiguration", "GetPolicy", "RemovePermission", "TagResource",
    "UntagResource", "UpdateFunctionCode", "UpdateFunctionConfiguration",
}  # fmt: skip
_S3_NAMES = {
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetObjectLegalHold": "GetObjectLockLegalHold",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetObjectRetention": "GetObjectLockRetention",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "ListObjectsV2": "ListObjects",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutObjectLegalHold": "PutObjectLockLegalHold",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutObjectRetention": "PutObjectLockRetention",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}


def is_data_event(service: str, operation: str) -> bool:
    return operation in _DATA_EVENTS.get(service, ())


@functools.cache
def is_read_only(service: str, operation: str) -> bool:
    return _READS.match(operation) is not None or operation in _READS_BY_NAME.get(service, ())


def event_source(service: str) -> str:
    """Return the service as CloudTrail names it, such as `lambda.amazonaws.com`."""
    return f"{_SOURCES.get(service, service)}.amazonaws.com"


def event_name(operation: OperationModel) -> str:
    """Return the operation's name in records: Lambda's end in the date of their version, S3 has names of its own."""
    service, name = operation.service.name, operation.name
    if service == "s3":
        return _S3_NAMES.get(name, name)
    dated = _DATED.match(operation.uri) if service == "lambda" and not is_data_event(service, name) else None
    if dated is None:
        return name
    return f"{name}{dated[1].replace('-', '')}{'v2' if name in _SECOND_VERSIONS else ''}"
