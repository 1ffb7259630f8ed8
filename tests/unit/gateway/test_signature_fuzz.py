"""Whatever a request has for its credentials, it is refused with an error of AWS, never by another exception.

NIGHTBUS_FUZZ_EXAMPLES is the number of requests; 3,000 without it.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any
from urllib.parse import quote

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.gateway.models import load_service
from nightbus.gateway.request import WireRequest, parse_query, repeated_headers
from nightbus.gateway.signatures.verifier import Verifier
from nightbus.identity.signers import Signer

EXAMPLES = int(os.environ.get("NIGHTBUS_FUZZ_EXAMPLES", "3000"))
OPERATIONS = [
    ("events", "PutEvents", "json"),
    ("sts", "GetCallerIdentity", "query"),
    ("lambda", "ListFunctions", "rest-json"),
    ("sqs", "SendMessage", "sqs-query"),
    ("s3", "GetObject", "rest-xml"),
    ("s3", "PutObject", "rest-xml"),
]
PIECES = [
    "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "AWS4-", "AWS", "Basic", "Credential", "SignedHeaders", "Signature",
    "=", ",", " ", "/", ";", "AKIAQAAAAAAAAA000000", "20260101", "us-east-1", "s3", "events", "lambda", "sts", "sqs",
    "aws4_request", "host", "x-amz-date", "x-amz-content-sha256", "20260101T000000Z", "0" * 64, "é", "\xff", "%00", "%",
    "Mon, 09 Sep 2011 23:36:00 GMT", "9" * 4400, "-1", "AWSAccessKeyId", "", "\t", "+", "&", "?", "UNSIGNED-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Thu, 01 Jan 0000 00:00:00 -9999", "99999999T999999Z", ":", "//../.",
]  # fmt: skip
NAMES = [
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Expires",
    "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "Expires", "x-amz-security-token", "X-Amz-Content-Sha256",
]  # fmt: skip
HEADERS = [
    "authorization", "host", "x-amz-date", "date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-acl",
    "content-type", "content-md5",
]  # fmt: skip
CREDENTIAL = "AKIAQAAAAAAAAA000000/20260101/us-east-1/{}/aws4_request"


class EveryKey:
    """Signers who know every key, so that everything is read."""

    async def find(self, access_key: str, token: str = "") -> Signer | None:
        return Signer(Caller.root("000000000000", access_key), "secret")


def text(random_: random.Random) -> str:
    return "".join(random_.choice(PIECES) for _ in range(random_.randrange(6)))


def header(random_: random.Random, service: str) -> str:
    """Mostly something that looks like a header of version 4, with one part or two of it changed."""
    parts = [
        "AWS4-HMAC-SHA256 ",
        f"Credential={CREDENTIAL.format(service)}",
        ", ",
        "SignedHeaders=host;x-amz-date",
        ", ",
        f"Signature={'0' * 64}",
    ]
    for _ in range(random_.randrange(3)):
        parts[random_.randrange(len(parts))] = text(random_)
    whole = "".join(parts)
    if random_.random() < 0.3:
        at = random_.randrange(len(whole) + 1)
        whole = whole[:at] + random_.choice(PIECES) + whole[at + random_.randrange(4) :]
    return whole


def query(random_: random.Random, service: str) -> str:
    right = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": CREDENTIAL.format(service),
        "X-Amz-Date": "20260101T000000Z",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0" * 64,
        "X-Amz-Expires": "60",
    }
    pairs = [*right.items()] if random_.random() < 0.7 else []
    for _ in range(random_.randrange(4)):
        pairs.insert(random_.randrange(len(pairs) + 1), (random_.choice(NAMES), text(random_)))
    if pairs and random_.random() < 0.3:
        pairs.pop(random_.randrange(len(pairs)))
    escape = quote if random_.random() < 0.8 else str
    return "&".join(f"{name}={escape(value)}" for name, value in pairs)


def request(random_: random.Random, service: str) -> WireRequest | None:
    """None for a query that is refused before."""
    by_query = random_.random() < 0.4
    raw = query(random_, service) if by_query else text(random_).replace(" ", "")
    headers = [("host", "localhost"), ("x-amz-date", "20260101T000000Z"), ("x-amz-content-sha256", "0" * 64)]
    if not by_query:
        headers.append(("authorization", header(random_, service)))
    for _ in range(random_.randrange(3)):
        headers.insert(random_.randrange(len(headers) + 1), (random_.choice(HEADERS), text(random_)))
    raw = raw.encode("latin-1", "replace").decode("latin-1")
    wire = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    try:
        values, lists = parse_query(raw)
    except ValueError:
        return None
    named = {name.decode(): value.decode("latin-1") for name, value in wire}
    made = WireRequest(random_.choice(["GET", "POST", "PUT"]), "/", values, named, query_lists=lists)
    made.raw_path, made.raw_query = "/" + text(random_).replace("?", ""), raw
    made.repeated = repeated_headers(wire)
    return made


def test_nothing_but_an_error_of_aws_comes_of_any_credentials() -> None:
    signers: Any = EveryKey()
    verifier = Verifier(signers, VirtualClock(1_767_225_600_000), accepts_unknown_keys=False)
    operations = [
        (load_service(service), load_service(service).operations[name], protocol)
        for service, name, protocol in OPERATIONS
    ]
    random_ = random.Random(20260101)
    codes: dict[str, int] = {}

    async def run() -> None:
        for _ in range(EXAMPLES):
            service, operation, protocol = random_.choice(operations)
            made = request(random_, service.signing_name)
            if made is None:
                continue
            try:
                verified = await verifier.verify(made, operation, protocol)
                code = "anonymous" if verified.caller.is_anonymous else "accepted"
            except AwsError as error:
                assert 400 <= error.status < 500
                code = error.code
            codes[code] = codes.get(code, 0) + 1

    asyncio.run(run())
    assert "accepted" not in codes  # nobody guesses a signature
    assert codes["SignatureDoesNotMatch"] > EXAMPLES / 100  # so far many of them come
    assert len(codes) > 8, codes
