"""`aws s3` between buckets: copies small and in parts, sync and mv."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nodes import RunningNode

BIG = bytes(range(256)) * 40_000  # over the 8 MiB at which the CLI begins to copy in parts


@pytest.fixture(scope="module")
def folder(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    (made / "note.txt").write_text("tea")
    (made / "big").write_bytes(BIG)
    for bucket in ("one", "two"):
        s3(node, made, "mb", f"s3://{bucket}")
    for name in ("note.txt", "big"):
        s3(node, made, "cp", name, f"s3://one/{name}")
    return made


def s3(node: RunningNode, folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["aws", "s3", *arguments, "--only-show-errors"] if arguments[0] != "mb" else ["aws", "s3", *arguments],
        cwd=folder, env=node.environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def content(node: RunningNode, key: str) -> bytes:
    body: bytes = node.client("s3").get_object(Bucket="two", Key=key)["Body"].read()
    return body


def test_copies_between_buckets_are_whole(node: RunningNode, folder: Path) -> None:
    for name in ("note.txt", "big"):
        s3(node, folder, "cp", f"s3://one/{name}", f"s3://two/copies/{name}")
    assert content(node, "copies/note.txt") == b"tea"
    assert content(node, "copies/big") == BIG


def test_sync_and_mv_between_buckets(node: RunningNode, folder: Path) -> None:
    s3(node, folder, "sync", "s3://one", "s3://two/synced")
    assert content(node, "synced/big") == BIG
    s3(node, folder, "mv", "s3://one/note.txt", "s3://two/moved.txt")
    assert content(node, "moved.txt") == b"tea"
    left = node.client("s3").list_objects_v2(Bucket="one")["Contents"]
    assert [one["Key"] for one in left] == ["big"]
