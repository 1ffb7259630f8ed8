"""Implements the resource types of Amazon SQS."""
