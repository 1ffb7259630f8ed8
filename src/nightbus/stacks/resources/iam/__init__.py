"""Implements the resource types of AWS Identity and Access Management."""
