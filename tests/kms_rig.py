"""Calls KMS over a real store in virtual time, from any account and Region."""

from __future__ import annotations

from typing import Any

import pytest

from bus_rig import ENDPOINT, SCOPE, Rig
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError

OTHER = "210987654321"


class Kms:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def __call__(
        self, operation: str, /, caller: Caller | None = None, region: str = SCOPE.region, **params: Any
    ) -> dict[str, Any]:
        who = caller or Caller.root(SCOPE.account)
        call = Call(Scope(who.account, region), who, ENDPOINT)
        return await self.rig.operations.call("kms", operation, params, call)

    async def key(self, **params: Any) -> str:
        metadata: dict[str, Any] = (await self("CreateKey", **params))["KeyMetadata"]
        return str(metadata["Arn"])

    async def state(self, key: str, region: str = SCOPE.region) -> str:
        reply = await self("DescribeKey", region=region, KeyId=key)
        return str(reply["KeyMetadata"]["KeyState"])

    async def refused(self, operation: str, /, **params: Any) -> tuple[str, str]:
        with pytest.raises(AwsError) as refusal:
            await self(operation, **params)
        return refusal.value.code, refusal.value.message


def user(account: str = OTHER, name: str = "ann") -> Caller:
    return Caller(account, f"arn:aws:iam::{account}:user/{name}", "AIDA")
