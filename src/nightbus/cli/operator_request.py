"""Sends requests that only the operator of the node may send, with the key of its data folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.cli.client import get_json, post_json
from nightbus.cli.errors import CommandFailed, NotRunning
from nightbus.cli.local_node import find_local_node
from nightbus.node.operator_key import OPERATOR_HEADER, read_operator_key
from nightbus.node.settings import Settings


def operator_headers(settings: Settings) -> dict[str, str]:
    """Return the headers that show the operator key; none for a node whose folder is not there to be read."""
    try:
        return {OPERATOR_HEADER: read_operator_key(find_local_node(settings)[0])}
    except (NotRunning, OSError):
        return {}


def get_as_operator(
    settings: Settings, path: str, query: Mapping[str, str] | None = None, timeout: float = 10.0
) -> dict[str, Any]:
    """GET `/_nightbus/<path>` of any node, as its operator if it is this user's. Raises CommandFailed, NotRunning."""
    return get_json(settings, path, query, timeout, operator_headers(settings))


def post_as_operator(
    settings: Settings, path: str, body: Mapping[str, Any], timeout: float = 10.0
) -> dict[str, Any]:
    """POST `body` to `/_nightbus/<path>` of a node of this user. Raises CommandFailed, NotRunning."""
    folder, _ = find_local_node(settings)
    try:
        headers = {OPERATOR_HEADER: read_operator_key(folder)}
    except OSError as failure:
        raise CommandFailed(
            f"the key of the node's operator in {folder} cannot be read: {failure.strerror}"
        ) from None
    return post_json(settings, path, body, headers, timeout)
