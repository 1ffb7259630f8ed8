"""Only what X-Ray writes is a trace header; anything else is as if there had been none."""

from __future__ import annotations

import pytest

from nightbus.aws.trace_header import is_trace_header, trace_header_or_none

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"


@pytest.mark.parametrize(
    "text",
    [
        ROOT,
        f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1",
        f"Sampled=?; {ROOT}",
        f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a87bd80c:1|68fd508a:5",
        f"Self=1-5759e988-bd862e3fe1be46a994272793;{ROOT};TotalTimeSoFar=100ms",
    ],
)
def test_xrays_headers_are_taken(text: str) -> None:
    assert trace_header_or_none(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Root=1",
        "Sampled=1",
        "Root=1-5759e988-bd862e3fe1be46a99427279",
        f"{ROOT};Parent=5",
        f"{ROOT};Sampled=yes",
        f"{ROOT}\r\n\r\n{{}}",
        f"{ROOT}\n",
        f"{ROOT};A=\x00",
        f"{ROOT};A=é",
        f'{ROOT};A="b"',
        f"{ROOT};" + ";".join(f"A{number}=b" for number in range(200)),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_trace_header(text)
    assert trace_header_or_none(text) == ""
