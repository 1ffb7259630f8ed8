"""Notes become spans that hang together: the trace of the X-Ray header, and parents by what led to what."""

from __future__ import annotations

import pytest

from nightbus.aws.trace_header import of_traceparent, trace_id_of
from nightbus.node.otlp.spans import Span, SpanMaker
from nightbus.node.otlp.variables import Otlp
from nightbus.span_notes import (
    AttemptNote,
    BroughtNote,
    DeliveryNote,
    EventNote,
    InvocationNote,
    Note,
    SpanNotes,
)

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
RULE = "arn:aws:events:us-east-1:1:rule/r"
FUNCTION = "arn:aws:lambda:us-east-1:1:function:f"
QUEUE = "arn:aws:sqs:us-east-1:1:q"
REQUEST = "a81c4ffe-11b7-4c14-bca4-22f0f6d3c1aa"


def event(
    *deliveries: DeliveryNote, trace: str = ROOT, bus: str = "default", forwarded: bool = False
) -> EventNote:
    text = b'{"source": "s", "detail-type": "t"}'
    return EventNote(trace, "1", "us-east-1", bus, "e1", text, 1_000, 1_002, forwarded, deliveries)


def attempt(
    number: int, outcome: str, *, origin: str = "rule", trace: str = ROOT, of: str = "e1"
) -> AttemptNote:
    code = "" if outcome == "delivered" else "Throttling"
    return AttemptNote(
        trace,
        origin,
        RULE,
        of,
        "t",
        QUEUE,
        number,
        2_000,
        2_010,
        outcome,
        "m1" if not code else "",
        code,
        "",
        "",
    )


def invocation(request_id: str = REQUEST, trace: str = ROOT, began: int = 3_000) -> InvocationNote:
    own = f"{ROOT};Parent={request_id.replace('-', '')[:16]};Sampled=0"
    return InvocationNote(trace, own, FUNCTION, "$LATEST", request_id, began, began + 50, None, "")


def made(*notes: Note) -> list[Span]:
    maker = SpanMaker()
    return [span for note in notes for span in maker.spans(note)]


def test_a_retried_delivery_is_below_its_rule_each_time() -> None:
    queued = DeliveryNote("r", RULE, "t", QUEUE, None)
    put, rule, first, second = made(event(queued), attempt(1, "retried"), attempt(2, "delivered"))
    assert (put.parent, rule.parent) == (None, put.own.span_id)
    assert first.parent == second.parent == rule.own.span_id
    assert first.own != second.own
    assert (first.error[:10], second.error) == ("Throttling", "")


def test_a_batch_is_below_its_first_message_and_linked_with_the_others() -> None:
    deliveries = [DeliveryNote("r", RULE, name, QUEUE, name) for name in ("m1", "m2")]
    brought, spans = BroughtNote(REQUEST, QUEUE, ("m1", "m2")), made
    *_, first, second, run = spans(brought, event(*deliveries), invocation())
    assert run.parent == first.own.span_id
    assert run.links == [second.own]
    assert run.own.span_id == int(REQUEST.replace("-", "")[:16], 16)


def test_the_second_run_of_an_invocation_has_a_span_of_its_own() -> None:
    delivery = DeliveryNote("r", RULE, "t", FUNCTION, REQUEST)
    *_, delivered, first, second = made(event(delivery), invocation(), invocation(began=9_000))
    assert first.parent == second.parent == delivered.own.span_id
    assert first.own != second.own


def test_a_destination_is_below_the_invocation_that_ended() -> None:
    run, sent = made(invocation(), attempt(1, "delivered", origin="destination", of=REQUEST))
    assert sent.parent == run.own.span_id


def test_a_forwarded_event_is_below_the_delivery_to_its_bus() -> None:
    bus = "arn:aws:events:us-east-1:1:event-bus/other"
    *_, delivered, other = made(
        event(DeliveryNote("r", RULE, "t", bus, "e1")), event(bus="other", forwarded=True)
    )
    assert (other.name, other.parent) == ("PutEvents other", delivered.own.span_id)


def test_an_invocation_of_a_client_is_below_the_headers_parent() -> None:
    (run,) = made(invocation(trace=f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1"))
    assert run.parent == 0x53995C3F42CD8AD8


def test_what_has_no_trace_has_no_span() -> None:
    assert made(event(trace=""), attempt(1, "delivered", trace="")) == []


def test_notes_that_nobody_takes_make_room() -> None:
    notes = SpanNotes(2)
    for number in range(3):
        notes.add(BroughtNote(str(number), "", ()))
    assert (len(notes), notes.dropped) == (2, 1)
    assert [note.request_id for note in notes.take(5) if isinstance(note, BroughtNote)] == ["1", "2"]


@pytest.mark.parametrize(
    "text",
    [
        "", "00-0-0-01", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{'a' * 32}-{'0' * 16}-01",
        f"ff-{'a' * 32}-{'b' * 16}-01", f"00-{'A' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'b' * 16}-01\r\nx: y",
    ],
)  # fmt: skip
def test_what_is_no_traceparent_is_none(text: str) -> None:
    assert of_traceparent(text) == ""


def test_a_traceparent_becomes_a_header_of_the_same_trace() -> None:
    header = of_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
    assert header == "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=0"
    assert trace_id_of(header) == 0x0AF7651916CD43DD8448EB211C80319C


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Otlp()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, Otlp(True, True)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, Otlp(False, True)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, Otlp(False, True)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "True"}, Otlp()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Otlp(unspoken="grpc")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_METRIC_EXPORT_INTERVAL": "500"}, Otlp(True, True, 500)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_METRIC_EXPORT_INTERVAL": "0"}, Otlp(True, True)),
    ],
)
def test_opentelemetrys_variables_decide(environ: dict[str, str], expected: Otlp) -> None:
    assert Otlp.of(environ) == expected
