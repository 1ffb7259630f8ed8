"""Reserves and provisions the concurrency of functions."""
