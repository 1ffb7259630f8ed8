"""No value that the model allows, and few that it does not, end a call of KMS in anything but an error of AWS."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session

from bus_rig import rig
from kms_rig import Kms
from nightbus.aws.errors import AwsError
from nightbus.services.kms import HANDLERS

NAMES = [
    "alias/aws/s3",
    "alias/x",
    "alias/",
    "nonsense",
    "arn:aws:kms:eu-west-1:1:key/x",
    "arn:::",
    f"mrk-{'0' * 32}",
]
TEXTS = [
    "default",
    "{}",
    '{"Statement": {"Effect": "Allow", "Principal": 5, "Action": [], "Resource": 7}}',
    "eu-west-2",
]
SLOW = {"CreateKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GetParametersForImport"}


def made(shape: Any, name: str, random_of: random.Random, keys: list[str], blobs: list[bytes]) -> Any:
    def again(inner: Any, inner_name: str) -> Any:
        return made(inner, inner_name, random_of, keys, blobs)

    if getattr(shape, "enum", None):
        return random_of.choice(list(shape.enum))
    if name.endswith("KeyId"):
        return random_of.choice(keys + NAMES)
    makers: dict[str, Callable[[], Any]] = {
        "blob": lambda: random_of.choice(blobs),
        "string": lambda: random_of.choice([*TEXTS, "alias/x"]),
        "integer": lambda: random_of.choice([1, 7, 30, 90, 1000]),
        "boolean": lambda: random_of.random() < 0.5,
        "list": lambda: [again(shape.member, name)],
        "map": lambda: {random_of.choice("ab\ud800"): "v"},
        "timestamp": lambda: datetime.now(UTC),
        "structure": lambda: members(shape, again, random_of),
    }
    return makers[shape.type_name]()


def members(shape: Any, make: Callable[[Any, str], Any], random_of: random.Random) -> dict[str, Any]:
    required = shape.required_members
    return {
        name: make(one, name)
        for name, one in shape.members.items()
        if name in required or random_of.random() < 0.35
    }


async def test_nonsense_is_refused_by_aws_errors(tmp_path: Path) -> None:
    model, random_of = botocore.session.get_session().get_service_model("kms"), random.Random(13)
    async with rig(tmp_path) as opened:
        kms = Kms(opened)
        keys = [await kms.key(), await kms.key(MultiRegion=True), await kms.key(Origin="EXTERNAL")]
        for spec, usage in (("ECC_NIST_P256", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC")):
            keys.append(await kms.key(KeySpec=spec, KeyUsage=usage))
        blob = (await kms("Encrypt", KeyId=keys[0], Plaintext=b"x"))["CiphertextBlob"]
        blobs = [blob, blob[:-1], b"x", bytes(range(64)), b"\x01\x02" + bytes(98)]
        for operation in sorted(set(HANDLERS) - SLOW) * 20:
            shape = model.operation_model(operation).input_shape
            try:
                await opened(operation, "kms", **made(shape, "", random_of, keys, blobs))
            except AwsError as refused:
                assert refused.status < 500 or refused.status == 501, (operation, refused)
