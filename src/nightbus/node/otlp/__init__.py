"""Exports metrics, and the way of events as spans, by OTLP, where OpenTelemetry's variables name an endpoint."""
