"""What text does a target get for an event: its constant, a part of the event, a filled template, or all of it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def render_input(
    target: Mapping[str, Any],
    event: Mapping[str, Any],
    *,
    rule_arn: str,
    rule_name: str,
    ingestion_time: str,
) -> str:
    raise NotImplementedError


def validate_target_input(target: Mapping[str, Any]) -> str | None:
    """Why AWS would refuse the target's Input, InputPath or InputTransformer; None when it would not."""
    raise NotImplementedError
