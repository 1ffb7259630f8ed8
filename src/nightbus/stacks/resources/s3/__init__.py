"""Implements the resource types of Amazon S3."""
