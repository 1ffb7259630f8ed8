"""Builds the shapes of functions for replies, and pages of lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.services.lambda_.errors import bad_marker
from nightbus.services.lambda_.records import LayerUse, Version

PAGE = 50


def last_modified_text(now_ms: int) -> str:
    """Return the UTC ms in Lambda's form of LastModified: `2026-01-01T00:00:00.000+0000`."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03d}+0000"


def touched(config: dict[str, Any], now_ms: int) -> dict[str, Any]:
    return config | {"LastModified": last_modified_text(now_ms), "RevisionId": new_uuid()}


def configuration(version: Version, qualifier: str = "") -> dict[str, Any]:
    """Return the FunctionConfiguration of a version. Its ARN has the qualifier of the request."""
    config = dict(version["config"])
    if qualifier:
        base = config["FunctionArn"].removesuffix(f":{config['Version']}")
        config["FunctionArn"] = f"{base}:{qualifier}"
    return config


def layer_list(layers: Sequence[LayerUse]) -> list[dict[str, Any]]:
    return [{"Arn": layer["arn"], "CodeSize": layer["size"]} for layer in layers]


def paged(items: list[tuple[str, Any]], marker: str | None, most: int | None) -> tuple[list[Any], str | None]:
    """Return one page of the values of (key, value) pairs, sorted by key, and the marker of the next page."""
    limit = min(most or PAGE, PAGE)
    page_items, token = page(items, lambda item: item[0], limit, marker or None, bad_marker())
    return [value for _, value in page_items], token
