"""Judges the credential scope and the signed headers of a claim.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import is_region
from nightbus.gateway.signatures.claims import Claim
from nightbus.gateway.signatures.errors import Dialect, not_signed, wrong_scope
from nightbus.gateway.signatures.signing_keys import TERMINATOR

_LONGEST = 80  # characters of a client's text that an error quotes
_FREE = "x-amz-content-sha256"  # its value is in the canonical request in any case


def check_scope(claim: Claim, service: str, dialect: Dialect) -> None:
    """Raise AwsError for a scope that does not fit. `service` is the signing name of the operation's service."""
    if dialect is Dialect.S3:
        _check_s3(claim, service)
        return
    texts = []
    if not is_region(claim.region):
        texts.append(f"Credential should be scoped to a valid region, not '{claim.region[:_LONGEST]}'.")
    if claim.service != service:
        texts.append(f"Credential should be scoped to correct service: '{service}'.")
    if claim.terminator != TERMINATOR:
        texts.append(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not"
            f" '{claim.terminator[:_LONGEST]}'."
        )
    if claim.date != claim.timestamp[:8]:
        texts.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
            f" '{claim.date[:_LONGEST]}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
        )
    if texts:
        raise wrong_scope(dialect, " ".join(texts))


def _check_s3(claim: Claim, service: str) -> None:
    text = ""
    if not is_region(claim.region):
        text = f"the region '{claim.region[:_LONGEST]}' is wrong"
    elif claim.service != service:
        text = f'incorrect service "{claim.service[:_LONGEST]}". This endpoint belongs to "{service}".'
    elif claim.terminator != TERMINATOR:
        text = f'incorrect terminal "{claim.terminator[:_LONGEST]}". This endpoint uses "{TERMINATOR}".'
    elif claim.date != claim.timestamp[:8]:
        text = f'Invalid credential date "{claim.date[:_LONGEST]}". This date is not the same as X-Amz-Date:'
        text += f' "{claim.timestamp[:8]}".'
    if not text:
        return
    if claim.by_query:
        raise AwsError(
            "AuthorizationQueryParametersError", f"Error parsing the X-Amz-Credential parameter; {text}"
        )
    raise wrong_scope(Dialect.S3, text)


def check_signed_headers(claim: Claim, headers: Mapping[str, str], dialect: Dialect) -> None:
    """Raise AwsError unless the host and all headers that begin with x-amz- are signed."""
    signed = claim.signed
    if "host" not in signed:
        raise not_signed(dialect, ["host"])
    unsigned = [
        name for name in headers if name.startswith("x-amz-") and name not in signed and name != _FREE
    ]
    if unsigned:
        raise not_signed(dialect, sorted(unsigned))
