"""Applies lifecycle rules to buckets: expires objects and versions, changes storage classes, aborts uploads."""
