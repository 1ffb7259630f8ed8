"""Implements the resource types of AWS Lambda."""
