"""What tests ask of blobs."""

from __future__ import annotations

from pathlib import Path

from nightbus.store.interface import Store


async def read_blob(store: Store, digest: str) -> bytes:
    """All of it. Raises KeyError when there is none."""
    with await store.open_blob(digest) as file:
        return file.read()


async def is_there(store: Store, digest: str) -> bool:
    try:
        await read_blob(store, digest)
    except KeyError:
        return False
    return True


def blob_file(data: Path, digest: str) -> Path:
    """Where SQLite's backend keeps the blob in the data folder."""
    return data / "blobs" / digest[:2] / digest[2:]
