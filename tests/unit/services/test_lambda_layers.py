"""Layers over a real store, and the limit that they share with a function's code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from blob_files import read_blob
from lambda_rig import Rig, code, layer, rig
from nightbus.aws.errors import AwsError

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"


@pytest.fixture
async def aws(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def test_layers_outlive_their_deletion_in_the_functions_that_use_them(aws: Rig) -> None:
    published = await aws(
        "lambda",
        "PublishLayerVersion",
        LayerName="shared",
        Content={"ZipFile": layer()},
        CompatibleRuntimes=["python3.12"],
    )
    arn = published["LayerVersionArn"]
    assert (published["Version"], arn) == (1, f"{published['LayerArn']}:1")
    made = await aws.create(Layers=[arn])
    assert made["Layers"] == [{"Arn": arn, "CodeSize": len(layer())}]
    assert (await aws("lambda", "GetLayerVersionByArn", Arn=arn))["Content"]["CodeSize"] == len(layer())
    listed = await aws("lambda", "ListLayers", CompatibleRuntime="python3.12")
    assert [one["LatestMatchingVersion"]["Version"] for one in listed["Layers"]] == [1]
    assert (await aws("lambda", "ListLayers", CompatibleRuntime="python3.11"))["Layers"] == []
    await aws("lambda", "DeleteLayerVersion", LayerName="shared", VersionNumber=1)
    with pytest.raises(AwsError, match="The resource you requested does not exist"):
        await aws("lambda", "GetLayerVersion", LayerName="shared", VersionNumber=1)
    await aws("lambda", "Invoke", FunctionName="worker")
    (digest,) = aws.runner.invocations[0].spec.layers
    assert await read_blob(aws.store, digest) == layer()
    second = await aws("lambda", "PublishLayerVersion", LayerName="shared", Content={"ZipFile": layer()})
    assert second["Version"] == 2
    both = await aws("lambda", "PublishLayerVersion", LayerName="shared", Content={"ZipFile": layer()})
    versions = (await aws("lambda", "ListLayerVersions", LayerName="shared"))["LayerVersions"]
    assert [one["Version"] for one in versions] == [3, 2]
    with pytest.raises(AwsError, match="Two different versions of the same layer"):
        await aws.create("other", Layers=[second["LayerVersionArn"], both["LayerVersionArn"]])


async def test_code_and_layers_share_one_limit(aws: Rig) -> None:
    half = code("#" * 140_000_000)
    published = await aws("lambda", "PublishLayerVersion", LayerName="large", Content={"ZipFile": half})
    with pytest.raises(AwsError, match="exceeds the maximum allowed size of 262144000 bytes") as caught:
        await aws.create(Code={"ZipFile": half}, Layers=[published["LayerVersionArn"]])
    assert "The actual size is 280000000 bytes." in caught.value.message
    await aws.create(Code={"ZipFile": half})
    with pytest.raises(AwsError, match="exceeds the maximum allowed size"):
        await aws(
            "lambda",
            "UpdateFunctionConfiguration",
            FunctionName="worker",
            Layers=[published["LayerVersionArn"]],
        )
