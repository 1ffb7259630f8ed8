"""Signs notifications with an RSA key, and serves the certificate that verifies them.

The key is made at its first need and kept with the data. Making it and signing are done in threads, where they hold
up nobody: the library lets go of the interpreter's lock meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nightbus.messaging.notification import Signature
from nightbus.store.interface import SYSTEM, Conflict, PutRecord, Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_KIND, _KEY = "sns/signing", "key"
_BITS = 2048
_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280: no well-defined expiration
_MADE = datetime(2020, 1, 1, tzinfo=UTC)


class Signer:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._loading = asyncio.Lock()
        self._key: RSAPrivateKey | None = None
        self._certificate = b""

    async def sign(self, text: str, version: str) -> Signature:
        """`version` is the topic's SignatureVersion, 1 where it has none."""
        key = self._key or await self._load()
        value = await asyncio.to_thread(_signature, key, text.encode(), version)
        return Signature(version or "1", base64.b64encode(value).decode())

    async def certificate(self) -> bytes:
        """PEM."""
        if self._key is None:
            await self._load()
        return self._certificate

    async def _load(self) -> RSAPrivateKey:
        async with self._loading:
            while self._key is None:
                record = await self._store.get(SYSTEM, _KIND, _KEY)
                if record is None:
                    await self._make()
                    continue
                self._certificate = record.value["certificate"].encode()
                self._key = await asyncio.to_thread(_read, record.value["key"].encode())
        return self._key

    async def _make(self) -> None:
        key, certificate = await asyncio.to_thread(_new_pair)
        value = {"key": key.decode(), "certificate": certificate.decode()}
        try:
            await self._store.commit(PutRecord(SYSTEM, _KIND, _KEY, value, expect=0))
        except Conflict:
            return  # another one was first


# The library is imported where it is used: it is not needed before something is signed.


def _signature(key: RSAPrivateKey, data: bytes, version: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    return key.sign(data, PKCS1v15(), SHA256() if version == "2" else SHA1())  # noqa: S303 - as AWS's version 1


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
