"""Unwraps key material that a client wants to import, and checks that it is what its key spec says. Pure."""

from __future__ import annotations

from typing import Any

from nightbus.keys import asymmetric
from nightbus.keys.asymmetric import Generated, Refused

_BITS_PER_BYTE = 8


def unwrap(private: bytes, algorithm: str, wrapped: bytes) -> bytes:
    """Return the material that was wrapped by `RSAES_OAEP_…` or `RSA_AES_KEY_WRAP_…`. Raises Refused."""
    if algorithm.startswith("RSAES_OAEP"):
        return asymmetric.decrypt(private, algorithm, wrapped)
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

    size = asymmetric.load_private(private).key_size // _BITS_PER_BYTE
    padding = algorithm.replace("RSA_AES_KEY_WRAP", "RSAES_OAEP")
    key = asymmetric.decrypt(private, padding, wrapped[:size])
    try:
        return aes_key_unwrap_with_padding(key, wrapped[size:])
    except (InvalidUnwrap, ValueError) as wrong:
        raise Refused from wrong


def checked(spec: str, secret: bytes) -> Generated:
    """Return the material in the form in which it is kept, with the public key of a private one. Raises Refused."""
    size = asymmetric.SYMMETRIC_BYTES.get(spec)
    if size is not None:
        if len(secret) != size:
            raise Refused
        return Generated(secret, None)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        private = load_der_private_key(secret, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as unreadable:
        raise Refused from unreadable
    if not _is_of(spec, private):
        raise Refused
    return asymmetric.written(private)


def _is_of(spec: str, private: Any) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if spec.startswith("RSA_"):
        return isinstance(private, rsa.RSAPrivateKey) and private.key_size == int(spec.removeprefix("RSA_"))
    if spec == "ECC_NIST_EDWARDS25519":
        return isinstance(private, ed25519.Ed25519PrivateKey)
    if spec.startswith("ECC_"):
        curve = asymmetric.curve_of(spec)
        return isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name == curve.name
    return type(private).__name__.startswith(spec.replace("_", ""))
