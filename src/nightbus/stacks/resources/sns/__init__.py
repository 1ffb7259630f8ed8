"""Implements the resource types of Amazon SNS."""
