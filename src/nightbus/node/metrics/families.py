"""Defines a family of metrics: one name with its samples, whatever format it is written in.

Its name has no `_total`, which the formats add to a counter's. Labels of what a user makes are limited: of rules and
queues beyond `MOST_LABELS` the numbers are summed up under the label "other".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from nightbus.counters import Histogram

MOST_LABELS = 200
Kind = Literal["counter", "gauge", "histogram"]
Sample = tuple[tuple[str, ...], float | Histogram]


@dataclass(frozen=True, slots=True)
class Family:
    """`samples` have the values of `labels`, in their order, and a number, or a Histogram. `unit` is "" for counts."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    samples: list[Sample]
    unit: str = ""


def counter(name: str, text: str, value: float) -> Family:
    return Family(name, "counter", text, (), [((), value)])


def gauge(name: str, text: str, value: float, unit: str = "") -> Family:
    return Family(name, "gauge", text, (), [((), value)], unit)


def histogram(name: str, text: str, value: Histogram, unit: str = "seconds") -> Family:
    return Family(name, "histogram", text, (), [((), value)], unit)


def limited(
    samples: Iterable[tuple[tuple[str, ...], float]],
    together: Callable[[Iterable[float]], float] = sum,
    fixed: int = 0,
) -> list[Sample]:
    """At most `MOST_LABELS` of what the labels without the last `fixed` ones name; the rest `together` as "other"."""
    kept: dict[tuple[str, ...], None] = {}
    shown: list[Sample] = []
    rest: dict[tuple[str, ...], list[float]] = {}
    for labels, value in samples:
        thing, last = (labels[:-fixed], labels[-fixed:]) if fixed else (labels, ())
        if thing in kept or len(kept) < MOST_LABELS:
            kept[thing] = None
            shown.append((labels, value))
        else:
            rest.setdefault(("other",) * len(thing) + last, []).append(value)
    return shown + [(labels, together(values)) for labels, values in rest.items()]
