"""How many events a second does the rule index match, for each operator and with how many rules?

Rates are of one thread, from an event's bytes to the names of the rules; beside them orjson.loads of the same events.
Rounds alternate, and the best of each counts: what the machine does beside this only slows it.

Run: python bench/match.py [--json FILE] [--markdown FILE] [--quick] [--only NAME]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

import orjson
from match_classes import BUS, LOTS, STATES, Class
from match_data import bus_events, city_lots
from plane_report import write_markdown

from nightbus.bus.index.rule_index import RuleIndex
from nightbus.bus.patterns import Pattern, parse_pattern

SIZES = (1, 100, 1_000, 10_000, 100_000)
EVENTS = 1_000
AT_ONCE = 20  # events between two looks at the clock
ROUNDS = 5
ROUND_SECONDS = 0.2
ADDED = 1_000
AMONG = 10_000  # rules among which one more is added
MARKS = ("<!-- matching -->\n", "<!-- /matching -->\n")


@dataclass(frozen=True)
class Measured:
    """One class of rules. Rates are thousands of events a second, by the number of rules."""

    events: str
    what: str
    rates: dict[int, float]
    matches: float  # rules that an event matches, on average, of a thousand (the most there are, if fewer)
    orjson: dict[int, float]  # the same events, in the same rounds, only parsed
    add: float  # µs for one rule more among 10,000, parsed already
    remove: float
    kilobytes: float  # of one rule, its pattern included


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="also write the figures to this file")
    options.add_argument("--markdown", type=Path, help="also write the table to this file, between its marks")
    options.add_argument("--quick", action="store_true", help="one short round, up to 1,000 rules")
    options.add_argument("--only", default="", metavar="NAME", help="only classes whose names hold this")
    chosen = options.parse_args()
    load, began = os.getloadavg()[0], time.monotonic()
    sizes = [size for size in SIZES if size <= 1_000 or not chosen.quick]
    rounds = 1 if chosen.quick else ROUNDS
    measured = list(_measured(sizes, rounds, chosen.only))
    verdicts = judge(measured) if not chosen.only else {}
    minutes = (time.monotonic() - began) / 60
    about = (
        f"{os.cpu_count()} cores (load {load:.1f} before, {os.getloadavg()[0]:.1f} after), {platform.system()}, "
        f"Python {platform.python_version()}; "
        f"one thread; best of {rounds} rounds of {ROUND_SECONDS:g} s; {minutes:.1f} minutes in all"
    )
    text = page(measured, sizes, verdicts, about)
    print(text)
    if chosen.json:
        figures = {"about": about, "classes": [asdict(one) for one in measured], "verdicts": verdicts}
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")
    if chosen.markdown:
        write_markdown(chosen.markdown, text, *MARKS)


def _measured(sizes: Sequence[int], rounds: int, only: str) -> Iterator[Measured]:
    lots = city_lots(EVENTS)
    for each in (one for one in BUS if only in one.name):
        yield measure("bus", each, {size: bus_events(EVENTS, size) for size in sizes}, rounds)
    for each in (one for one in LOTS if only in one.name):
        yield measure("city lots", each, dict.fromkeys(sizes, lots), rounds)


def measure(events: str, rules: Class, by_size: dict[int, list[bytes]], rounds: int) -> Measured:
    indexes = {size: _index(rules, size) for size in by_size}
    best, parsed = dict.fromkeys(by_size, 0.0), dict.fromkeys(by_size, 0.0)
    for _ in range(rounds):
        for size, index in indexes.items():
            best[size] = max(best[size], rate(index.match_json, by_size[size]))
            parsed[size] = max(parsed[size], rate(orjson.loads, by_size[size]))
    known = max(size for size in by_size if size <= 1_000)
    sample = by_size[known][:100]
    matches = sum(len(indexes[known].match_json(event)) for event in sample) / len(sample)
    indexes.clear()
    among = min(AMONG, max(by_size))
    return Measured(events, rules.name, best, matches, parsed, *one_more(rules, among))


def _index(rules: Class, size: int) -> RuleIndex:
    index = RuleIndex()
    for number in range(size):
        index.add(f"rule-{number}", parse_pattern(rules.rule(number)))
    return index


def rate(call: Callable[[bytes], object], events: Sequence[bytes]) -> float:
    """Thousands of events a second."""
    rest, done, began = cycle(events), 0, time.perf_counter()
    while (took := time.perf_counter() - began) < ROUND_SECONDS:
        for event in list(islice(rest, AT_ONCE)):
            call(event)
        done += AT_ONCE
    return done / took / 1_000


def one_more(rules: Class, among: int) -> tuple[float, float, float]:
    """The cost of one rule more, where there are so many: µs to add, µs to remove, kilobytes."""
    tracemalloc.start()
    index = _index(rules, among)
    kilobytes = tracemalloc.get_traced_memory()[0] / among / 1024
    tracemalloc.stop()
    more = [(f"rule-{number}", parse_pattern(rules.rule(number))) for number in range(among, among + ADDED)]
    adding = [_timed(index.add, name, pattern) for name, pattern in more]
    removing = [_timed(index.remove, name) for name, _ in more]
    return sum(adding) / len(adding), sum(removing) / len(removing), kilobytes


def _timed(call: Callable[..., None], *arguments: str | Pattern) -> float:
    began = time.perf_counter_ns()
    call(*arguments)
    return (time.perf_counter_ns() - began) / 1_000


def judge(measured: Sequence[Measured]) -> dict[str, bool]:
    states = next(one for one in measured if one.what == STATES.name)
    many = min(10_000, max(states.rates))
    return {
        f"{many:,} rules at no less than 0.8 of the rate of one": states.rates[many] >= 0.8 * states.rates[1],
        f"{many:,} rules no slower than orjson.loads alone": states.rates[many] >= states.orjson[many],
        f"a rule more at {many:,} within 20 µs": states.add <= 20,
    }


def page(measured: Sequence[Measured], sizes: Sequence[int], verdicts: dict[str, bool], about: str) -> str:
    """In markdown; as readable on a terminal."""
    headings = [
        "events",
        "rules ask for",
        *(f"{size:,}" for size in sizes),
        "matched",
        "add µs",
        "remove µs",
        "KB",
    ]
    rows = [headings, ["---"] * 2 + ["---:"] * (len(headings) - 2)]
    for one in measured:
        rates = [shown(one.rates[size]) for size in sizes]
        costs = [f"{one.matches:.2f}", f"{one.add:.1f}", f"{one.remove:.1f}", f"{one.kilobytes:.1f}"]
        rows.append([one.events, one.what, *rates, *costs])
    widths = [max(len(row[place]) for row in rows) for place in range(len(headings))]
    rows[1] = ["-" * width for width in widths[:2]] + [f"{'-' * (width - 1)}:" for width in widths[2:]]
    table = "\n".join(
        f"| {' | '.join(_cell(text, widths[place], place) for place, text in enumerate(row))} |"
        for row in rows
    )
    alone = ", ".join(
        f"{kind} {max(max(one.orjson.values()) for one in measured if one.events == kind):,.0f}"
        for kind in dict.fromkeys(one.events for one in measured)
    )
    reached = "\n".join(f"- {'reached' if good else 'MISSED'}: {what}" for what, good in verdicts.items())
    return f"{about}.\n\nThousand events a second; orjson.loads alone: {alone}.\n\n{table}\n\n{reached}\n"


def _cell(text: str, width: int, place: int) -> str:
    return text.ljust(width) if place < 2 else text.rjust(width)


def shown(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


if __name__ == "__main__":
    main()
