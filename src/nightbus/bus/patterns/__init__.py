"""Parses event patterns, and matches events against them. This module exports what other packages use.

`parsing.py` parses the text by `tokens.py` and `operators.py` into the classes of `rule.py` and `matchers.py`;
`matching.py` compares them with the values that `fields.py` finds in an event.
"""

from __future__ import annotations

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns.matching import matches
from nightbus.bus.patterns.parsing import parse_pattern
from nightbus.bus.patterns.rule import Pattern

__all__ = ["InvalidPattern", "Pattern", "matches", "parse_pattern"]
