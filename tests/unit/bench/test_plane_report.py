"""Medians, and the reasons for what is missing, in the table and in the chart."""

from __future__ import annotations

from xml.etree import ElementTree

from plane_chart import chart
from plane_figures import Figures
from plane_report import markdown, shown
from plane_rounds import BASELINE, RECEIVE, Settings, put_name

PUT = put_name(1, 16)
SVG = "{http://www.w3.org/2000/svg}"


def some_figures() -> Figures:
    figures = Figures([BASELINE, "nightbus", "peer & co"])
    figures.add("fdatasync", "ms p50", BASELINE, 0.31)
    for value in (19_000.0, 24_000.0, 21_000.0):
        figures.add(PUT, "events/s", "nightbus", value)
    figures.add(PUT, "events/s", "peer & co", 7_300.0)
    figures.add(RECEIVE, "ms p50", "nightbus", 1.234)
    figures.add(RECEIVE, "ms p50", "peer & co", 80.0)
    figures.miss(RECEIVE, "ms p50", "peer & co", "no long polling")
    figures.miss(RECEIVE, "ms p99", "peer & co", "no long polling")
    return figures


def test_the_table_has_medians_and_reasons() -> None:
    assert markdown(some_figures(), "2 cores").splitlines() == [
        "2 cores.",
        "",
        "| | unit | baseline | nightbus | peer & co |",
        "| --- | --- | ---: | ---: | ---: |",
        "| fdatasync | ms p50 | 0.31 |  |  |",
        f"| {PUT} | events/s |  | 21,000 | 7,300 |",
        f"| {RECEIVE} | ms p50 |  | 1.23 | none |",
        f"| {RECEIVE} | ms p99 |  |  | none |",
        "",
        f"- peer & co: none for {RECEIVE}: no long polling",
    ]


def test_figures_are_shown_with_three_digits() -> None:
    assert [shown(value) for value in (0.3141, 3.1415, 31.415, 314.15, 31_415.9)] == [
        "0.31", "3.14", "31.4", "314", "31,416",
    ]  # fmt: skip


def test_the_chart_draws_each_median_on_one_scale() -> None:
    root = ElementTree.fromstring(chart(some_figures(), Settings()))
    bars = [rect for rect in root.iter(f"{SVG}rect") if rect.get("height") == "13"]
    own, peer, receive = (float(bar.get("width", 0)) for bar in bars)
    assert abs(own / peer - 21_000 / 7_300) < 0.01
    assert receive == own  # each the longest of its panel
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[:2] == ["nightbus", "peer & co"]
    assert texts.count("none") == 1
