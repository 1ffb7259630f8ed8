"""Lists the key specs: what a key of each may be used for, and by which algorithms.

https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ENCRYPT, SIGN, MAC, AGREE = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"
ENCAPSULATE = "ENCAPSULATE_DECAPSULATE"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """`algorithms` of each usage; the first usage is the default where there is only one."""

    algorithms: Mapping[str, tuple[str, ...]]


_RSA_SIGNING = (
    "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
)  # fmt: skip
_RSA = KeySpec({ENCRYPT: ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"), SIGN: _RSA_SIGNING})


def _curve(algorithm: str) -> KeySpec:
    return KeySpec({SIGN: (algorithm,), AGREE: ("ECDH",)})


_ML_KEM = KeySpec({ENCAPSULATE: ("ML_KEM",)})  # ML_KEM_512 is not in `cryptography`
_ML_DSA = KeySpec({SIGN: ("ML_DSA_SHAKE_256",)})

SPECS: Mapping[str, KeySpec] = {
    "SYMMETRIC_DEFAULT": KeySpec({ENCRYPT: ("SYMMETRIC_DEFAULT",)}),
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
    "ECC_NIST_P256": _curve("ECDSA_SHA_256"),
    "ECC_NIST_P384": _curve("ECDSA_SHA_384"),
    "ECC_NIST_P521": _curve("ECDSA_SHA_512"),
    "ECC_SECG_P256K1": KeySpec({SIGN: ("ECDSA_SHA_256",)}),
    "ECC_NIST_EDWARDS25519": KeySpec({SIGN: ("ED25519_SHA_512", "ED25519_PH_SHA_512")}),
    "ML_DSA_44": _ML_DSA,
    "ML_DSA_65": _ML_DSA,
    "ML_DSA_87": _ML_DSA,
    "ML_KEM_768": _ML_KEM,
    "ML_KEM_1024": _ML_KEM,
    "HMAC_224": KeySpec({MAC: ("HMAC_SHA_224",)}),
    "HMAC_256": KeySpec({MAC: ("HMAC_SHA_256",)}),
    "HMAC_384": KeySpec({MAC: ("HMAC_SHA_384",)}),
    "HMAC_512": KeySpec({MAC: ("HMAC_SHA_512",)}),
}
# The member of KeyMetadata and of GetPublicKey that lists the algorithms of a usage.
ALGORITHMS_OF_USAGE: Mapping[str, str] = {
    ENCRYPT: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
    ENCAPSULATE: "EncapsulationAlgorithms",
}


def is_asymmetric(spec: str) -> bool:
    return not spec.startswith(("SYMMETRIC", "HMAC"))


def algorithms_of(spec: str, usage: str) -> tuple[str, ...]:
    return SPECS[spec].algorithms.get(usage, ())
