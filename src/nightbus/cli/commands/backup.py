"""Copies a data folder into one file, and restores a data folder from such a file."""

from __future__ import annotations

import sys
from pathlib import Path

from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings
from nightbus.store.backup import BackupFailed, Copied, back_up, restore


def write_backup(settings: Settings, file: Path) -> int:
    """Write the backup. Returns the exit code: 1 if the data folder lacks blobs."""
    try:
        copied = back_up(settings.data, file)
    except BackupFailed as failure:
        raise CommandFailed(str(failure)) from failure
    print(f"{settings.data.absolute()} is copied to {file}: {_summary(copied)}.")
    return _missing(copied)


def restore_backup(settings: Settings, file: Path) -> int:
    """Restore the backup. Returns the exit code: 1 if the backup lacks blobs."""
    try:
        copied = restore(file, settings.data)
    except BackupFailed as failure:
        raise CommandFailed(str(failure)) from failure
    print(f"{file} is restored to {settings.data.absolute()}: {_summary(copied)}.")
    return _missing(copied)


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
