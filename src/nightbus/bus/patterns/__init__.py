"""Parses event patterns, and matches events with them: the part of the pattern language that others import.

The text is read by parsing.py on tokens.py and operators.py; the parsed values are rule.py's, of the kinds in
matchers.py; matching.py compares them with the values that fields.py finds in an event.
"""

from __future__ import annotations

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns.matching import matches
from nightbus.bus.patterns.parsing import parse_pattern
from nightbus.bus.patterns.rule import Pattern

__all__ = ["InvalidPattern", "Pattern", "matches", "parse_pattern"]
