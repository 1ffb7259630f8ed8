"""Why did an event not match a rule, and how near was it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.bus.patterns import Pattern


@dataclass(frozen=True, slots=True)
class Explanation:
    """The first field that did not match: the values that it had, the rule's alternatives as JSON, and a sentence."""

    path: str
    actual: tuple[Any, ...]
    wanted: tuple[Any, ...]
    hint: str


def explain(pattern: Pattern, event: Mapping[str, Any]) -> Explanation | None:
    raise NotImplementedError
