"""Manages buckets, and the settings that a bucket has."""
