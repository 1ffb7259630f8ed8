"""Makes keys of every spec, and signs, encrypts and agrees by private keys in PKCS #8. Pure; for a thread, since the
making of an RSA key takes up to a second and its use milliseconds."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

SYMMETRIC_BYTES = {
    "SYMMETRIC_DEFAULT": 32,
    "HMAC_224": 28,
    "HMAC_256": 32,
    "HMAC_384": 48,
    "HMAC_512": 64,
}


class Generated(NamedTuple):
    secret: bytes  # random bytes, or a private key in PKCS #8
    public: bytes | None  # SubjectPublicKeyInfo, None for a symmetric key


class Refused(Exception):
    """The ciphertext, signature or public key is not one for this key."""


def generate(spec: str) -> Generated:
    size = SYMMETRIC_BYTES.get(spec)
    if size is not None:
        return Generated(secrets.token_bytes(size), None)
    return written(_generated(spec))


def _generated(spec: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if spec.startswith("RSA_"):
        return rsa.generate_private_key(65537, int(spec.removeprefix("RSA_")))
    if spec.startswith("ML_DSA_"):
        from cryptography.hazmat.primitives.asymmetric import mldsa

        return getattr(mldsa, f"MLDSA{spec.removeprefix('ML_DSA_')}PrivateKey").generate()
    if spec.startswith("ML_KEM_"):
        from cryptography.hazmat.primitives.asymmetric import mlkem

        return getattr(mlkem, f"MLKEM{spec.removeprefix('ML_KEM_')}PrivateKey").generate()
    if spec == "ECC_NIST_EDWARDS25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(curve_of(spec))


def curve_of(spec: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    curves: dict[str, Any] = {
        "ECC_NIST_P256": ec.SECP256R1,
        "ECC_NIST_P384": ec.SECP384R1,
        "ECC_NIST_P521": ec.SECP521R1,
        "ECC_SECG_P256K1": ec.SECP256K1,
    }
    return curves[spec]()


def written(private: Any) -> Generated:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Generated(
        secret, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


def load_private(secret: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    return load_der_private_key(secret, None, unsafe_skip_rsa_key_validation=True)


def load_public(public: bytes) -> Any:
    """Raises Refused."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return load_der_public_key(public)
    except (ValueError, UnsupportedAlgorithm) as unreadable:
        raise Refused from unreadable


def encrypt(public: bytes, algorithm: str, plaintext: bytes) -> bytes:
    """Raises Refused where the plaintext is too long."""
    try:
        encrypted: bytes = load_public(public).encrypt(plaintext, _oaep(algorithm))
    except ValueError as too_long:
        raise Refused from too_long
    return encrypted


def decrypt(secret: bytes, algorithm: str, ciphertext: bytes) -> bytes:
    """Raises Refused."""
    try:
        plaintext: bytes = load_private(secret).decrypt(ciphertext, _oaep(algorithm))
    except ValueError as wrong:
        raise Refused from wrong
    return plaintext


def _oaep(algorithm: str) -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    # SHA-1 is what the algorithm RSAES_OAEP_SHA_1 says; OAEP does not depend on its collision resistance.
    chosen: Any = hashes.SHA1() if algorithm == "RSAES_OAEP_SHA_1" else hashes.SHA256()  # noqa: S303
    return padding.OAEP(padding.MGF1(chosen), chosen, None)


def sign(secret: bytes, algorithm: str, message: bytes, message_type: str) -> bytes:
    private = load_private(secret)
    if algorithm.startswith("ML_DSA"):
        signature: bytes = (
            private.sign_mu(message) if message_type == "EXTERNAL_MU" else private.sign(message)
        )
    else:
        signature = private.sign(message, *_signing(algorithm, message_type))
    return signature


def is_valid(public: bytes, algorithm: str, message: bytes, message_type: str, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    key = load_public(public)
    try:
        if not algorithm.startswith("ML_DSA"):
            key.verify(signature, message, *_signing(algorithm, message_type))
        elif message_type == "EXTERNAL_MU":
            key.verify_mu(signature, message)
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _signing(algorithm: str, message_type: str) -> tuple[Any, ...]:
    """Return the further arguments of `sign` and `verify`."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    if algorithm == "ED25519_SHA_512":
        return ()
    digest: Any = getattr(hashes, f"SHA{algorithm[-3:]}")()
    hashed = utils.Prehashed(digest) if message_type == "DIGEST" else digest
    if algorithm.startswith("ECDSA"):
        return (ec.ECDSA(hashed),)
    if algorithm.startswith("RSASSA_PSS"):
        return padding.PSS(padding.MGF1(digest), digest.digest_size), hashed
    return padding.PKCS1v15(), hashed


def digest_bytes(algorithm: str) -> int:
    """Return how long the digest is that an algorithm signs."""
    return int(algorithm[-3:]) // 8


def agree(secret: bytes, public: bytes) -> bytes:
    """Return the shared secret of ECDH. Raises Refused for a public key of another curve."""
    from cryptography.hazmat.primitives.asymmetric import ec

    private, peer = load_private(secret), load_public(public)
    if not isinstance(peer, ec.EllipticCurvePublicKey) or peer.curve.name != private.curve.name:
        raise Refused
    shared: bytes = private.exchange(ec.ECDH(), peer)
    return shared


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """Return a new shared secret, and the ciphertext by which the owner of the private key finds it."""
    shared, ciphertext = load_public(public).encapsulate()
    return shared, ciphertext


def decapsulate(secret: bytes, ciphertext: bytes) -> bytes:
    """Raises Refused for a ciphertext of another size."""
    try:
        shared: bytes = load_private(secret).decapsulate(ciphertext)
    except ValueError as wrong:
        raise Refused from wrong
    return shared
