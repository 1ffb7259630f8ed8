"""What is an event pattern, and does an event match it? The front door of the pattern language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.bus.errors import InvalidPattern

__all__ = ["InvalidPattern", "Pattern", "matches", "parse_pattern"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A rule's pattern."""


def parse_pattern(text: str) -> Pattern:
    raise NotImplementedError


def matches(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    raise NotImplementedError
