"""Counts the states that the wildcards of one field need in AWS's matcher, which limits them.

AWS counts the states of its matcher that some value could keep alive at once, over all wildcards of the field. Here
the same count follows from the expressions: behind its first star a wildcard's stars stay alive for ever, so with all
of them alive the worst value is the one whose end is the beginning of most of the literals between them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from nightbus.bus.patterns.wildcards import Parts

LIMIT = 10

Segments = tuple[bytes, ...]  # a wildcard's parts as AWS sees them: UTF-8, the quotes included


def score(wildcards: Iterable[Parts]) -> int:
    """The most states alive at once; exact up to `LIMIT`, and any number above it otherwise."""
    rules = sorted({_segments(parts) for parts in wildcards})
    if len(rules) > LIMIT:
        return len(rules)
    worst = max((_while_anchored(rules, anchor) for anchor in {rule[0] for rule in rules}), default=0)
    for anchor in {rule[0] for rule in rules}:
        alive = [rule for rule in rules if anchor.startswith(rule[0]) and len(rule) > 1]
        stars = sum(len(rule) - 1 for rule in alive)
        worst = max(worst, stars + _shared_beginnings(alive))
    return worst


def _segments(parts: Parts) -> Segments:
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    encoded[0] = b'"' + encoded[0]
    encoded[-1] += b'"'
    return tuple(encoded)


def _while_anchored(rules: Sequence[Segments], value: bytes) -> int:
    """States alive at any point while `value` is read from the start."""
    alive = {(rule, 0, 0) for rule in range(len(rules))}
    worst = 0
    for byte in value:
        following: set[tuple[int, int, int]] = set()
        for rule, segment, offset in alive:
            literal = rules[rule][segment]
            if segment and not offset:
                following.add((rule, segment, 0))
            if offset < len(literal) and literal[offset] == byte:
                following.add((rule, segment, offset + 1))
                if offset + 1 == len(literal) and segment + 1 < len(rules[rule]):
                    following.add((rule, segment + 1, 0))
        alive = following
        worst = max(worst, len(alive))
        if worst > LIMIT:
            break
    return worst


def _shared_beginnings(rules: Sequence[Segments]) -> int:
    """The most beginnings of literals behind stars that one value can end with at the same time (Aho-Corasick)."""
    follow: list[dict[int, int]] = [{}]
    count = [0]
    for literal in (segment for rule in rules for segment in rule[1:]):
        node = 0
        for byte in literal:
            if byte not in follow[node]:
                follow[node][byte] = len(follow)
                follow.append({})
                count.append(0)
            node = follow[node][byte]
            count[node] += 1
    fail = [0] * len(follow)
    queue = deque(follow[0].values())
    while queue:
        node = queue.popleft()
        count[node] += count[fail[node]]
        for byte, child in follow[node].items():
            back = fail[node]
            while back and byte not in follow[back]:
                back = fail[back]
            fail[child] = follow[back].get(byte, 0)
            queue.append(child)
    return max(count)
