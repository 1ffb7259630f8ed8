"""Tests that a zygote keeps the models of boto3's clients parsed, and that functions cannot tell but by their speed."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import pytest

from function_rig import Functions
from nightbus.functions import zygotes
from nightbus.functions.zygote.sdk_models import MOST_BYTES, SdkModels

LOADED = """
import botocore.loaders
files, load = [], botocore.loaders.JSONFileLoader.load_file

def load_file(self, path):
    data = load(self, path)
    if data is not None:
        files.append(path.rpartition("/botocore/data/")[2])
    return data

botocore.loaders.JSONFileLoader.load_file = load_file
"""
AT_IMPORT = f"""{LOADED}
import boto3
client = boto3.client("dynamodb")
def handler(event, context):
    return {{"files": files, "operations": len(client.meta.service_model.operation_names)}}
"""
IN_HANDLER = f"""{LOADED}
import boto3
def handler(event, context):
    boto3.client("sqs")
    return {{"files": files}}
"""
TWO_SESSIONS = """
import boto3
def handler(event, context):
    loaders = [boto3.session.Session()._session.get_component("data_loader") for _ in range(3)]
    models = [loader.load_service_model("sns", "service-2", api_version=None) for loader in loaders]
    return [len(models[0]["operations"]), models[0] == models[1] == models[2], len({id(model) for model in models})]
"""
WAIT_SECONDS = 20.0


async def until(functions: Functions, code: str, ready: Callable[[Any], bool]) -> Any:
    """What the function returns in a new environment, once that is as it should be."""
    spec = functions.define(code, memory=512)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        answer = await functions.run(replace(spec, revision=f"{spec.revision}-{time.monotonic_ns()}"), [1])
        if ready(answer):
            return answer
        assert time.monotonic() < deadline, answer


@pytest.mark.parametrize(("code", "service"), [(AT_IMPORT, "dynamodb"), (IN_HANDLER, "sqs")])
async def test_a_new_environment_parses_no_model_that_one_before_it_has_parsed(
    functions: Functions, code: str, service: str
) -> None:
    spec = functions.define(code, memory=512)
    first = await functions.run(spec, [1])
    assert any(name.startswith(f"{service}/") for name in first["files"])
    await functions.run(spec, [1])  # one that makes its clients in the handler is asked twice
    answer = await until(functions, code, lambda answer: not answer["files"])
    assert answer.get("operations") == first.get("operations")


async def test_two_sessions_share_no_model(functions: Functions) -> None:
    for _ in range(3):
        operations, equal, models = await functions.run(
            replace(functions.define(TWO_SESSIONS, memory=512)), [1]
        )
        assert operations > 10
        assert equal
        assert models == 3


@pytest.mark.parametrize("preloaded", [True, False])
async def test_boto3_is_imported_beforehand_unless_the_settings_forbid_it(
    tmp_path: Path, preloaded: bool
) -> None:
    code = """
        import sys
        there = "boto3" in sys.modules
        import boto3
        def handler(event, context):
            return [there, boto3.client("sqs").meta.service_model.service_id]
    """
    functions = Functions(tmp_path, preload_sdk=preloaded)
    try:
        assert await functions.run(functions.define(code, memory=512)) == [preloaded, "SQS"]
    finally:
        await functions.runner.close()


async def test_the_format_of_log_records_is_the_environments_own(functions: Functions) -> None:
    """awslambdaric reads it when it is imported, and that is before the fork."""
    code = "import logging\ndef handler(event, context):\n    logging.getLogger().error('it failed')"
    variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    await functions.run(functions.define(code, environment=variables))
    await functions.run(functions.define(code))
    said = [line for line in functions.sink.messages if "it failed" in line]
    assert json.loads(said[0])["level"] == "ERROR"
    assert said[1].startswith("[ERROR]\t")


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[SdkModels]:
    for module in (botocore.loaders, botocore.session):
        monkeypatch.setattr(module, "create_loader", botocore.loaders.create_loader)
    made = SdkModels()
    made.install()
    yield made


def key(*words: str | None) -> tuple[str | None, ...]:
    return words


def test_learns_what_a_loader_names(models: SdkModels) -> None:
    wanted = key("load_service_model", "sqs", "service-2", "api_version", None)
    assert models.learn(json.dumps([wanted]).encode())
    assert not models.learn(json.dumps([wanted]).encode())
    loader = botocore.session.get_session().get_component("data_loader")
    assert loader._cache[wanted]["metadata"]["serviceId"] == "SQS"
    second = botocore.session.get_session().get_component("data_loader")
    assert wanted not in second._cache


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\x00",
        b"17",
        b"[17]",
        b'[["__init__"]]',
        b'[["load_data_with_path"]]',
        b'[["load_data_with_path", "../../../../../../etc/secret"]]',
        b'[["load_data_with_path", "/etc/secret"]]',
        b'[["load_data_with_path", "sqs/../../secret"]]',
        b'[["load_data_with_path", {"a": 1}]]',
        b'[["load_service_model", "no-such", "service-2", "api_version", null]]',
        b'[["load_service_model", "sqs", "service-2", "api_version", "..%2f"]]',
    ],
)
def test_a_line_that_names_no_model_changes_nothing(models: SdkModels, line: bytes) -> None:
    models.learn(line)
    assert not [
        name for name in models._loader._cache if name[0] in ("load_data_with_path", "load_service_model")
    ]


def test_what_is_kept_has_a_bound(models: SdkModels) -> None:
    services = [
        folder.name for folder in Path(botocore.loaders.Loader.BUILTIN_DATA_PATH).iterdir() if folder.is_dir()
    ]
    for service in services[:200]:
        models.learn(json.dumps([["load_service_model", service, "service-2", "api_version", None]]).encode())
    assert models._bytes <= MOST_BYTES


def test_a_loader_with_folders_of_its_own_reads_them(models: SdkModels, tmp_path: Path) -> None:
    models.learn(b'[["load_data_with_path", "partitions"]]')
    (tmp_path / "partitions.json").write_text('{"own": true}')
    loader = botocore.session.create_loader(str(tmp_path))
    assert loader.load_data("partitions") == {"own": True}


@pytest.mark.skipif(sys.platform != "linux", reason="it opens what is in /proc")
def test_a_zygote_goes_on_where_a_function_has_read_a_report_first() -> None:
    """In /proc/self/fd whoever may write to a pipe finds it, and opens it to read."""
    spec = importlib.util.spec_from_file_location("zygote_main", zygotes._SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    zygote_main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(zygote_main)
    read, write = zygote_main.sdk_models.pipe()
    try:
        os.write(write, b"[]\n")
        with open(f"/proc/self/fd/{write}", "rb", 0) as stolen:  # noqa: PTH123
            assert stolen.read(4096) == b"[]\n"
        assert zygote_main.learn(read) is False
    finally:
        os.close(read)
        os.close(write)
