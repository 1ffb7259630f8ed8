"""Identifies callers by their credentials."""
