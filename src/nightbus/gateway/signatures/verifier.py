"""Finds the caller of a request, and verifies that the caller's secret signed it.

Theory of operation. The access key names the caller and the secret (`identity/signers.py`). What the request claims is
read (`claims`), the scope and the time are judged (`scopes`, `moments`), the canonical request is written again from
the request as it came (`canonical`), and its signature compared. The body is a part of it by its hash:

- a body that was read whole is hashed once, in a thread if it is long
- a body of S3 that will be streamed is verified while it is read (`payloads`); the handler sees the error at its end,
  before it has stored anything

A key that the node does not know is refused, or is the root of the account that it names where the node accepts that.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.aws.threads import LONG_TEXT
from nightbus.clock import Clock
from nightbus.gateway.anonymous_requests import check_anonymous, check_form
from nightbus.gateway.models import OperationModel
from nightbus.gateway.presigned_urls import check_expiry
from nightbus.gateway.request import WireRequest
from nightbus.gateway.signatures import version_two
from nightbus.gateway.signatures.canonical import (
    canonical_query,
    canonical_request,
    normalised,
    s3_path,
    service_path,
    string_to_sign,
)
from nightbus.gateway.signatures.claims import Claim, claim_of_header, claim_of_query
from nightbus.gateway.signatures.errors import (
    HOW_TO_GET_A_KEY,
    NEEDS_TOKEN,
    Dialect,
    expired_token,
    incomplete,
    invalid_token,
    mismatch,
    unknown_key,
    wrong_scope,
)
from nightbus.gateway.signatures.forms import verify_form
from nightbus.gateway.signatures.moments import check_link, check_not_early, check_skew
from nightbus.gateway.signatures.payloads import UNSIGNED, SignedPayload, s3_payload
from nightbus.gateway.signatures.scopes import check_scope, check_signed_headers
from nightbus.gateway.signatures.signing_keys import SigningKeys, is_same, sha256
from nightbus.identity.access_keys import InactiveKey
from nightbus.identity.credentials import account_of
from nightbus.identity.signers import InvalidToken, Signer, Signers, TokenExpired

_OF_VERSION_FOUR = frozenset(
    {
        "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders",
    }
)  # fmt: skip


class Verified(NamedTuple):
    """The caller of a request. `payload` says what a body that has not been read yet has to be, None for any."""

    caller: Caller
    payload: SignedPayload | None = None


class Verifier:
    """With `accepts_unknown_keys` a key that the node does not know is the root of its account, unverified."""

    def __init__(self, signers: Signers, clock: Clock, *, accepts_unknown_keys: bool) -> None:
        self._signers = signers
        self._clock = clock
        self._accepts_unknown_keys = accepts_unknown_keys
        self._keys = SigningKeys()

    def in_memory(self) -> dict[str, int]:
        return {**self._keys.in_memory(), **self._signers.in_memory()}

    async def check_key(self, request: WireRequest, service: str, protocol: str) -> None:
        """Raise AwsError for credentials that will be refused whatever the body is, before it is read."""
        await self._signer(request, Dialect.of(service, protocol), service)

    async def verify(self, request: WireRequest, operation: OperationModel, protocol: str) -> Verified:
        """Return the caller, anonymous for a request without credentials. Raises AwsError.

        Its body was read, unless the operation streams it.
        """
        service = operation.service
        dialect = Dialect.of(service.name, protocol)
        if not request.authorization.is_given:
            if request.headers.get("authorization"):
                claim_of_header(request.headers, dialect)  # raises, unless only the key is left out
                raise unknown_key(dialect, "")
            check_anonymous(operation)
            return Verified(Caller.anonymous())
        signer = await self._signer(request, dialect, service.name)
        if signer is None:
            if request.query:
                check_expiry(request, self._clock.now_ms(), service.name)
            return Verified(_root(request))
        if dialect is Dialect.S3:
            return await self._verify_s3(request, signer, is_streamed=operation.input_is_streamed)
        claim = _claim(request, dialect)
        if operation.takes_unsigned_body and request.headers.get("x-amz-content-sha256") == UNSIGNED:
            payload = UNSIGNED
        else:
            payload = await _sha256(request.body)
        self._verify(request, claim, signer.secret, service.signing_name, dialect, payload)
        if normalised(request.raw_path) != request.raw_path:  # it was routed by another path than was signed
            raise AwsError("UnknownOperationException", "The path of the request is not normalised.", 404)
        return Verified(signer.caller)

    async def verify_url(self, request: WireRequest) -> Caller:
        """Return who signed a request to a function URL, for Lambda in the URL's region. Raises AwsError."""
        dialect = Dialect.REST_JSON
        signer = await self._signer(request, dialect, "lambda")
        if signer is None:
            check_expiry(request, self._clock.now_ms(), "lambda")
            return _root(request)
        payload = await _sha256(request.body)
        self._verify(request, _claim(request, dialect), signer.secret, "lambda", dialect, payload)
        if (
            normalised(request.raw_path) != request.raw_path
        ):  # the function would see another path than was signed
            raise wrong_scope(dialect, "The path of a signed request has to be normalised.")
        return signer.caller

    async def verify_form(self, request: WireRequest, fields: dict[str, str]) -> Verified:
        """Return who signed the policy of an HTML form, whose credentials `request` has. Raises AwsError."""
        signer = await self._signer(request, Dialect.S3, "s3")
        if signer is None:
            return Verified(_root(request))
        verify_form(fields, signer.secret, self._keys)
        return Verified(signer.caller)

    async def _signer(self, request: WireRequest, dialect: Dialect, service: str) -> Signer | None:
        """Return the owner of the key, None for an unknown key that is accepted. Raises AwsError."""
        key = request.authorization.access_key
        if "authorization" in request.repeated:
            raise incomplete(dialect, "The request has more than one Authorization header.")
        try:
            signer = await self._signers.find(key, _token(request))
        except InactiveKey:
            raise unknown_key(dialect, key) from None
        except InvalidToken:
            raise invalid_token(dialect) from None
        except TokenExpired:
            raise expired_token(dialect) from None
        if signer is None:
            check_form(request, service)
            if not self._accepts_unknown_keys:
                lacks_token = key.startswith("ASIA") and not _token(request)
                raise unknown_key(dialect, key, NEEDS_TOKEN if lacks_token else HOW_TO_GET_A_KEY)
        return signer

    async def _verify_s3(self, request: WireRequest, signer: Signer, *, is_streamed: bool) -> Verified:
        headers, query, now_ms = request.headers, request.query, self._clock.now_ms()
        if headers.get("authorization", "").startswith("AWS "):
            raise version_two.refused_header()
        by_query = not headers.get("authorization")
        is_version_two = version_two.is_link(query)
        if is_version_two + _is_link_of_version_four(query) + (not by_query) > 1:
            text = (
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query"
            )
            raise AwsError(
                "InvalidArgument", f"{text} string parameter or the Authorization header should be"
            )
        if by_query:
            check_expiry(request, now_ms)
            if is_version_two:
                version_two.verify_link(request, signer.secret)
                return Verified(signer.caller)
        claim = _claim(request, Dialect.S3)
        payload = s3_payload(headers, query, by_query=by_query)
        computed = self._verify(request, claim, signer.secret, "s3", Dialect.S3, payload)
        signed = SignedPayload(
            payload,
            self._keys.key(signer.secret, claim.date, claim.region, claim.service),
            claim.timestamp,
            claim.scope,
            computed,
        )
        if not is_streamed and signed.is_hash:
            signed.check(await _sha256(request.body))
        return Verified(signer.caller, signed)

    def _verify(
        self, request: WireRequest, claim: Claim, secret: str, service: str, dialect: Dialect, payload: str
    ) -> str:
        """Return the signature. Raises AwsError for a wrong one."""
        check_scope(claim, service, dialect)
        self._check_time(request, claim, dialect)
        headers = request.headers if not request.repeated else {**request.headers, **request.repeated}
        check_signed_headers(claim, headers, dialect)
        path = s3_path(request.raw_path) if dialect is Dialect.S3 else service_path(request.raw_path)
        query = canonical_query(request.raw_query, "X-Amz-Signature" if claim.by_query else "")
        canonical = canonical_request(request.method, path, query, headers, claim.signed, payload)
        to_sign = string_to_sign(claim.timestamp, claim.scope, canonical)
        key = self._keys.key(secret, claim.date, claim.region, claim.service)
        computed = key.signature(to_sign)
        if not is_same(computed, claim.signature):
            fields = {
                "AWSAccessKeyId": claim.access_key[:128],
                "SignatureProvided": claim.signature[:128],
            }
            raise mismatch(dialect, to_sign, canonical, fields)
        return computed

    def _check_time(self, request: WireRequest, claim: Claim, dialect: Dialect) -> None:
        now_ms = self._clock.now_ms()
        if not claim.by_query:
            check_skew(claim.timestamp, now_ms, dialect)
        elif dialect is Dialect.S3:
            check_not_early(claim.timestamp, now_ms)
        else:
            check_link(claim.timestamp, request.query.get("X-Amz-Expires"), now_ms, dialect)


def _claim(request: WireRequest, dialect: Dialect) -> Claim:
    """Return the claim, which has the credentials that the request was routed by. Raises AwsError."""
    if request.headers.get("authorization"):
        claim = claim_of_header(request.headers, dialect)
    elif "X-Amz-Credential" in request.query:
        claim = claim_of_query(request.query, dialect)
    else:
        raise incomplete(dialect, "Signature version 2 is not supported. Please use AWS4-HMAC-SHA256.")
    given = request.authorization
    if (claim.access_key, claim.region, claim.service) != (given.access_key, given.region, given.service):
        raise incomplete(dialect, "The credential is not unambiguous.")
    return claim


def _is_link_of_version_four(query: Mapping[str, str]) -> bool:
    """Return whether any parameter is there that says how a link of version 4 is signed, and until when."""
    return not _OF_VERSION_FOUR.isdisjoint(query)


def _token(request: WireRequest) -> str:
    """Return the session token. Links of version 2 have it under the name of the header."""
    for named in (
        request.headers.get("x-amz-security-token"),
        request.query.get("X-Amz-Security-Token"),
        request.query.get("x-amz-security-token") if version_two.is_link(request.query) else None,
    ):
        if named:
            return named
    return ""


def _root(request: WireRequest) -> Caller:
    key = request.authorization.access_key
    return Caller.root(account_of(key), key)


async def _sha256(body: bytes) -> str:
    return sha256(body) if len(body) <= LONG_TEXT else await asyncio.to_thread(_digest, body)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
