"""Digests of a trail form a chain, one for each hour, which begins anew when logging does."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from nightbus.aws.calls import Call, Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.services.cloudtrail.digests import begun_anew, deliver_digests, text_to_sign
from nightbus.services.cloudtrail.signing_keys import list_public_keys, signing_key
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

SCOPE = Scope("123456789012", "eu-west-1")
FILE = {
    "key": "log",
    "bucket": "b",
    "hash": "0",
    "newest": "2026-01-01T00:00:02Z",
    "oldest": "2026-01-01T00:00:01Z",
}


@dataclass
class Bucket:
    """Stands for S3: it keeps what is put, or refuses it."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: bool = False

    async def call(self, service: str, operation: str, params: dict[str, Any], call: Call) -> dict[str, Any]:
        if self.refuses:
            raise AwsError("AccessDenied", "Access Denied", 403)
        self.objects[params["Key"]] = params
        return {}

    def texts(self) -> list[dict[str, Any]]:
        return [json.loads(gzip.decompress(one["Body"])) for one in self.objects.values()]


@dataclass
class Rig:
    clock: VirtualClock
    bucket: Bucket
    platform: Any
    value: dict[str, Any]

    async def deliver(self, *, ends: bool = False) -> None:
        regions = [SCOPE.region]
        self.value |= await deliver_digests(self.platform, SCOPE, self.value, regions, ends=ends)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock, bucket = VirtualClock(), Bucket()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    platform = SimpleNamespace(store=store, clock=clock, vault=Vault(), operations=bucket, endpoint="")
    value: dict[str, Any] = {"name": "t", "bucket": "b", "prefix": "", "validation": True, "kms": ""}
    yield Rig(clock, bucket, platform, value | begun_anew(value, clock.now_ms()))
    await store.close()


async def test_a_digest_an_hour_names_the_one_before(rig: Rig) -> None:
    rig.value["files"] = {SCOPE.region: [FILE]}
    await rig.clock.advance(3599)
    await rig.deliver()
    assert rig.bucket.objects == {}
    await rig.clock.advance(1)
    await rig.deliver()
    await rig.clock.advance(3600)
    await rig.deliver()
    first, second = rig.bucket.texts()
    assert [one["s3Object"] for one in first["logFiles"]] == ["log"]
    assert (first["oldestEventTime"], second["logFiles"]) == (FILE["oldest"], [])
    assert first["previousDigestSignature"] is None
    assert second["previousDigestS3Object"] == first["digestS3Object"]
    assert second["digestStartTime"] == first["digestEndTime"]
    metadata = rig.bucket.objects[first["digestS3Object"]]["Metadata"]
    assert second["previousDigestSignature"] == metadata["signature"]
    body = gzip.decompress(rig.bucket.objects[first["digestS3Object"]]["Body"])
    assert second["previousDigestHashValue"] == hashlib.sha256(body).hexdigest()


async def test_the_chain_goes_on_when_the_clock_is_set_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.clock.advance(3600)
    await rig.deliver()
    now_ms, back = rig.clock.now_ms, 5 * 3_600_000
    monkeypatch.setattr(rig.clock, "now_ms", lambda: now_ms() - back)
    rig.value["files"] = {SCOPE.region: [FILE]}
    await rig.deliver()
    await rig.clock.advance(3599)
    await rig.deliver()
    assert len(rig.bucket.objects) == 2
    await rig.clock.advance(1)
    await rig.deliver()
    first, second, third = rig.bucket.texts()
    assert [one["s3Object"] for one in second["logFiles"]] == ["log"]
    for before, after in ((first, second), (second, third)):
        assert after["previousDigestS3Object"] == before["digestS3Object"] != after["digestS3Object"]
        assert after["digestStartTime"] == before["digestEndTime"] < after["digestEndTime"]


async def test_a_signature_is_that_of_the_listed_key(rig: Rig) -> None:
    await rig.deliver(ends=True)
    ((key, put),) = rig.bucket.objects.items()
    (text,) = rig.bucket.texts()
    ctx: Any = SimpleNamespace(store=rig.platform.store, now_ms=rig.clock.now_ms)
    (public,) = (await list_public_keys(ctx))["PublicKeyList"]
    assert text["digestPublicKeyFingerprint"] == public["Fingerprint"]
    lines = base64.encodebytes(public["Value"]).decode()
    pem = f"-----BEGIN RSA PUBLIC KEY-----\n{lines}-----END RSA PUBLIC KEY-----\n"
    loaded = load_pem_public_key(pem.encode())
    assert isinstance(loaded, rsa.RSAPublicKey)
    signature = bytes.fromhex(put["Metadata"]["signature"])
    loaded.verify(signature, text_to_sign(text), padding.PKCS1v15(), SHA256())
    assert text["digestS3Object"] == key


async def test_what_a_bucket_refuses_waits_for_the_next_time(rig: Rig) -> None:
    rig.value["files"] = {SCOPE.region: [FILE]}
    rig.bucket.refuses = True
    await rig.deliver(ends=True)
    assert (rig.value["digest_error"], rig.value["files"]) == ("AccessDenied", {SCOPE.region: [FILE]})
    rig.bucket.refuses = False
    await rig.deliver(ends=True)
    assert (rig.value["digest_error"], rig.value["files"]) == ("", {})


async def test_a_chain_that_begins_anew_has_other_names(rig: Rig) -> None:
    await rig.deliver(ends=True)
    rig.value |= begun_anew(rig.value, rig.clock.now_ms())
    await rig.deliver(ends=True)
    first, second = rig.bucket.texts()
    assert first["digestS3Object"] != second["digestS3Object"]
    assert second["previousDigestS3Object"] is None


async def test_without_the_vaults_key_another_one_signs(rig: Rig) -> None:
    before = await signing_key(rig.platform)
    assert await signing_key(rig.platform) == before
    rig.platform.vault = Vault()
    assert (await signing_key(rig.platform)).fingerprint != before.fingerprint
