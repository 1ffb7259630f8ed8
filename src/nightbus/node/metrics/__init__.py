"""Gives what a node counts and holds to those who run it: in Prometheus' formats, and over OTLP."""
