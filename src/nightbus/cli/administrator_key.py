"""Finds the access key with which the command line calls a node: that of the account's administrator.

The key is in the file `credentials` of the node's data folder. The node makes the key of an account that has none yet
for whoever shows the operator key, which lies in the same folder.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from nightbus.cli.errors import CommandFailed, NotRunning, no_node_at
from nightbus.cli.node_folders import folder_of_port, is_of_this_machine
from nightbus.identity.key_file import FILE_NAME, AccessKey, dev_key, profile_of, read_key
from nightbus.node.settings import Settings

_SECONDS = 2.0


def administrator_key(settings: Settings, account: str) -> AccessKey:
    """Return the key. Raises CommandFailed where the node's folder is not there to be read, NotRunning without a node.

    A node need not run, if its data folder has the key.
    """
    folder = folder_of_port(settings)
    if folder is None and not _listens(settings):
        if settings.dev_credentials:
            return dev_key(account)
        found = _read(settings.data, account) if is_of_this_machine(settings.host) else None
        if found is None:
            raise no_node_at(settings.endpoint)
        return found
    return (_read(folder, account) if folder is not None else None) or _asked(settings, account)


def new_key(settings: Settings, account: str) -> AccessKey:
    """Let the node replace the administrator's key, and return the new one. Raises CommandFailed, NotRunning."""
    return _requested(settings, account, new=True)


def _read(folder: Path, account: str) -> AccessKey | None:
    file = folder / FILE_NAME
    try:
        return read_key(file, profile_of(account))
    except OSError as failure:
        raise CommandFailed(
            f"the key of the node's administrator in {file} cannot be read: {failure.strerror}"
        ) from None


def _asked(settings: Settings, account: str) -> AccessKey:
    """Return the key by the node's answer, or for another user's node that of the environment."""
    from nightbus.cli.client import get_json

    try:
        return _requested(settings, account)
    except NotRunning:  # no node, or one whose folder cannot be read here
        status = get_json(settings, "status")
    if status.get("dev_credentials"):
        return dev_key(account)
    key = _of_environment(settings, os.environ)
    if key is None:
        raise CommandFailed(
            f"the key of the node at {settings.endpoint} is in its data folder, which cannot be read here: run "
            "nightbus env where the node runs, as its user, and set what it prints"
        )
    return key


def _requested(settings: Settings, account: str, *, new: bool = False) -> AccessKey:
    from nightbus.cli.operator_request import post_as_operator

    reply = post_as_operator(settings, "credentials", {"account": account, "new": new})
    return AccessKey(str(reply["AccessKeyId"]), str(reply["SecretAccessKey"]))


def _of_environment(settings: Settings, environ: Mapping[str, str]) -> AccessKey | None:
    """Return the environment's key if the environment is for this node."""
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    is_for_node = environ.get("AWS_ENDPOINT_URL", "").rstrip("/") == settings.endpoint
    return AccessKey(key, secret) if key and secret and is_for_node else None


def _listens(settings: Settings) -> bool:
    """Return whether anything listens at the node's address."""
    host = settings.reached_host
    with contextlib.suppress(OSError), socket.create_connection((host, settings.port), _SECONDS):
        return True
    return False
