"""Gives a cluster a new key: what the database has sealed with the old one is sealed with the new one instead."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.node.settings import Settings
from nightbus.node.shared_store import CLUSTER_KEY_FILE


def rotate_cluster_key(settings: Settings, file: Path) -> None:
    """`file` has the new key, or is made with one. Raises CommandFailed."""
    from nightbus.node.storage import CannotOpenStore, rotate_key

    shared = settings.store
    if shared is None:
        raise CommandFailed(
            "rotate-key needs the database of a cluster: --store or NIGHTBUS_STORE", WRONG_USAGE
        )
    try:
        old = shared.key_or_file(settings.data)
        if not old:
            advice = "--cluster-key-file or NIGHTBUS_CLUSTER_KEY"
            raise CommandFailed(f"rotate-key needs the key that the cluster has now: {advice}", WRONG_USAGE)
        asyncio.run(rotate_key(shared.database_known_in(settings.data), old, file))
    except CannotOpenStore as refusal:
        raise CommandFailed(str(refusal)) from refusal
    except OSError as failure:
        raise CommandFailed(f"{file} cannot be used: {failure.strerror}") from failure
    print(
        f"{shared} has the key of {file} from now on, and the one from before opens nothing of it any more."
    )
    print(
        "Nodes that run go on. Each needs the new key when it starts again: --cluster-key-file or NIGHTBUS_CLUSTER_KEY."
    )
    print("Everybody is signed out of the web console.")
    if file.stat().st_mode & 0o077:
        print(f"Others can read {file}: chmod 600 {file}")
    left = settings.data / CLUSTER_KEY_FILE
    if _has(left, old) and left.resolve() != file.resolve():
        print(f"{left} still has the key from before: put the new one there.")
    print("Backups from before open with the key from before only: keep it as long as you keep them.")


def _has(file: Path, key: str) -> bool:
    with contextlib.suppress(OSError):
        return file.read_text(errors="replace").strip() == key
    return False
