"""Says which actions on which buckets and objects each operation needs, as S3's documentation has it.

A request that names a version needs the action of versions (`s3:GetObjectVersion` for `s3:GetObject`); a copy reads its
source too; what a new object is given besides its bytes (tags, an ACL, a lock) needs the action that would give it
later. DeleteObjects asks for each key in its handler, and so does a copy for the tags of its source.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nightbus.aws.arn import partition_of
from nightbus.identity.needs import ANY, Asked, Keys, NeedsOf, merged
from nightbus.policies.request import Need
from nightbus.services.s3 import condition_keys
from nightbus.services.s3.copying import parse_copy_source

_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
_RETENTION = ("ObjectLockMode", "ObjectLockRetainUntilDate")


def bucket_resource(asked: Asked, bucket: str) -> str:
    return f"arn:{partition_of(asked.call.scope.region)}:s3:::{bucket}"


def _bucket(asked: Asked) -> str:
    return bucket_resource(asked, asked.text("Bucket"))


def _object(asked: Asked) -> str:
    return f"{_bucket(asked)}/{asked.text('Key')}"


def _line(
    action: str, resource: Callable[[Asked], str], *further: NeedsOf, keys: Keys | None = None
) -> NeedsOf:
    """Do as `needs`, with the keys that every request to S3 has."""
    all_keys = condition_keys.signature if keys is None else merged(condition_keys.signature, keys)

    def needs_of(asked: Asked) -> Sequence[Need]:
        own = Need(f"s3:{action}", resource(asked), all_keys(asked))
        return [own, *(need for line in further for need in line(asked))]

    return needs_of


def _on_bucket(action: str, *further: NeedsOf, keys: Keys | None = None) -> NeedsOf:
    return _line(action, _bucket, *further, keys=keys)


def _on_object(action: str, *further: NeedsOf, keys: Keys | None = None) -> NeedsOf:
    return _line(action, _object, *further, keys=keys)


def _of_version(action: str, *further: NeedsOf, keys: Keys | None = None) -> NeedsOf:
    """Return the line of an operation on an object, whose action is another one if it names a version."""
    plain = _on_object(action, *further, keys=keys)
    versioned = condition_keys.VERSION if keys is None else merged(condition_keys.VERSION, keys)
    of_version = _on_object(action.replace("Object", "ObjectVersion", 1), *further, keys=versioned)
    return lambda asked: (of_version if asked.params.get("VersionId") is not None else plain)(asked)


def _if_asked(members: Sequence[str], line: NeedsOf) -> NeedsOf:
    """Return the line if the request has one of the members, else nothing."""
    return lambda asked: line(asked) if any(asked.params.get(member) for member in members) else ()


def _tags(asked: Asked) -> Sequence[Need]:
    """Return what a new object with tags needs. A copy takes those of the request only if it says so (`REPLACE`):
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    ignored = asked.params.get("CopySource") is not None and asked.text("TaggingDirective") != "REPLACE"
    if ignored or not condition_keys.header_tags(asked):
        return ()
    return _on_object("PutObjectTagging", keys=condition_keys.new_tags)(asked)


def _copied(asked: Asked) -> Sequence[Need]:
    source = parse_copy_source(asked.text("CopySource"))
    if source is None:
        return ()
    named = Asked({"Bucket": source.bucket, "Key": source.key, "VersionId": source.version_id}, asked.call)
    return _of_version("GetObject")(named)


def _tags_new_bucket(asked: Asked) -> Sequence[Need]:
    configuration = asked.params.get("CreateBucketConfiguration") or {}
    if not configuration.get("Tags"):
        return ()
    return _on_bucket("TagResource", keys=condition_keys.new_bucket)(asked)


def _acl(asked: Asked) -> Sequence[Need]:
    """Services give their log files an ACL, and AWS's policies for them allow PutObject alone."""
    if asked.call.caller.service and not asked.call.caller.arn:
        return ()
    return _if_asked(("ACL", *_GRANTS), _on_object("PutObjectAcl", keys=condition_keys.ACL))(asked)


_ADDED_TO_OBJECT = (
    _tags,
    _acl,
    _if_asked(_RETENTION, _on_object("PutObjectRetention", keys=condition_keys.LOCK)),
    _if_asked(("ObjectLockLegalHoldStatus",), _on_object("PutObjectLegalHold", keys=condition_keys.LOCK)),
)
_BYPASSES = _if_asked(("BypassGovernanceRetention",), _on_object("BypassGovernanceRetention"))
_SETTINGS = {
    "DeleteBucket": "DeleteBucket",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketPolicy": "DeleteBucketPolicy",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketWebsite": "DeleteBucketWebsite",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAcl": "GetBucketAcl",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketLocation": "GetBucketLocation",
    "GetBucketLogging": "GetBucketLogging",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketOwnershipControls": "GetBucketOwnershipControls",
    "GetBucketPolicy": "GetBucketPolicy",
    "GetBucketPolicyStatus": "GetBucketPolicyStatus",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetBucketRequestPayment": "GetBucketRequestPayment",
    "GetBucketTagging": "GetBucketTagging",
    "GetBucketVersioning": "GetBucketVersioning",
    "GetBucketWebsite": "GetBucketWebsite",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketLogging": "PutBucketLogging",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketOwnershipControls": "PutBucketOwnershipControls",
    "PutBucketPolicy": "PutBucketPolicy",
    "PutBucketRequestPayment": "PutBucketRequestPayment",
    "PutBucketTagging": "PutBucketTagging",
    "PutBucketVersioning": "PutBucketVersioning",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}

_ACTIONS: dict[str, NeedsOf] = {
    **{operation: _on_bucket(action) for operation, action in _SETTINGS.items()},
    "AbortMultipartUpload": _on_object("AbortMultipartUpload"),
    "CompleteMultipartUpload": _on_object("PutObject", keys=condition_keys.WRITE),
    "CopyObject": _on_object("PutObject", _copied, *_ADDED_TO_OBJECT, keys=condition_keys.WRITE),
    "CreateBucket": _on_bucket(
        "CreateBucket",
        _if_asked(("ACL", *_GRANTS), _on_bucket("PutBucketAcl", keys=condition_keys.ACL)),
        _if_asked(("ObjectLockEnabledForBucket",), _on_bucket("PutBucketObjectLockConfiguration")),
        _if_asked(("ObjectLockEnabledForBucket",), _on_bucket("PutBucketVersioning")),
        _if_asked(("ObjectOwnership",), _on_bucket("PutBucketOwnershipControls")),
        _tags_new_bucket,
        keys=condition_keys.new_bucket,
    ),
    "CreateMultipartUpload": _on_object("PutObject", *_ADDED_TO_OBJECT, keys=condition_keys.WRITE),
    "DeleteObject": _of_version("DeleteObject", _BYPASSES),
    "DeleteObjectTagging": _of_version("DeleteObjectTagging"),
    "DeleteObjects": lambda asked: (),
    "GetObject": _of_version("GetObject"),
    "GetObjectAcl": _of_version("GetObjectAcl"),
    "GetObjectAttributes": _of_version("GetObjectAttributes", _of_version("GetObject")),
    "GetObjectLegalHold": _on_object("GetObjectLegalHold"),
    "GetObjectRetention": _on_object("GetObjectRetention"),
    "GetObjectTagging": _of_version("GetObjectTagging"),
    "HeadObject": _of_version("GetObject"),
    "ListBuckets": _line("ListAllMyBuckets", lambda asked: ANY),
    "ListMultipartUploads": _on_bucket("ListBucketMultipartUploads"),
    "ListObjectVersions": _on_bucket("ListBucketVersions", keys=condition_keys.LISTING),
    "ListObjects": _on_bucket("ListBucket", keys=condition_keys.LISTING),
    "ListObjectsV2": _on_bucket("ListBucket", keys=condition_keys.LISTING),
    "ListParts": _on_object("ListMultipartUploadParts"),
    "PutBucketAcl": _on_bucket("PutBucketAcl", keys=condition_keys.ACL),
    "PutObject": _on_object("PutObject", *_ADDED_TO_OBJECT, keys=condition_keys.WRITE),
    "PutObjectAcl": _of_version("PutObjectAcl", keys=condition_keys.ACL),
    "PutObjectLegalHold": _on_object("PutObjectLegalHold", keys=condition_keys.legal_hold),
    "PutObjectRetention": _on_object("PutObjectRetention", _BYPASSES, keys=condition_keys.retention),
    "PutObjectTagging": _of_version("PutObjectTagging", keys=condition_keys.body_tags),
    "RestoreObject": _on_object("RestoreObject"),
    "UploadPart": _on_object("PutObject", keys=condition_keys.WRITE),
    "UploadPartCopy": _on_object("PutObject", _copied, keys=condition_keys.WRITE),
}
ACTIONS: Mapping[str, NeedsOf] = dict(sorted(_ACTIONS.items()))
