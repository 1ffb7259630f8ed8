"""The lineage in a trace header counts a function's invocations, and stays within the header's length."""

from __future__ import annotations

from urllib.parse import quote

from nightbus.aws.trace_header import (
    for_invocation,
    invocations_before,
    is_trace_header,
    trace_header_or_none,
    with_lineages,
    without_lineage,
)

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
ID = "12345678-1234-1234-1234-123456789012"


def invoked(header: str, function: str, times: int = 1) -> str:
    for _ in range(times):
        header = for_invocation(header, ID, 0, function)
    return header


def test_each_invocation_counts_for_its_own_function() -> None:
    header = invoked(invoked(ROOT, "one", 3), "other", 2)
    assert (invocations_before(header, "one"), invocations_before(header, "other")) == (3, 2)
    assert invocations_before(header, "third") == invocations_before(ROOT, "one") == 0
    assert is_trace_header(header)
    assert invocations_before(for_invocation(header, ID, 0), "one") == 3


def test_a_batch_has_the_highest_counts_of_its_messages() -> None:
    first, second = invoked(invoked(ROOT, "one", 2), "other", 5), invoked(ROOT, "one", 4)
    merged = with_lineages(first, [second, "", ROOT])
    assert (invocations_before(merged, "one"), invocations_before(merged, "other")) == (4, 5)
    assert merged.startswith(without_lineage(first))
    assert with_lineages(ROOT, [ROOT]) == ROOT
    assert with_lineages("", [second]) == ""


def test_a_bus_passes_the_header_on_without_it() -> None:
    header = invoked(ROOT, "one")
    assert without_lineage(header).startswith("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=")
    assert invocations_before(without_lineage(header), "one") == 0
    assert without_lineage(ROOT) == ROOT


def test_a_header_does_not_grow_too_long() -> None:
    header = ROOT
    for number in range(200):
        header = invoked(header, f"function-{number}")
    assert is_trace_header(header)
    assert invocations_before(header, "function-199") == 1
    assert invocations_before(header, "function-0") == 0


def test_what_a_client_writes_into_it_is_taken_as_it_is_or_left_out() -> None:
    for text in ("x", "1:zz:9", "1:a87bd80c:99999999", "|||", "1:a87bd80c:3|junk|68fd508a:5"):
        header = invoked(f"{ROOT};Lineage={text}", "one")
        assert is_trace_header(header)
        assert invocations_before(header, "one") == 1


def test_a_header_as_botocore_sends_it() -> None:
    header = invoked(invoked(ROOT, "one"), "other")
    assert trace_header_or_none(quote(header, safe="-=;:+&[]{}\"',")) == header
