"""Amazon S3: buckets, objects and their versions, multipart uploads, and the settings of buckets."""

from __future__ import annotations

from nightbus.services.context import Handler
from nightbus.services.s3 import buckets, configuration, listing, multipart, objects, tagging
from nightbus.services.s3.configuration import deleter, fixed, getter, missing, putter

_DEFAULT_ENCRYPTION = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}
_ALL_BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_OWNER_ENFORCED = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}

HANDLERS: dict[str, Handler] = {
    "CreateBucket": buckets.create_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "GetBucketLocation": buckets.get_bucket_location,
    "HeadBucket": buckets.head_bucket,
    "ListBuckets": buckets.list_buckets,
    "ListObjects": listing.list_objects,
    "ListObjectsV2": listing.list_objects_v2,
    "ListObjectVersions": listing.list_object_versions,
    "CopyObject": objects.copy_object,
    "DeleteObject": objects.delete_object,
    "DeleteObjects": objects.delete_objects,
    "GetObject": objects.get_object,
    "HeadObject": objects.head_object,
    "PutObject": objects.put_object,
    "DeleteObjectTagging": tagging.delete_object_tagging,
    "GetObjectAcl": tagging.get_object_acl,
    "GetObjectAttributes": tagging.get_object_attributes,
    "GetObjectTagging": tagging.get_object_tagging,
    "PutObjectTagging": tagging.put_object_tagging,
    "AbortMultipartUpload": multipart.abort_multipart_upload,
    "CompleteMultipartUpload": multipart.complete_multipart_upload,
    "CreateMultipartUpload": multipart.create_multipart_upload,
    "ListMultipartUploads": multipart.list_multipart_uploads,
    "ListParts": multipart.list_parts,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": multipart.upload_part_copy,
    "PutBucketVersioning": putter(
        "versioning_configuration", "VersioningConfiguration", configuration.check_versioning
    ),
    "GetBucketVersioning": getter("VersioningConfiguration", None),
    "PutBucketPolicy": putter("policy", "Policy", configuration.check_policy, 204),
    "GetBucketPolicy": getter(
        "Policy", missing("NoSuchBucketPolicy", "The bucket policy does not exist"), "Policy"
    ),
    "GetBucketPolicyStatus": configuration.get_bucket_policy_status,
    "DeleteBucketPolicy": deleter("Policy"),
    "PutBucketTagging": putter("tagging", "Tagging", configuration.check_tags, 204),
    "GetBucketTagging": getter("Tagging", missing("NoSuchTagSet", "The TagSet does not exist")),
    "DeleteBucketTagging": deleter("Tagging"),
    "PutBucketEncryption": putter(
        "server_side_encryption_configuration", "Encryption", configuration.check_encryption
    ),
    "GetBucketEncryption": getter(
        "Encryption", None, "ServerSideEncryptionConfiguration", _DEFAULT_ENCRYPTION
    ),
    "DeleteBucketEncryption": deleter("Encryption"),
    "PutPublicAccessBlock": putter("public_access_block_configuration", "PublicAccessBlock"),
    "GetPublicAccessBlock": getter("PublicAccessBlock", None, "PublicAccessBlockConfiguration", _ALL_BLOCKED),
    "DeletePublicAccessBlock": deleter("PublicAccessBlock"),
    "PutBucketOwnershipControls": putter("ownership_controls", "OwnershipControls"),
    "GetBucketOwnershipControls": getter("OwnershipControls", None, "OwnershipControls", _OWNER_ENFORCED),
    "DeleteBucketOwnershipControls": deleter("OwnershipControls"),
    "GetBucketAcl": configuration.get_acl,
    "GetBucketCors": getter(
        "Cors", missing("NoSuchCORSConfiguration", "The CORS configuration does not exist")
    ),
    "GetBucketLifecycleConfiguration": getter(
        "Lifecycle", missing("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
    ),
    "GetBucketLogging": fixed({}),
    "GetBucketNotificationConfiguration": fixed({}),
    "GetBucketRequestPayment": fixed({"Payer": "BucketOwner"}),
    "GetBucketWebsite": getter(
        "Website",
        missing("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    ),
}
