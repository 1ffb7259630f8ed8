"""Reads what a request says of its signature of version 4: in the Authorization header or in the query of a link.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nightbus.aws.errors import AwsError
from nightbus.gateway.signatures.canonical import ALGORITHM
from nightbus.gateway.signatures.errors import Dialect, incomplete, unsupported_algorithm
from nightbus.gateway.signatures.moments import iso_basic, stamp_of_http_date
from nightbus.gateway.signatures.signing_keys import TERMINATOR

_HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARTS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature")
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+(?:;[!#$%&'*+.^_`|~0-9a-z-]+)*")
_USUAL = re.compile(  # as SDKs write it
    r"AWS4-HMAC-SHA256 Credential=([0-9A-Za-z]{1,128})/([0-9]{8})/([0-9a-z-]{1,32})/([0-9a-z-]{1,64})/aws4_request,"
    r" ?SignedHeaders=([0-9a-z;-]{1,1000}), ?Signature=([0-9a-f]{64})"
)
_LONGEST = 80  # characters of a client's text that an error quotes
_S3_QUERY = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential,"
    " X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)


class Claim(NamedTuple):
    """What a request claims. `timestamp` is such as 20260101T120000Z, and the scope's parts are as they were sent."""

    access_key: str
    date: str
    region: str
    service: str
    terminator: str
    signed: Sequence[str]
    signature: str
    timestamp: str
    by_query: bool

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def claim_of_header(headers: Mapping[str, str], dialect: Dialect) -> Claim:
    """Return the claim of an Authorization header. Raises AwsError for one that cannot be read."""
    authorization = headers["authorization"]
    usual, date = _USUAL.fullmatch(authorization), headers.get("x-amz-date", "")
    if usual is not None and iso_basic(date) is not None:
        key, day, region, service, signed, signature = usual.groups()
        names = _names(signed)
        if names:
            return Claim(key, day, region, service, TERMINATOR, names, signature, date, by_query=False)
    return _unusual_claim(authorization, headers, dialect)


def _unusual_claim(authorization: str, headers: Mapping[str, str], dialect: Dialect) -> Claim:
    algorithm, credential, signed, signature = _read_header(authorization, dialect)
    date = headers.get("x-amz-date") or headers.get("date") or ""
    if algorithm == ALGORITHM and credential and signature and signed and date:
        return _claim(dialect, credential, signed, signature, _timestamp(date, dialect), by_query=False)
    if algorithm != ALGORITHM:
        raise unsupported_algorithm(dialect, algorithm)
    if dialect is Dialect.S3:
        if credential and signature and signed:
            text = "AWS authentication requires a valid Date or x-amz-date header"
            raise AwsError("AccessDenied", text, 403)
        text = "the authorization header requires three components: Credential, SignedHeaders, and Signature."
        raise incomplete(dialect, text)
    given = dict(zip(_HEADER_PARTS, (credential, signature, signed), strict=True))
    texts = [
        f"Authorization header requires '{name}' parameter." for name in _HEADER_PARTS if not given[name]
    ]
    if not date:
        texts.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    digest = base64.b64encode(hashlib.sha256(authorization.encode("latin-1", "replace")).digest()).decode()
    raise incomplete(
        dialect, f"{' '.join(texts)} (Hashed with SHA-256 and encoded with Base64) Authorization={digest}"
    )


def claim_of_query(query: Mapping[str, str], dialect: Dialect) -> Claim:
    """Return the claim of a link. Raises AwsError for one that lacks a parameter, or that cannot be read."""
    for name in _QUERY_PARTS:
        if not query.get(name):
            if dialect is Dialect.S3:
                raise AwsError("AuthorizationQueryParametersError", _S3_QUERY)
            text = (
                f"AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
            )
            raise incomplete(dialect, text)
    algorithm = query["X-Amz-Algorithm"]
    if algorithm != ALGORITHM:
        if dialect is Dialect.S3:
            text = 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"'
            if algorithm != "AWS4-ECDSA-P256-SHA256":
                raise AwsError("AuthorizationQueryParametersError", text)
        raise unsupported_algorithm(dialect, algorithm)
    return _claim(
        dialect,
        query["X-Amz-Credential"],
        query["X-Amz-SignedHeaders"],
        query["X-Amz-Signature"],
        _timestamp(query["X-Amz-Date"], dialect),
        by_query=True,
    )


@functools.lru_cache(maxsize=64)
def _names(text: str) -> Sequence[str]:
    """Return the names of signed headers, () if the text is not a list of names."""
    text = text.lower()
    return tuple(text.split(";")) if _NAMES.fullmatch(text) else ()


def _read_header(authorization: str, dialect: Dialect) -> tuple[str, str, str, str]:
    """Return the algorithm and the parts of the header, "" for each that is not there."""
    algorithm, _, rest = authorization.strip().partition(" ")
    if not algorithm.startswith("AWS4-"):
        raise _not_a_pair(dialect, algorithm, authorization)
    parts: dict[str, str] = {}
    for part in rest.replace(",", " ").split(" "):
        if not part:
            continue
        name, equals, value = part.partition("=")
        if not equals or name in parts:
            raise _not_a_pair(dialect, part, authorization)
        parts[name] = value
    return (
        algorithm,
        parts.get("Credential", ""),
        parts.get("SignedHeaders", ""),
        parts.get("Signature", ""),
    )


def _not_a_pair(dialect: Dialect, part: str, authorization: str) -> AwsError:
    if dialect is Dialect.S3:
        if not authorization.strip().startswith("AWS"):
            fields = {"ArgumentName": "Authorization", "ArgumentValue": authorization[:_LONGEST]}
            return AwsError("InvalidArgument", "Unsupported Authorization Type", fields=fields)
        return incomplete(dialect, f'the authorization component "{part[:_LONGEST]}" is malformed.')
    text = f"'{part[:_LONGEST]}' not a valid key=value pair (missing equal-sign) in Authorization header:"
    return incomplete(dialect, f"{text} '{authorization[:_LONGEST]}'.")


def _claim(
    dialect: Dialect, credential: str, signed: str, signature: str, timestamp: str, *, by_query: bool
) -> Claim:
    parts = credential.split("/")
    if len(parts) != 5:
        if dialect is Dialect.S3:
            text = (
                'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
            )
            raise incomplete(dialect, text)
        text = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
        raise incomplete(dialect, f"{text} got '{credential[:_LONGEST]}'")
    names = _names(signed)
    if not names:
        raise incomplete(dialect, f"the SignedHeaders '{signed[:_LONGEST]}' are not a list of header names.")
    key, date, region, service, terminator = parts
    return Claim(key, date, region, service, terminator, names, signature, timestamp, by_query)


def _timestamp(date: str, dialect: Dialect) -> str:
    """Return the request's time in ISO 8601's basic format. A `Date` header may have it in HTTP's format."""
    if iso_basic(date) is not None:
        return date
    stamp = stamp_of_http_date(date)
    if stamp is not None:
        return stamp
    if dialect is Dialect.S3:
        raise AwsError("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 403)
    text = f"Date must be in ISO-8601 'basic format'. Got '{date[:_LONGEST]}'. See"
    raise incomplete(dialect, f"{text} http://en.wikipedia.org/wiki/ISO_8601")
