"""Implements the resource types of Amazon CloudWatch Logs."""
