"""Amazon S3: buckets, and objects with their versions as blobs of the store."""

from __future__ import annotations

from nightbus.services.context import Handler
from nightbus.services.s3 import buckets, configuration, objects

HANDLERS: dict[str, Handler] = {
    "CopyObject": objects.copy_object,
    "CreateBucket": buckets.create_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "DeleteObject": objects.delete_object,
    "DeleteObjects": objects.delete_objects,
    "GetBucketAcl": configuration.get_acl,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetObject": objects.get_object,
    "HeadBucket": buckets.head_bucket,
    "HeadObject": objects.head_object,
    "ListBuckets": buckets.list_buckets,
    "PutObject": objects.put_object,
}
