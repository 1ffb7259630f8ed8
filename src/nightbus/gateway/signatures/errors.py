"""Writes AWS's errors for requests whose signature or credentials are wrong, in the spelling of the request's protocol.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html,
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html (status 400 of services with
JSON) and https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from nightbus.aws.errors import AwsError

HOW_TO_GET_A_KEY = (
    "Nightbus does not know this access key: `nightbus env` prints one that it knows, and a node that is"
    " started with --dev-credentials accepts any."
)
NEEDS_TOKEN = "This temporary access key needs its session token as well (AWS_SESSION_TOKEN)."  # noqa: S105
_MISMATCH = "The request signature we calculated does not match the signature you provided. Check your"
_ONLY_V4 = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
_BAD_TOKEN = "The security token included in the request is invalid."  # noqa: S105
_EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105


@dataclass(frozen=True, slots=True)
class _Codes:
    mismatch: str
    incomplete: str
    unknown_key: str
    expired: str
    status: int


class Dialect(Enum):
    """How a service spells these errors."""

    S3 = _Codes(
        "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "InvalidAccessKeyId", "ExpiredToken", 403
    )
    QUERY = _Codes(
        "SignatureDoesNotMatch", "IncompleteSignature", "InvalidClientTokenId", "ExpiredToken", 403
    )
    JSON = _Codes(
        "InvalidSignatureException",
        "IncompleteSignatureException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        400,
    )
    REST_JSON = _Codes(
        "InvalidSignatureException",
        "IncompleteSignatureException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        403,
    )  # fmt: skip

    @classmethod
    def of(cls, service: str, protocol: str) -> Dialect:
        """Return the dialect of a request to a service (botocore's name) in one of its protocols.

        SQS has the codes of Query in JSON too, for its SDKs take them from a header (gateway/query_compatible.py).
        """
        if service == "s3":
            return cls.S3
        if service == "sqs":
            return cls.QUERY
        if protocol == "rest-json":
            return cls.REST_JSON
        return cls.QUERY if protocol in ("query", "sqs-query", "ec2", "rest-xml") else cls.JSON


def mismatch(
    dialect: Dialect, to_sign: str, canonical: str = "", fields: Mapping[str, str] | None = None
) -> AwsError:
    """Return the error for a wrong signature, with what the client should have signed.

    A canonical request has header values and nothing secret. `fields` are S3's further elements.
    """
    codes: _Codes = dialect.value
    if dialect is Dialect.S3:
        told = {**(fields or {}), "StringToSign": to_sign}
        if canonical:
            told["CanonicalRequest"] = canonical
        return AwsError(codes.mismatch, f"{_MISMATCH} key and signing method.", codes.status, fields=told)
    text = f"{_MISMATCH} AWS Secret Access Key and signing method. Consult the service documentation for details."
    if canonical:
        text += f"\n\nThe Canonical String for this request should have been\n'{canonical}'"
        text += f"\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
    return AwsError(codes.mismatch, text, codes.status)


def wrong_scope(dialect: Dialect, text: str) -> AwsError:
    """Return the error for a scope, a date or signed headers that do not fit the request."""
    codes: _Codes = dialect.value
    if dialect is Dialect.S3:
        return AwsError(codes.incomplete, f"The authorization header is malformed; {text}")
    return AwsError(codes.mismatch, text, codes.status)


def incomplete(dialect: Dialect, text: str) -> AwsError:
    """Return the error for an authorization that lacks a part, or that cannot be read."""
    codes: _Codes = dialect.value
    if dialect is Dialect.S3:
        return AwsError(codes.incomplete, f"The authorization header is malformed; {text}")
    return AwsError(codes.incomplete, text)


def unsupported_algorithm(dialect: Dialect, algorithm: str) -> AwsError:
    """Return the error for any algorithm but AWS4-HMAC-SHA256, such as that of SigV4A."""
    if dialect is Dialect.S3:
        return AwsError("InvalidRequest", _ONLY_V4)
    codes: _Codes = dialect.value
    text = f"Unsupported AWS 'algorithm': '{algorithm[:80]}'. Please use AWS4-HMAC-SHA256."
    return AwsError(codes.incomplete, text)


def unknown_key(dialect: Dialect, access_key: str, hint: str = "") -> AwsError:
    """Return the error for an access key that is not known, or that is not active."""
    codes: _Codes = dialect.value
    fields = {}
    text = _BAD_TOKEN
    if dialect is Dialect.S3:
        text = "The AWS Access Key Id you provided does not exist in our records."
        fields = {"AWSAccessKeyId": access_key[:128]}
    return AwsError(codes.unknown_key, f"{text} {hint}".rstrip(), codes.status, fields=fields)


def invalid_token(dialect: Dialect) -> AwsError:
    """Return the error for a session token that does not belong to the key."""
    if dialect is Dialect.S3:
        return AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.")
    return unknown_key(dialect, "")


def expired_token(dialect: Dialect) -> AwsError:
    if dialect is Dialect.S3:
        return AwsError("ExpiredToken", "The provided token has expired.")
    codes: _Codes = dialect.value
    return AwsError(codes.expired, _EXPIRED_TOKEN, codes.status)


def not_signed(dialect: Dialect, names: list[str]) -> AwsError:
    """Return the error for headers that have to be signed and are not."""
    if dialect is Dialect.S3:
        text = "There were headers present in the request which were not signed"
        return AwsError("AccessDenied", text, 403, fields={"HeadersNotSigned": ", ".join(names)})
    if names == ["host"]:
        return wrong_scope(
            dialect, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    return wrong_scope(
        dialect, " ".join(f"'{name}' must be a 'SignedHeader' in the AWS Authorization." for name in names)
    )


def wrong_payload_hash(claimed: str, computed: str) -> AwsError:
    """Return S3's error for a body that is not the one whose hash was signed."""
    text = "The provided 'x-amz-content-sha256' header does not match what was computed."
    fields = {"ClientComputedContentSHA256": claimed[:128], "S3ComputedContentSHA256": computed}
    return AwsError("XAmzContentSHA256Mismatch", text, fields=fields)
