"""KMS's asymmetric and HMAC keys: every algorithm does what it says, and refuses what was altered."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bus_rig import rig
from kms_rig import Kms
from nightbus.keys import asymmetric
from nightbus.keys.specs import SIGN, algorithms_of

SIGNING = ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519",
           "ML_DSA_44", "ML_DSA_87"]  # fmt: skip


@pytest.fixture
async def kms(tmp_path: Path) -> AsyncIterator[Kms]:
    async with rig(tmp_path) as made:
        yield Kms(made)


@pytest.mark.parametrize("spec", SIGNING)
async def test_signatures(kms: Kms, spec: str) -> None:
    key = await kms.key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
    public = (await kms("GetPublicKey", KeyId=key))["PublicKey"]
    for algorithm in algorithms_of(spec, SIGN):
        if algorithm == "ED25519_PH_SHA_512":
            continue
        request: dict[str, Any] = {"KeyId": key, "SigningAlgorithm": algorithm}
        signature = (await kms("Sign", Message=b"order", **request))["Signature"]
        assert asymmetric.is_valid(public, algorithm, b"order", "RAW", signature)
        assert (await kms("Verify", Message=b"order", Signature=signature, **request))["SignatureValid"]
        refusal = await kms.refused("Verify", Message=b"other", Signature=signature, **request)
        assert refusal[0] == "KMSInvalidSignatureException"
        if not algorithm.startswith(("ED25519", "ML_DSA")):
            digest = hashlib.new(f"sha{algorithm[-3:]}", b"order").digest()
            by_digest: dict[str, Any] = {"Message": digest, "MessageType": "DIGEST", **request}
            assert (await kms("Verify", Signature=signature, **by_digest))["SignatureValid"]
            await kms("Sign", **by_digest)
            wrong = await kms.refused("Sign", Message=b"short", MessageType="DIGEST", **request)
            assert wrong == ("ValidationException", f"Digest is invalid length for algorithm {algorithm}.")


async def test_what_a_key_is_not_for(kms: Kms) -> None:
    symmetric, curve = await kms.key(), await kms.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    assert await kms.refused("Encrypt", KeyId=curve, Plaintext=b"x") == (
        "InvalidKeyUsageException",
        f"{curve} key usage is SIGN_VERIFY which is not valid for Encrypt.",
    )
    request: dict[str, Any] = {"KeyId": curve, "Message": b"x", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    assert await kms.refused("Sign", **request) == (
        "InvalidKeyUsageException",
        "Algorithm RSASSA_PSS_SHA_256 is incompatible with key spec ECC_NIST_P256.",
    )
    assert (await kms.refused("GetPublicKey", KeyId=symmetric))[0] == "UnsupportedOperationException"
    assert (await kms.refused("EnableKeyRotation", KeyId=curve))[0] == "UnsupportedOperationException"
    assert (await kms.refused("CreateKey", KeySpec="RSA_2048"))[0] == "ValidationException"
    assert (await kms.refused("CreateKey", KeySpec="ECC_NIST_P256", KeyUsage="ENCRYPT_DECRYPT"))[0] == (
        "ValidationException"
    )
    assert (await kms.refused("CreateKey", KeySpec="SM2", KeyUsage="SIGN_VERIFY"))[
        0
    ] == "NotImplementedException"


@pytest.mark.parametrize("size", ["224", "256", "384", "512"])
async def test_macs(kms: Kms, size: str) -> None:
    request: dict[str, Any] = {
        "KeyId": await kms.key(KeySpec=f"HMAC_{size}", KeyUsage="GENERATE_VERIFY_MAC"),
        "MacAlgorithm": f"HMAC_SHA_{size}",
    }
    mac = (await kms("GenerateMac", Message=b"order", **request))["Mac"]
    assert (await kms("VerifyMac", Message=b"order", Mac=mac, **request))["MacValid"]
    assert (await kms.refused("VerifyMac", Message=b"other", Mac=mac, **request))[
        0
    ] == "KMSInvalidMacException"


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
async def test_rsa_encrypts(kms: Kms, algorithm: str) -> None:
    key = await kms.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    request: dict[str, Any] = {"KeyId": key, "EncryptionAlgorithm": algorithm}
    blob = (await kms("Encrypt", Plaintext=b"secret", **request))["CiphertextBlob"]
    assert (await kms("Decrypt", CiphertextBlob=blob, **request))["Plaintext"] == b"secret"
    broken = bytes([blob[0] ^ 1]) + blob[1:]
    assert (await kms.refused("Decrypt", CiphertextBlob=broken, **request))[0] == "InvalidCiphertextException"
    assert (await kms.refused("Encrypt", Plaintext=b"x" * 300, **request))[0] == "ValidationException"


async def test_shared_secrets(kms: Kms) -> None:
    mine = await kms.key(KeySpec="ECC_NIST_P384", KeyUsage="KEY_AGREEMENT")
    theirs = await kms.key(KeySpec="ECC_NIST_P384", KeyUsage="KEY_AGREEMENT")
    secrets = []
    for one, other in ((mine, theirs), (theirs, mine)):
        public = (await kms("GetPublicKey", KeyId=other))["PublicKey"]
        reply = await kms("DeriveSharedSecret", KeyId=one, PublicKey=public, KeyAgreementAlgorithm="ECDH")
        secrets.append(reply["SharedSecret"])
    assert secrets[0] == secrets[1]
    curve = asymmetric.generate("ECC_NIST_P256").public
    request: dict[str, Any] = {"KeyId": mine, "PublicKey": curve, "KeyAgreementAlgorithm": "ECDH"}
    assert (await kms.refused("DeriveSharedSecret", **request))[0] == "ValidationException"


async def test_encapsulated_secrets(kms: Kms) -> None:
    key = await kms.key(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")
    request: dict[str, Any] = {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
    made = await kms("Encapsulate", **request)
    opened = await kms(
        "Decapsulate", SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"], **request
    )
    assert opened["SharedSecret"] == made["SharedSecret"]


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519"])
async def test_data_key_pairs(kms: Kms, spec: str) -> None:
    request: dict[str, Any] = {
        "KeyId": await kms.key(),
        "KeyPairSpec": spec,
        "EncryptionContext": {"of": "test"},
    }
    pair = await kms("GenerateDataKeyPair", **request)
    blob = pair["PrivateKeyCiphertextBlob"]
    opened = await kms("Decrypt", CiphertextBlob=blob, EncryptionContext={"of": "test"})
    assert opened["Plaintext"] == pair["PrivateKeyPlaintext"]
    assert asymmetric.written(asymmetric.load_private(opened["Plaintext"])).public == pair["PublicKey"]
    assert "PrivateKeyPlaintext" not in await kms("GenerateDataKeyPairWithoutPlaintext", **request)
