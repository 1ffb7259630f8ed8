"""Medians, and the reasons for what is missing, in the table and in the chart."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from plane_chart import chart
from plane_figures import Figures
from plane_report import BEGIN, END, flatness, markdown, shown, write_markdown
from plane_rounds import BASELINE, RECEIVE, Settings, put_name

PUT = put_name(1, 16)
SVG = "{http://www.w3.org/2000/svg}"


def some_figures() -> Figures:
    figures = Figures([BASELINE, "nightbus", "peer & co"])
    figures.add("fdatasync", "ms p50", BASELINE, 0.31)
    for value in (19_000.0, 24_000.0, 21_000.0):
        figures.add(PUT, "requests/s", "nightbus", value / 10)
        figures.add(PUT, "events/s", "nightbus", value)
    figures.add(PUT, "requests/s", "peer & co", 730.0)
    figures.add(PUT, "events/s", "peer & co", 7_300.0)
    figures.add(RECEIVE, "ms p50", "nightbus", 1.234)
    figures.add(RECEIVE, "ms p50", "peer & co", 80.0)
    figures.miss(RECEIVE, "ms p50", "peer & co", "no long polling")
    figures.miss(RECEIVE, "ms p99", "peer & co", "no long polling")
    return figures


def test_the_tables_have_medians_and_reasons() -> None:
    assert markdown(some_figures(), "2 cores").splitlines() == [
        "2 cores.",
        "",
        "|  |  | requests/s | events/s | ms p50 | ms p99 |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        f"| {PUT} | nightbus | 2,100 | 21,000 |  |  |",
        "|  | peer & co | 730 | 7,300 |  |  |",
        "",
        "|  | unit | baseline | nightbus | peer & co |",
        "| --- | --- | ---: | ---: | ---: |",
        "| fdatasync | ms p50 | 0.31 |  |  |",
        f"| {RECEIVE} | ms p50 |  | 1.23 | none |",
        "|  | ms p99 |  |  | none |",
        "",
        f"- peer & co: none for {RECEIVE}: no long polling",
    ]


def test_it_says_how_flat_a_rate_is() -> None:
    figures = some_figures()
    figures.add(put_name(1000, 16), "requests/s", "nightbus", 1_995.0)
    assert flatness(figures, Settings(rules=(0, 1, 100, 1000))) == [
        "nightbus: PutEvents with 1,000 rules at 0.95 of the rate with one"
    ]


def test_a_page_keeps_its_text_around_the_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    write_markdown(page, "alone\n")
    assert page.read_text() == "alone\n"
    page.write_text(f"before\n\n{BEGIN}\nold\n\n{END}\nafter\n")
    write_markdown(page, "new\n")
    assert page.read_text() == f"before\n\n{BEGIN}\nnew\n\n{END}\nafter\n"


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
