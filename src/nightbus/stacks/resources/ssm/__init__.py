"""Implements the resource types of AWS Systems Manager."""
