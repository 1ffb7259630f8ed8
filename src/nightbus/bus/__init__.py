"""Implements the pure core of the bus: patterns, input transformers, schedules, retries, envelope. No I/O, no clock."""
