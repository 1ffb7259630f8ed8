"""Environment variables of functions lie in the store sealed, in each version, and open for invocations and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambda_rig import SCOPE, Rig, rig
from nightbus.aws.errors import AwsError
from nightbus.services.lambda_.records import FUNCTION, VERSION, as_version
from nightbus.services.lambda_.settings.environment_variables import opened
from nightbus.store.interface import PutRecord
from nightbus.store.vault import Vault

SECRET = {"TOKEN": "marked-secret"}


async def stored(aws: Rig) -> list[dict[str, Any]]:
    """The values of all records of the function, as the store has them."""
    kinds = [await aws.store.list(SCOPE, kind) for kind in (FUNCTION, VERSION)]
    return [record.value for records in kinds for record in records]


async def held(aws: Rig) -> Any:
    """The newest version's Environment, as the store has it."""
    return (await stored(aws))[0]["latest"]["config"].get("Environment")


def shown(reply: Any) -> Any:
    return reply["Environment"]


async def test_each_version_is_sealed_and_answers_show_what_was_set(tmp_path: Path) -> None:
    async with rig(tmp_path) as aws:
        made = await aws.create(Environment={"Variables": SECRET}, Publish=True)
        await aws("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=9)
        await aws(
            "lambda",
            "UpdateFunctionConfiguration",
            FunctionName="worker",
            Environment={"Variables": {"AB": "1"}},
        )
        await aws("lambda", "PublishVersion", FunctionName="worker")
        assert "marked-secret" not in json.dumps(await stored(aws))
        assert not any(
            b"marked-secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
        )
        versions = (await aws("lambda", "ListVersionsByFunction", FunctionName="worker"))["Versions"]
        functions = (await aws("lambda", "ListFunctions", FunctionVersion="ALL"))["Functions"]
        expected = [{"Variables": one} for one in ({"AB": "1"}, SECRET, {"AB": "1"})]
        assert [shown(one) for one in versions] == [shown(one) for one in functions] == expected
        assert shown(made) == {"Variables": SECRET}
        read = await aws("lambda", "GetFunction", FunctionName="worker", Qualifier="1")
        assert shown(read["Configuration"]) == {"Variables": SECRET}


async def test_the_same_variables_again_are_no_new_version(tmp_path: Path) -> None:
    async with rig(tmp_path) as aws:
        await aws.create(Environment={"Variables": SECRET}, Publish=True)
        before = await held(aws)
        await aws(
            "lambda", "UpdateFunctionConfiguration", FunctionName="worker", Environment={"Variables": SECRET}
        )
        assert before != await held(aws)
        assert (await aws("lambda", "PublishVersion", FunctionName="worker"))["Version"] == "1"


async def test_variables_follow_the_key_that_the_function_names(tmp_path: Path) -> None:
    async with rig(tmp_path) as aws:
        key, other = [await _new_key(aws) for _ in range(2)]
        await aws.create(Environment={"Variables": SECRET}, KMSKeyArn=key)
        forms = [set(await held(aws))]
        for named in (other, "", key):
            reply = await aws("lambda", "UpdateFunctionConfiguration", FunctionName="worker", KMSKeyArn=named)
            assert shown(reply) == {"Variables": SECRET}
            forms.append(set(await held(aws)))
        assert forms == [{"Encrypted"}, {"Encrypted"}, {"Sealed"}, {"Encrypted"}]
        record = await aws.store.get(SCOPE, FUNCTION, "worker")
        assert record is not None
        config = as_version(record.value["latest"])["config"]
        with pytest.raises(AwsError) as refused:  # another function's variables, put into this one's record
            await opened(aws.platform, config | {"FunctionArn": config["FunctionArn"] + "x"})
        assert refused.value.code == "KMSAccessDeniedException"
        with pytest.raises(AwsError) as refused:
            await opened(aws.platform, config | {"KMSKeyArn": other})
        assert refused.value.code == "KMSAccessDeniedException"


async def _new_key(aws: Rig) -> str:
    from nightbus.keys.directory import new_key_records, new_key_value
    from nightbus.keys.records import default_policy

    number = f"{len(await aws.store.list(SCOPE, 'kms/key')):012d}"
    key_id = f"11111111-1111-4111-8111-{number}"
    version = await aws.platform.keys.new_material(bytes(31) + number[-1].encode())
    policy = json.dumps(default_policy(SCOPE.account, SCOPE.region))
    value = new_key_value(manager="CUSTOMER", description="", policy=policy, created=1)
    await aws.store.commit(*new_key_records(SCOPE, key_id, value, version))
    return f"arn:aws:kms:{SCOPE.region}:{SCOPE.account}:key/{key_id}"


async def test_without_the_vaults_key_a_function_is_refused_until_it_is_given_new_variables(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as aws:
        await aws.create(Environment={"Variables": SECRET})
        record = await aws.store.get(SCOPE, FUNCTION, "worker")
        assert record is not None
        record.value["latest"]["config"]["Environment"] = {"Sealed": Vault().seal(b"{}")}
        await aws.store.commit(PutRecord(SCOPE, FUNCTION, "worker", record.value))
        lost = shown(await aws("lambda", "GetFunctionConfiguration", FunctionName="worker"))
        assert lost["Error"]["ErrorCode"] == "KMSAccessDeniedException"
        with pytest.raises(AwsError) as refused:
            await aws("lambda", "Invoke", FunctionName="worker")
        assert (refused.value.code, refused.value.status) == ("KMSAccessDeniedException", 502)
        again = await aws(
            "lambda", "UpdateFunctionConfiguration", FunctionName="worker", Environment={"Variables": SECRET}
        )
        assert shown(again) == {"Variables": SECRET}
        await aws("lambda", "Invoke", FunctionName="worker")


async def test_variables_of_an_older_release_are_read(tmp_path: Path) -> None:
    async with rig(tmp_path) as aws:
        await aws.create()
        record = await aws.store.get(SCOPE, FUNCTION, "worker")
        assert record is not None
        record.value["latest"]["config"]["Environment"] = {"Variables": SECRET}
        await aws.store.commit(PutRecord(SCOPE, FUNCTION, "worker", record.value))
        assert shown(await aws("lambda", "GetFunctionConfiguration", FunctionName="worker")) == {
            "Variables": SECRET
        }
