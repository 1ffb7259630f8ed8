"""Reads and evaluates IAM's policies: pure functions over values, which know no store and no service."""
