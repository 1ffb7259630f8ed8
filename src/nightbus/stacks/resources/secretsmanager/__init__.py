"""Implements the resource types of AWS Secrets Manager."""
