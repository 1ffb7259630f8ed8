"""Brings spans and families of metrics into the forms of OpenTelemetry's SDK: the only user of its packages.

Imported where OTLP is set; raises ImportError then where the packages are missing (`pip install nightbus[otel]`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from nightbus import __version__
from nightbus.counters import Histogram
from nightbus.node.metrics.families import Family
from nightbus.node.otlp.spans import Span, SpanName

_KINDS = {
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
}
_UNITS = {"seconds": "s", "bytes": "By", "": "1"}
_NS = 1_000_000  # in a millisecond
_SCOPE = InstrumentationScope("nightbus", __version__)


class Exporters:
    """Both block, for as long as OpenTelemetry's exporters try: call them in a thread. They return whether it worked.

    `attributes` say which node it is. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME go before them.
    """

    def __init__(self, attributes: dict[str, str]) -> None:
        own = Resource({"service.name": "nightbus", "service.version": __version__, **attributes})
        self._resource = own.merge(_of_environment())
        self._spans: OTLPSpanExporter | None = None
        self._metrics: OTLPMetricExporter | None = None

    def export_spans(self, spans: Sequence[Span]) -> bool:
        self._spans = self._spans or OTLPSpanExporter()
        return self._spans.export([self._span(one) for one in spans]) is SpanExportResult.SUCCESS

    def export_metrics(self, families: Iterable[Family], started_ms: int, now_ms: int) -> bool:
        self._metrics = self._metrics or OTLPMetricExporter()
        metrics = [_metric(family, started_ms * _NS, now_ms * _NS) for family in families if family.samples]
        of_scope = ScopeMetrics(_SCOPE, metrics, "")
        data = MetricsData([ResourceMetrics(self._resource, [of_scope], "")])
        return self._metrics.export(data) is MetricExportResult.SUCCESS

    def close(self) -> None:
        """What is being exported is given up."""
        for exporter in (self._spans, self._metrics):
            if exporter is not None:
                exporter.shutdown()

    def _span(self, span: Span) -> ReadableSpan:
        parent = None if span.parent is None else _context(SpanName(span.own.trace_id, span.parent))
        return ReadableSpan(
            span.name,
            context=_context(span.own),
            parent=parent,
            resource=self._resource,
            attributes=span.attributes,
            links=[Link(_context(one)) for one in span.links],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
            start_time=span.began * _NS,
            end_time=max(span.began, span.ended) * _NS,
            instrumentation_scope=_SCOPE,
        )


def _of_environment() -> Resource:
    """What OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say."""
    return OTELResourceDetector().detect()


def _context(name: SpanName) -> SpanContext:
    return SpanContext(
        name.trace_id, name.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


def _metric(family: Family, started: int, now: int) -> Metric:
    numbers, histograms = list[NumberDataPoint](), list[HistogramDataPoint]()
    for values, value in family.samples:
        labels = dict(zip(family.labels, values, strict=True))
        if isinstance(value, Histogram):
            counts = list(value.counts)
            extremes = (float("inf"), float("-inf"))  # not known
            histograms.append(
                HistogramDataPoint(
                    labels, started, now, sum(counts), value.total, counts, value.bounds, *extremes
                )
            )
        else:
            numbers.append(NumberDataPoint(labels, started, now, value))
    cumulative = AggregationTemporality.CUMULATIVE
    data: Sum | Gauge | HistogramData = Gauge(numbers)
    if family.kind == "counter":
        data = Sum(numbers, cumulative, is_monotonic=True)
    elif family.kind == "histogram":
        data = HistogramData(histograms, cumulative)
    return Metric(family.name, family.help, _UNITS[family.unit], data)
