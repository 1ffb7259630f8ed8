"""Implements the resource types of AWS CloudTrail."""
