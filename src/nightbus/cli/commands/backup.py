"""Copies a data folder into one file, and restores a data folder from such a file."""

from __future__ import annotations

import sys
from pathlib import Path

from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings
from nightbus.node.shared_store import SharedStore
from nightbus.store.backup import BackupFailed, Copied, back_up, restore


def write_backup(settings: Settings, file: Path) -> int:
    """Write the backup. Returns the exit code: 1 if the data folder lacks blobs."""
    if settings.store is not None:
        return _back_up_cluster(settings.store, settings.data, file)
    try:
        copied = back_up(settings.data, file)
    except BackupFailed as failure:
        raise CommandFailed(str(failure)) from failure
    print(f"{settings.data.absolute()} is copied to {file}: {_summary(copied)}.")
    return _missing(copied)


def restore_backup(settings: Settings, file: Path) -> int:
    """Restore the backup. Returns the exit code: 1 if the backup lacks blobs."""
    if settings.store is not None:
        return _restore_cluster(settings.store, file)
    try:
        copied = restore(file, settings.data)
    except BackupFailed as failure:
        raise CommandFailed(str(failure)) from failure
    print(f"{file} is restored to {settings.data.absolute()}: {_summary(copied)}.")
    return _missing(copied)


def _back_up_cluster(shared: SharedStore, folder: Path, file: Path) -> int:
    from nightbus.store.postgres.backup import ClusterBackupFailed, back_up_cluster

    try:
        size = back_up_cluster(shared.database_known_in(folder), file)
    except ClusterBackupFailed as failure:
        raise CommandFailed(str(failure)) from failure
    print(f"{shared} is copied to {file}: {size / 1024 / 1024:,.1f} MB.")
    print("It does not have the cluster's key (cluster.key of the first node): keep that in another place.")
    if shared.blobs:
        print(f"It does not have the blobs either: they are in {shared.blobs}.")
    return 0


def _restore_cluster(shared: SharedStore, file: Path) -> int:
    from nightbus.store.postgres.backup import ClusterBackupFailed, restore_cluster

    try:
        restore_cluster(shared.database, file)
    except ClusterBackupFailed as failure:
        raise CommandFailed(str(failure)) from failure
    print(f"{file} is restored to {shared}. Nodes need the key of the cluster that was copied.")
    return 0


def _summary(copied: Copied) -> str:
    return f"{copied.size / 1024 / 1024:,.1f} MB, {copied.blobs} blobs"


def _missing(copied: Copied) -> int:
    if copied.missing:
        names = ", ".join(copied.missing[:5])
        print(
            f"nightbus: {len(copied.missing)} blobs are missing: {names}; see nightbus doctor",
            file=sys.stderr,
        )
    return 1 if copied.missing else 0
