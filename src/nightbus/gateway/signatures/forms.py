"""Verifies the signature of an HTML form, which signs the form's policy.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/HTTPPOSTForms.html (version 2)
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.errors import AwsError
from nightbus.gateway.signatures.canonical import ALGORITHM
from nightbus.gateway.signatures.errors import Dialect, incomplete, mismatch, unsupported_algorithm
from nightbus.gateway.signatures.moments import iso_basic
from nightbus.gateway.signatures.signing_keys import TERMINATOR, SigningKeys, is_same
from nightbus.gateway.signatures.version_two import hmac_sha1


def verify_form(fields: Mapping[str, str], secret: str, keys: SigningKeys) -> None:
    """Raise AwsError unless the secret signed the policy. `fields` have names in lower case."""
    policy = fields.get("policy", "")
    if "x-amz-credential" not in fields:
        computed, claimed = hmac_sha1(secret, policy), fields.get("signature", "")
    else:
        for name in ("x-amz-algorithm", "x-amz-date", "x-amz-signature"):
            if not fields.get(name):
                text = f"Bucket POST must contain a field named '{name}'."
                where = {"ArgumentName": name, "ArgumentValue": ""}
                raise AwsError("InvalidArgument", text, fields=where)
        if fields["x-amz-algorithm"] != ALGORITHM:
            raise unsupported_algorithm(Dialect.S3, fields["x-amz-algorithm"])
        parts = fields["x-amz-credential"].split("/")
        stamp = fields["x-amz-date"]
        if len(parts) != 5 or parts[3:] != ["s3", TERMINATOR] or not _is_of_day(stamp, parts[1]):
            text = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request".'
            raise incomplete(Dialect.S3, text)
        key = keys.key(secret, parts[1], parts[2], parts[3])
        computed, claimed = key.signature(policy), fields["x-amz-signature"]
    if not is_same(computed, claimed):
        raise mismatch(Dialect.S3, policy)


def _is_of_day(stamp: str, day: str) -> bool:
    return iso_basic(stamp) is not None and stamp[:8] == day
