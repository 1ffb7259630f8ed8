"""How many events a second does the rule index match, and does that depend on the number of rules?

Rates are of one thread, from an event's bytes to the names of the rules; beside them orjson.loads of the same events.
Rounds alternate, and the best of each counts: what the machine does beside this only slows it.

Run: python bench/match.py [--json FILE] [--quick]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from match_data import CLASSES, bus_events, city_lots, mixed_rule, same_key_rule, state_rule

from nightbus.bus.index import RuleIndex
from nightbus.bus.patterns import Pattern, parse_pattern

SIZES = (1, 100, 1_000, 10_000, 100_000)
CLASS_SIZES = (5, 1_000)
EVENTS = 1_000
ROUNDS = 5
ROUND_SECONDS = 0.25
ADDED = 1_000


@dataclass(frozen=True)
class Rate:
    """Thousands of events a second."""

    what: str
    rules: int
    matches: float  # rules matched by an event, on average
    index: float
    orjson: float


@dataclass(frozen=True)
class Change:
    """Microseconds for one rule, parsed already."""

    what: str
    rules: int
    add: float
    remove: float
    kilobytes: float  # of one rule, its pattern included


@dataclass(frozen=True)
class Case:
    what: str
    index: RuleIndex
    rules: int
    events: list[bytes]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="also write the figures to this file")
    options.add_argument("--quick", action="store_true", help="one short round, up to 10,000 rules")
    chosen = options.parse_args()
    rounds = 1 if chosen.quick else ROUNDS
    sizes = [size for size in SIZES if size <= 10_000 or not chosen.quick]
    states = measure([_state_case(size) for size in sizes], rounds)
    show("source, detail-type, detail.state", states)
    mixed = measure([*_mixed_cases()], rounds)
    show("one field more: prefix, wildcard, anything-but, exists, suffix", mixed)
    classes = measure([*_class_cases()], rounds)
    show("city lots, one operator each", classes)
    changes = [
        change("source, detail-type, detail.state", state_rule),
        change("the same exact values, another prefix each", same_key_rule),
        *(change(each.name, each.rule) for each in CLASSES),
    ]
    show_changes(changes)
    verdicts = judge(states, changes[0])
    if chosen.json:
        figures = {
            "python": sys.version.split()[0],
            "rates": [asdict(rate) for rate in (*states, *mixed, *classes)],
            "changes": [asdict(each) for each in changes],
            "verdicts": verdicts,
        }
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")


def _state_case(size: int) -> Case:
    return _case("source, detail-type, detail.state", state_rule, size, bus_events(EVENTS, size))


def _mixed_cases() -> list[Case]:
    cases = [
        _case("a field more, exact values of its own", mixed_rule, size, bus_events(EVENTS, size))
        for size in (10, 1_000, 10_000)
    ]
    same = bus_events(EVENTS, 5)
    return cases + [
        _case("a prefix more, the same exact values", same_key_rule, size, same) for size in (10, 10_000)
    ]


def _class_cases() -> list[Case]:
    lots = city_lots(EVENTS)
    return [_case(each.name, each.rule, size, lots) for each in CLASSES for size in CLASS_SIZES]


def _case(what: str, rule: Callable[[int], str], size: int, events: list[bytes]) -> Case:
    index = RuleIndex()
    for number in range(size):
        index.add(f"rule-{number}", parse_pattern(rule(number)))
    return Case(what, index, size, events)


def measure(cases: Sequence[Case], rounds: int) -> list[Rate]:
    best = dict.fromkeys(range(len(cases)), (0.0, 0.0))
    for _ in range(rounds):
        for number, case in enumerate(cases):
            matched, parsed = rate(case.index.match_json, case.events), rate(orjson.loads, case.events)
            best[number] = max(best[number][0], matched), max(best[number][1], parsed)
    return [
        Rate(case.what, case.rules, _matches(case), round(best[number][0], 1), round(best[number][1], 1))
        for number, case in enumerate(cases)
    ]


def _matches(case: Case) -> float:
    return round(sum(len(case.index.match_json(event)) for event in case.events) / len(case.events), 3)


def rate(call: Callable[[bytes], object], events: Sequence[bytes]) -> float:
    """Thousands of events a second."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < ROUND_SECONDS:
        for event in events:
            call(event)
        done += len(events)
    return done / took / 1_000


def change(what: str, rule: Callable[[int], str], size: int = 10_000) -> Change:
    """The cost of one rule more, where there are `size`."""
    tracemalloc.start()
    index = RuleIndex()
    for number in range(size):
        index.add(f"rule-{number}", parse_pattern(rule(number)))
    kilobytes = tracemalloc.get_traced_memory()[0] / size / 1024
    tracemalloc.stop()
    more = [(f"rule-{number}", parse_pattern(rule(number))) for number in range(size, size + ADDED)]
    adding = [_timed(index.add, name, pattern) for name, pattern in more]
    removing = [_timed(index.remove, name) for name, _ in more]
    return Change(what, size, _mean(adding), _mean(removing), round(kilobytes, 2))


def _timed(call: Callable[..., None], *arguments: str | Pattern) -> float:
    began = time.perf_counter_ns()
    call(*arguments)
    return (time.perf_counter_ns() - began) / 1_000


def _mean(times: list[float]) -> float:
    return round(sum(times) / len(times), 2)


def show(title: str, rates: Sequence[Rate]) -> None:
    print(f"\n{title}\n{'':42}{'rules':>8}{'matches':>9}{'k events/s':>12}{'orjson alone':>14}{'ratio':>8}")
    for each in rates:
        ratio = each.index / each.orjson
        print(
            f"{each.what:42}{each.rules:>8,}{each.matches:>9}{each.index:>12,.0f}{each.orjson:>14,.0f}{ratio:>8.2f}"
        )


def show_changes(changes: Sequence[Change]) -> None:
    print(f"\none rule more, of 10,000\n{'':42}{'add µs':>8}{'remove µs':>11}{'KB a rule':>11}")
    for each in changes:
        print(f"{each.what:42}{each.add:>8.1f}{each.remove:>11.1f}{each.kilobytes:>11.1f}")


def judge(states: Sequence[Rate], changed: Change) -> dict[str, bool]:
    one, many = (next(rate for rate in states if rate.rules == rules) for rules in (1, 10_000))
    verdicts = {
        "10,000 rules at no less than 0.8 of the rate of one": many.index >= 0.8 * one.index,
        "10,000 rules no slower than orjson.loads alone": many.index >= many.orjson,
        "a rule more at 10,000 within 20 µs": changed.add <= 20,
    }
    print()
    for what, reached in verdicts.items():
        print(f"{'reached' if reached else 'MISSED':10}{what}")
    return verdicts


if __name__ == "__main__":
    main()
