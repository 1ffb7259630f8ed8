"""Which packages of the AWS SDK does a function in JavaScript need, and what if they cannot be installed?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from function_rig import Functions
from nightbus.functions.runtimes.interface import CannotProvide
from nightbus.functions.runtimes.javascript_sdk import CLIENTS, missing_packages, runtime_folder
from nightbus.functions.runtimes.nodejs import CLIENT
from nightbus.gateway.models import load_service
from nightbus.services import SERVICES

CODE = """import { S3Client } from "@aws-sdk/client-s3"; const v2 = require('aws-sdk')
import{x}from'@smithy/node-http-handler';export*from"@aws-sdk/lib-dynamodb/dist";const no="@aws-sdk/"+name"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_what_the_code_names_and_nobody_brings(tmp_path: Path) -> None:
    files = {
        "src/app.mjs": CODE,
        "node_modules/mine/index.js": "require('@aws-sdk/client-sns')",
        "x.txt": "'aws-sdk'",
    }
    code = write(tmp_path / "code", files)
    all_of_it = ("@aws-sdk/client-s3", "@aws-sdk/lib-dynamodb", "@smithy/node-http-handler")
    assert missing_packages(code, None, 20) == all_of_it
    assert missing_packages(code, None, 16) == ("aws-sdk",)
    layers = write(
        tmp_path / "layers", {"nodejs/node22/node_modules/@aws-sdk/lib-dynamodb/package.json": "{}"}
    )
    assert missing_packages(code, layers, 20) == all_of_it
    assert missing_packages(code, layers, 22) == (all_of_it[0], all_of_it[2])
    own = write(
        tmp_path / "own",
        {"a.js": "require('@aws-sdk/client-s3')", "node_modules/@aws-sdk/client-s3/i.js": ""},
    )
    assert missing_packages(own, None, 20) == ()


def test_code_that_computes_the_name_of_a_client_gets_those_of_all_services(tmp_path: Path) -> None:
    for number, text in enumerate(
        ("require(`@aws-sdk/client-${name}`)", "require('@aws-sdk/client-' + name)")
    ):
        code = write(tmp_path / str(number), {"index.js": text})
        assert missing_packages(code, None, 22) == CLIENTS
    ids = [str(load_service(service).metadata["serviceId"]) for service in SERVICES]
    assert sorted(CLIENTS) == sorted(f"@aws-sdk/client-{one.lower().replace(' ', '-')}" for one in ids)


def npm_that(folder: Path, does: str) -> Path:
    """A folder that looks like that of Node.js, with an npm of our own."""
    folder.mkdir(parents=True)
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{does}\n")
    npm.chmod(0o755)
    return folder / "node"


def test_packages_are_installed_once_for_each_set(tmp_path: Path) -> None:
    node = npm_that(tmp_path / "bin", f'echo "$*" >> {tmp_path}/calls; mkdir -p "$3/node_modules/x"')
    cache = tmp_path / "cache"
    folder = runtime_folder(cache, CLIENT, ["b", "a"], node)
    assert folder == runtime_folder(cache, CLIENT, ["a", "b"], node)
    assert {path.name for path in folder.iterdir()} == {
        "node_modules",
        *(path.name for path in CLIENT.iterdir()),
    }
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.endswith(" a b")
    assert runtime_folder(cache, CLIENT, ["a"], node) != folder


def test_what_npm_says_is_the_reason_and_nothing_is_left(tmp_path: Path) -> None:
    node = npm_that(tmp_path / "bin", "echo 'npm error code ENOTFOUND' >&2; exit 1")
    with pytest.raises(CannotProvide, match="npm: code ENOTFOUND"):
        runtime_folder(tmp_path / "cache", CLIENT, ["a"], node)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
async def test_a_function_without_its_packages_says_so_and_fails_as_it_would(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = shutil.which("node")
    monkeypatch.setenv("PATH", str(tmp_path))  # where npm is not
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # where no node has installed it before
    (tmp_path / "node").symlink_to(str(node))
    code = "const { S3Client } = require('@aws-sdk/client-s3'); exports.handler = async () => 1"
    spec = functions.define("", {"index.js": code}, runtime="nodejs20.x", handler="index.handler", timeout=10)
    failure = await functions.fail(spec)
    assert failure["errorType"] == "Runtime.ImportModuleError"
    assert failure["errorMessage"].startswith("Error: Cannot find module '@aws-sdk/client-s3'")
    told = "Nightbus: @aws-sdk/client-s3 could not be installed, and will not be found: npm is not on this machine"
    assert told in [message.rstrip("\n") for message in functions.sink.messages]
