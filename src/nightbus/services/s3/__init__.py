"""Registers the operations of Amazon S3: buckets, objects, versions, multipart uploads, settings of buckets."""

from __future__ import annotations

from nightbus.services.context import Handler, JobQueueMaker, Worker
from nightbus.services.s3 import attributes, copying, deleting, objects, putting, tagging
from nightbus.services.s3.access_logs import configuration as access_logs
from nightbus.services.s3.access_logs.recording import recorded, write_access_logs
from nightbus.services.s3.archives import restoring
from nightbus.services.s3.buckets import buckets, configuration, policies
from nightbus.services.s3.buckets.configuration import (
    deleter,
    fixed,
    getter,
    not_configured,
    putter,
    unchanged,
)
from nightbus.services.s3.lifecycle import configuration as lifecycle
from nightbus.services.s3.lifecycle.expiry import apply_lifecycle_rules
from nightbus.services.s3.listing import listing
from nightbus.services.s3.listing import versions as version_listing
from nightbus.services.s3.locks import operations as locks
from nightbus.services.s3.notifications import configuration as notifications
from nightbus.services.s3.notifications.jobs import BucketNotificationJobs
from nightbus.services.s3.uploads import completing, parts, uploads

_DEFAULT_ENCRYPTION = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}

_OPERATIONS: dict[str, Handler] = {
    "CreateBucket": buckets.create_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "GetBucketLocation": buckets.get_bucket_location,
    "HeadBucket": buckets.head_bucket,
    "ListBuckets": buckets.list_buckets,
    "ListObjects": listing.list_objects,
    "ListObjectsV2": listing.list_objects_v2,
    "ListObjectVersions": version_listing.list_object_versions,
    "CopyObject": copying.copy_object,
    "DeleteObject": deleting.delete_object,
    "DeleteObjects": deleting.delete_objects,
    "GetObject": objects.get_object,
    "HeadObject": objects.head_object,
    "PutObject": putting.put_object,
    "DeleteObjectTagging": tagging.delete_object_tagging,
    "GetObjectAcl": configuration.get_object_acl,
    "GetObjectAttributes": attributes.get_object_attributes,
    "GetObjectTagging": tagging.get_object_tagging,
    "PutObjectTagging": tagging.put_object_tagging,
    "AbortMultipartUpload": uploads.abort_multipart_upload,
    "CompleteMultipartUpload": completing.complete_multipart_upload,
    "CreateMultipartUpload": uploads.create_multipart_upload,
    "ListMultipartUploads": uploads.list_multipart_uploads,
    "ListParts": parts.list_parts,
    "UploadPart": parts.upload_part,
    "UploadPartCopy": parts.upload_part_copy,
    "PutBucketVersioning": configuration.put_bucket_versioning,
    "GetBucketVersioning": getter("VersioningConfiguration", None),
    "PutBucketPolicy": policies.put_bucket_policy,
    "GetBucketPolicy": policies.get_bucket_policy,
    "GetBucketPolicyStatus": policies.get_bucket_policy_status,
    "DeleteBucketPolicy": policies.delete_bucket_policy,
    "PutBucketTagging": putter("tagging", "Tagging", configuration.check_bucket_tags, 204),
    "GetBucketTagging": getter("Tagging", not_configured("NoSuchTagSet", "The TagSet does not exist")),
    "DeleteBucketTagging": deleter("Tagging"),
    "PutBucketEncryption": putter(
        "server_side_encryption_configuration", "Encryption", configuration.check_encryption
    ),
    "GetBucketEncryption": getter(
        "Encryption", None, "ServerSideEncryptionConfiguration", _DEFAULT_ENCRYPTION
    ),
    "DeleteBucketEncryption": deleter("Encryption"),
    "PutPublicAccessBlock": putter("public_access_block_configuration", "PublicAccessBlock"),
    "GetPublicAccessBlock": getter(
        "PublicAccessBlock",
        not_configured(
            "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"
        ),
        "PublicAccessBlockConfiguration",
    ),
    "DeletePublicAccessBlock": deleter("PublicAccessBlock"),
    "PutBucketOwnershipControls": putter(
        "ownership_controls", "OwnershipControls", configuration.check_ownership
    ),
    "GetBucketOwnershipControls": getter(
        "OwnershipControls",
        not_configured("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        "OwnershipControls",
    ),
    "DeleteBucketOwnershipControls": deleter("OwnershipControls"),
    "GetBucketAcl": configuration.get_acl,
    "PutBucketAcl": configuration.put_bucket_acl,
    "PutObjectAcl": configuration.put_object_acl,
    "PutBucketCors": putter("cors_configuration", "Cors", configuration.check_cors),
    "DeleteBucketCors": deleter("Cors"),
    "DeleteBucketLifecycle": deleter("Lifecycle"),
    "DeleteBucketWebsite": deleter("Website"),
    "PutBucketNotificationConfiguration": notifications.put_bucket_notification_configuration,
    "GetBucketAccelerateConfiguration": fixed({}),
    "GetBucketReplication": getter(
        "Replication",
        not_configured(
            "ReplicationConfigurationNotFoundError", "The replication configuration was not found"
        ),
    ),
    "GetObjectLockConfiguration": locks.get_object_lock_configuration,
    "PutObjectLockConfiguration": locks.put_object_lock_configuration,
    "GetObjectLegalHold": locks.get_object_legal_hold,
    "PutObjectLegalHold": locks.put_object_legal_hold,
    "GetObjectRetention": locks.get_object_retention,
    "PutObjectRetention": locks.put_object_retention,
    "RestoreObject": restoring.restore_object,
    "GetBucketCors": getter(
        "Cors", not_configured("NoSuchCORSConfiguration", "The CORS configuration does not exist")
    ),
    "GetBucketLifecycleConfiguration": lifecycle.get_bucket_lifecycle_configuration,
    "PutBucketLifecycleConfiguration": lifecycle.put_bucket_lifecycle_configuration,
    "GetBucketLogging": access_logs.get_bucket_logging,
    "PutBucketLogging": access_logs.put_bucket_logging,
    "PutBucketAccelerateConfiguration": unchanged(
        "PutBucketAccelerateConfiguration", "accelerate_configuration", {"Status": "Suspended"}
    ),
    "PutBucketRequestPayment": unchanged(
        "PutBucketRequestPayment", "request_payment_configuration", {"Payer": "BucketOwner"}
    ),
    "DeleteBucketReplication": deleter("Replication"),
    "ListBucketAnalyticsConfigurations": fixed({"IsTruncated": False}),
    "ListBucketIntelligentTieringConfigurations": fixed({"IsTruncated": False}),
    "ListBucketInventoryConfigurations": fixed({"IsTruncated": False}),
    "ListBucketMetricsConfigurations": fixed({"IsTruncated": False}),
    "GetBucketNotificationConfiguration": notifications.get_bucket_notification_configuration,
    "GetBucketRequestPayment": fixed({"Payer": "BucketOwner"}),
    "GetBucketWebsite": getter(
        "Website",
        not_configured(
            "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"
        ),
    ),
}

HANDLERS: dict[str, Handler] = {name: recorded(name, handler) for name, handler in _OPERATIONS.items()}

WORKERS: list[Worker] = [write_access_logs]
DUTIES: list[Worker] = [buckets.reopen_buckets, apply_lifecycle_rules, restoring.end_restored_copies]
JOB_QUEUES: list[JobQueueMaker] = [BucketNotificationJobs]
