"""Implements the resource types of AWS Key Management Service."""
