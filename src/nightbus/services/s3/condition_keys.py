"""Makes S3's condition keys of the members of a request.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from nightbus.identity.needs import Asked, merged, tag_conditions
from nightbus.identity.request_keys import ABSENT, members
from nightbus.policies.request import Values, named_values
from nightbus.services.s3.copying import parse_copy_source

ACL = members(
    s3__x_amz_acl="ACL",
    s3__x_amz_grant_full_control="GrantFullControl",
    s3__x_amz_grant_read="GrantRead",
    s3__x_amz_grant_read_acp="GrantReadACP",
    s3__x_amz_grant_write="GrantWrite",
    s3__x_amz_grant_write_acp="GrantWriteACP",
)
LISTING = members(s3__prefix="Prefix", s3__delimiter="Delimiter", s3__max_keys="MaxKeys")
VERSION = members(s3__versionid="VersionId")
_ENCRYPTION = members(
    s3__x_amz_server_side_encryption="ServerSideEncryption",
    s3__x_amz_server_side_encryption_aws_kms_key_id="SSEKMSKeyId",
    s3__x_amz_server_side_encryption_customer_algorithm="SSECustomerAlgorithm",
)
LOCK = members(
    s3__object_lock_mode="ObjectLockMode",
    s3__object_lock_retain_until_date="ObjectLockRetainUntilDate",
    s3__object_lock_legal_hold="ObjectLockLegalHoldStatus",
)
_OTHERS = members(
    s3__x_amz_storage_class="StorageClass",
    s3__x_amz_website_redirect_location="WebsiteRedirectLocation",
    s3__x_amz_metadata_directive="MetadataDirective",
    s3__if_match="IfMatch",
    s3__if_none_match="IfNoneMatch",
)

_UNSIGNED: Mapping[str, Values] = {
    "s3:signatureversion": ABSENT,
    "s3:authtype": ABSENT,
    "s3:signatureage": ABSENT,
}
_VERSIONS = {0: "AWS4-HMAC-SHA256", 2: "AWS", 4: "AWS4-HMAC-SHA256"}
_WITH_AGE = 4


def header_tags(asked: Asked) -> Mapping[str, str]:
    """Return the tags in the header of a new object."""
    return dict(parse_qsl(asked.text("Tagging"), keep_blank_values=True))


def new_tags(asked: Asked) -> Mapping[str, Values]:
    return _object_tags(header_tags(asked))


def body_tags(asked: Asked) -> Mapping[str, Values]:
    """Return the keys of the tags in the body of PutObjectTagging."""
    return _object_tags(tags_of((asked.params.get("Tagging") or {}).get("TagSet")))


def tags_of(tag_set: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tag_set or ()}


def _object_tags(tags: Mapping[str, str]) -> Mapping[str, Values]:
    return {**named_values("s3:requestobjecttag/", tags.items()), "s3:requestobjecttagkeys": tuple(tags)}


def _copy_source(asked: Asked) -> Mapping[str, Values]:
    source = parse_copy_source(asked.text("CopySource"))
    return {"s3:x-amz-copy-source": f"{source.bucket}/{source.key}" if source else ABSENT}


def retention(asked: Asked) -> Mapping[str, Values]:
    """Return the keys of PutObjectRetention, whose values stand in the body."""
    wanted = Asked(asked.params.get("Retention") or {}, asked.call)
    return members(s3__object_lock_mode="Mode", s3__object_lock_retain_until_date="RetainUntilDate")(wanted)


def legal_hold(asked: Asked) -> Mapping[str, Values]:
    return {"s3:object-lock-legal-hold": (asked.params.get("LegalHold") or {}).get("Status") or ABSENT}


def new_bucket(asked: Asked) -> Mapping[str, Values]:
    configuration = asked.params.get("CreateBucketConfiguration") or {}
    tags = tags_of(configuration.get("Tags"))
    return {
        "s3:locationconstraint": configuration.get("LocationConstraint") or ABSENT,
        "s3:x-amz-object-ownership": asked.text("ObjectOwnership"),
        **ACL(asked),
        **tag_conditions(tags.items()),
    }


def signature(asked: Asked) -> Mapping[str, Values]:
    """Return the keys that every request has: how it is signed, and how long ago if it is a presigned URL.

    https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
    """
    call = asked.call
    if call.caller.is_anonymous:
        return _UNSIGNED
    version = _VERSIONS[call.link_version]
    if call.link_version:
        age = str(call.link_age_ms) if call.link_version == _WITH_AGE else ABSENT
        return {"s3:signatureversion": version, "s3:authtype": "REST-QUERY-STRING", "s3:signatureage": age}
    method = "POST" if call.is_form else "REST-HEADER"
    return {"s3:signatureversion": version, "s3:authtype": method, "s3:signatureage": ABSENT}


WRITE = merged(ACL, _ENCRYPTION, LOCK, _OTHERS, new_tags, _copy_source)
