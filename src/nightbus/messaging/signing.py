"""Signs notifications with an RSA key, and serves the certificate that verifies them.

The key is made at its first need and kept with the data. Making it and signing are done in threads, where they hold
up nobody: the library lets go of the interpreter's lock meanwhile.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from nightbus.bounded import Bounded
from nightbus.messaging.notification import Signature, signed_body, signed_text
from nightbus.messaging.receive_attempts import Received
from nightbus.store.interface import SYSTEM, Conflict, PutRecord, Store
from nightbus.store.vault import Vault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CERTIFICATE_PATH = "/SimpleNotificationService-"  # then 32 hex digits and .pem
_KIND, _KEY = "sns/signing", "key"
_BITS = 2048
LENGTH = 344 + len(CERTIFICATE_PATH) + 36  # bytes of a signature in base64, and of its certificate's path
_MOST_KNOWN = 2000  # signatures, of 0.5 KB each: a notification to many queues is signed once
_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280: no well-defined expiration
_MADE = datetime(2020, 1, 1, tzinfo=UTC)


class Signer:
    """`endpoint` is the node's base URL, below which the certificate is. `vault` seals the key."""

    def __init__(self, store: Store, endpoint: str, vault: Vault | None = None) -> None:
        self._store = store
        self._vault = vault or Vault()
        self._endpoint = endpoint
        self._loading = asyncio.Lock()
        self._key: RSAPrivateKey | None = None
        self._certificate = b""
        self._certificate_url = ""
        self._known: Bounded[tuple[str, str], str] = Bounded(_MOST_KNOWN)  # by message id and version
        self._noting = threading.Lock()

    def in_memory(self) -> dict[str, int]:
        return {"signatures": len(self._known)}

    async def sign(self, text: str, version: str) -> Signature:
        """`version` is the topic's SignatureVersion, 1 where it has none."""
        key = self._key or await self._load()
        value = await asyncio.to_thread(_signature, key, text.encode(), version)
        return Signature(version or "1", value, self._certificate_url)

    async def sign_received(self, received: list[Received]) -> list[Received]:
        """Return the messages with the bodies signed that their topics left to be signed."""
        bodies = [(one.message.body, one.message.signature_version) for one in received]
        if not any(version for _, version in bodies):
            return received
        key = self._key or await self._load()
        signed = await asyncio.to_thread(self._signed_bodies, key, bodies)
        return [
            one._replace(message=replace(one.message, body=body))
            for one, body in zip(received, signed, strict=True)
        ]

    def _signed_bodies(self, key: RSAPrivateKey, bodies: Sequence[tuple[str, str]]) -> list[str]:
        return [self._signed_body(key, body, version) if version else body for body, version in bodies]

    def _signed_body(self, key: RSAPrivateKey, body: str, version: str) -> str:
        message = orjson.loads(body)
        name = message["MessageId"], version
        value = self._known.get(name)
        if value is None:
            value = _signature(key, signed_text(message).encode(), version)
            with self._noting:
                self._known[name] = value
        return signed_body(body, Signature(version, value, self._certificate_url))

    async def certificate(self, path: str) -> bytes | None:
        """Return the certificate (PEM) that notifications name by this path; None if they name none by it."""
        if self._key is None:
            await self._load()
        return self._certificate if self._certificate_url == self._endpoint + path else None

    async def _load(self) -> RSAPrivateKey:
        async with self._loading:
            while self._key is None:
                record = await self._store.get(SYSTEM, _KIND, _KEY)
                if record is None:
                    await self._make()
                    continue
                self._certificate = record.value["certificate"].encode()
                name = hashlib.sha256(self._certificate).hexdigest()[:32]
                self._certificate_url = f"{self._endpoint}{CERTIFICATE_PATH}{name}.pem"
                self._key = await asyncio.to_thread(self._opened, record.value)
        return self._key

    def _opened(self, value: Mapping[str, str]) -> RSAPrivateKey:
        """Return the key; earlier releases did not seal it."""
        return _read(self._vault.open(value["sealed"]) if "sealed" in value else value["key"].encode())

    def _new(self) -> dict[str, str]:
        key, certificate = _new_pair()
        return {"sealed": self._vault.seal(key), "certificate": certificate.decode()}

    async def _make(self) -> None:
        value = await asyncio.to_thread(self._new)
        try:
            await self._store.commit(PutRecord(SYSTEM, _KIND, _KEY, value, expect=0))
        except Conflict:
            return  # another one was first


# The library is imported where it is used: it is not needed before something is signed.


def _signature(key: RSAPrivateKey, data: bytes, version: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    digest = SHA256() if version == "2" else SHA1()  # noqa: S303 - as AWS's version 1
    return base64.b64encode(key.sign(data, PKCS1v15(), digest)).decode()


def _read(pem: bytes) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the kept signing key is no RSA key")
    return key


def _new_pair() -> tuple[bytes, bytes]:
    """A private key and its self-signed certificate, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nightbus SNS")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_MADE)
        .not_valid_after(_NEVER)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, certificate.public_bytes(Encoding.PEM)
