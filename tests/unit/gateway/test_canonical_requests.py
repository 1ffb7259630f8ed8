"""Signatures of AWS's published examples: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
the test suite of signature version 4, and the pages of S3's API reference."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest

from nightbus.aws.errors import AwsError
from nightbus.gateway.chunked_bodies import ChunkedBody
from nightbus.gateway.signatures.canonical import (
    canonical_query,
    canonical_request,
    normalised,
    s3_path,
    service_path,
    string_to_sign,
)
from nightbus.gateway.signatures.payloads import (
    CHUNKED,
    CHUNKED_WITH_TRAILER,
    UNSIGNED,
    SignedPayload,
)
from nightbus.gateway.signatures.signing_keys import SigningKeys, sha256

SUITE_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
S3_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOTHING = hashlib.sha256().hexdigest()
FORM = "application/x-www-form-urlencoded"
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8Y"
    "UuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE"
    "8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2"
    "ICCR/oLxBA=="
)

# method, path, query, further headers, body, signature
SUITE = [
    ("GET", "/", "", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("GET", "/", "", {"my-header1": "value2,value2,value1"}, "",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    ("GET", "/", "", {"my-header1": "value4,value1,value3,value2"}, "",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
    ("GET", "/", "", {"my-header1": " value1", "my-header2": ' "a   b   c"'}, "",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    ("GET", f"/{UNRESERVED}", "", {}, "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    ("GET", "/\xe1\x88\xb4", "", {}, "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("GET", "/", "Param1=value1", {}, "", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
    ("GET", "/", "Param2=value2&Param1=value1", {}, "",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ("GET", "/", f"{UNRESERVED}={UNRESERVED}", {}, "",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
    ("GET", "/", "%E1%88%B4=bar", {}, "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ("GET", "/", "\xe1\x88\xb4=bar", {}, "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ("POST", "/", "", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("POST", "/", "", {"my-header1": "value1"}, "",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
    ("POST", "/", "", {"my-header1": "VALUE1"}, "",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
    ("POST", "/", "", {"x-amz-security-token": TOKEN}, "",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
    ("POST", "/", "Param1=value1", {}, "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    ("POST", "/", "%40%23%24%25%5E=&%2B=%2F%2C%3F%3E%3C%60%22%3B%3A%5C%7C%5D%5B%7B%7D", {}, "",
     "66c82657c86e26fb25238d0e69f011edc4c6df5ae71119d7cb98ed9b87393c1e"),
    ("POST", "/", "p=", {}, "", "e71688addb58a26418614085fb730ba3faa623b461c17f48f2fbdb9361b94a9b"),
    ("POST", "/", "", {"content-type": FORM}, "Param1=value1",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ("POST", "/", "", {"content-type": f"{FORM}; charset=utf8"}, "Param1=value1",
     "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "query", "further", "body", "expected"), SUITE)
def test_the_suite_of_version_four(
    method: str, path: str, query: str, further: dict[str, str], body: str, expected: str
) -> None:
    headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z", **further}
    payload = hashlib.sha256(body.encode()).hexdigest()
    canonical = canonical_request(
        method, service_path(path), canonical_query(query), headers, sorted(headers), payload
    )
    to_sign = string_to_sign("20150830T123600Z", "20150830/us-east-1/service/aws4_request", canonical)
    key = SigningKeys().key(SUITE_SECRET, "20150830", "us-east-1", "service")
    assert key.signature(to_sign) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("//", "/"),
        ("//example//", "/example/"),
        ("/example/..", "/"),
        ("/example1/example2/../..", "/"),
        ("/./", "/"),
        ("/./example", "/example"),
        ("", "/"),
        ("/2015-03-31/functions/", "/2015-03-31/functions/"),
        ("/../..", "/"),
    ],
)
def test_the_suite_of_normalised_paths(path: str, expected: str) -> None:
    assert normalised(path) == expected


def test_paths_are_encoded_twice_except_by_s3() -> None:
    assert service_path("/a%3Ab/c d") == "/a%253Ab/c%20d"
    assert s3_path("/a%3Ab//c(d)/../e%2fé") == "/a%3Ab//c%28d%29/../e/%E9"
    assert (
        canonical_query("b=2&a=3&a=1&c&&X-Amz-Signature=0&d=x+y", "X-Amz-Signature")
        == "a=1&a=3&b=2&c=&d=x%20y"
    )


def s3_signature(
    method: str, path: str, query: str, headers: dict[str, str], payload: str, signed: str = ""
) -> str:
    names = signed.split(";") if signed else sorted(headers)
    canonical = canonical_request(method, s3_path(path), canonical_query(query), headers, names, payload)
    to_sign = string_to_sign("20130524T000000Z", "20130524/us-east-1/s3/aws4_request", canonical)
    return SigningKeys().key(S3_SECRET, "20130524", "us-east-1", "s3").signature(to_sign)


def test_the_examples_of_s3() -> None:
    """sig-v4-header-based-auth and sigv4-query-string-auth"""
    common = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z"}
    hashed = {**common, "x-amz-content-sha256": NOTHING}
    assert (
        s3_signature("GET", "/test.txt", "", {**hashed, "range": "bytes=0-9"}, NOTHING)
        == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    data = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    put = {
        **common,
        "x-amz-content-sha256": data,
        "date": "Fri, 24 May 2013 00:00:00 GMT",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    assert (
        s3_signature("PUT", "/test%24file.text", "", put, data)
        == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )
    assert (
        s3_signature("GET", "/", "lifecycle", hashed, NOTHING)
        == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )
    assert (
        s3_signature("GET", "/", "max-keys=2&prefix=J", hashed, NOTHING)
        == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )
    link = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
    link += "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    assert (
        s3_signature("GET", "/test.txt", link, {"host": common["host"]}, UNSIGNED)
        == "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


CHUNK = (
    "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
    "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
    "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n",
)
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
SENT = CHUNK[0] + "a" * 65536 + "\r\n" + CHUNK[1] + "a" * 1024 + "\r\n" + CHUNK[2]


def payload(claimed: str, seed: str) -> SignedPayload:
    key = SigningKeys().key(S3_SECRET, "20130524", "us-east-1", "s3")
    return SignedPayload(claimed, key, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", seed)


async def decoded(sent: str, signed: SignedPayload) -> bytes:
    async def source() -> AsyncIterator[bytes]:
        for at in range(0, len(sent), 1000):
            yield sent[at : at + 1000].encode()

    return b"".join([part async for part in ChunkedBody(source(), signed.chunks)])


async def test_the_example_of_signed_chunks() -> None:
    """sigv4-streaming"""
    assert await decoded(SENT + "\r\n", payload(CHUNKED, SEED)) == b"a" * 66560


@pytest.mark.parametrize(
    "sent",
    [
        SENT.replace("aaaa\r\n400", "aaab\r\n400"),
        SENT.replace("ad80", "ad81"),
        SENT.replace("b6c6", "b6c7"),
        SENT.replace(";chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", ""),
        CHUNK[0] + "a" * 65536 + "\r\n" + CHUNK[2],
        SENT + "x-amz-checksum-crc32:AAAAAA==\r\n\r\n",
    ],
    ids=["data", "first signature", "last signature", "no signature", "chunk left out", "unsigned trailer"],
)
async def test_a_changed_chunk_is_refused(sent: str) -> None:
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        await decoded(sent, payload(CHUNKED, SEED))


async def test_trailers_have_a_bound() -> None:
    trailers = "".join(f"x-amz-meta-{number}:a\r\n" for number in range(1000))
    with pytest.raises(AwsError, match="IncompleteBody"):
        await decoded(f"0\r\n{trailers}\r\n", payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER", SEED))


async def test_the_trailer_is_signed() -> None:
    signed = payload(CHUNKED_WITH_TRAILER, SEED)
    chunks = signed.chunks
    assert chunks is not None
    digest = hashlib.sha256(b"x-amz-checksum-crc32c:sOO8/Q==\n").hexdigest()
    last = CHUNK[2].split("=")[1].strip()
    trailer = signed.key.signature(
        f"AWS4-HMAC-SHA256-TRAILER\n{signed.timestamp}\n{signed.scope}\n{last}\n{digest}"
    )
    sent = f"{SENT}x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:{trailer}\r\n\r\n"
    assert await decoded(sent, signed) == b"a" * 66560
    for changed in (
        sent.replace("sOO8", "sOO9"),
        sent.replace("x-amz-trailer-signature", "x-amz-other"),
        SENT,
    ):
        with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
            await decoded(changed, payload(CHUNKED_WITH_TRAILER, SEED))


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 10_000])
def test_hashes_in_pieces_are_those_of_the_whole(size: int) -> None:
    data = bytes(range(256)) * 40
    assert sha256(data[:size]) == hashlib.sha256(data[:size]).hexdigest()
    text = "\xe9" * size
    derived = hmac.digest(b"AWS4s", b"d", hashlib.sha256)
    for part in (b"r", b"s", b"aws4_request"):
        derived = hmac.digest(derived, part, hashlib.sha256)
    expected = hmac.digest(derived, text.encode("latin-1"), hashlib.sha256).hex()
    assert SigningKeys().key("s", "d", "r", "s").signature(text) == expected
