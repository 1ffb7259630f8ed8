"""Carries records from a source through a filter, in batches, to a sink: event source mappings, and pipes."""
