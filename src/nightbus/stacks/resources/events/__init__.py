"""Implements the resource types of Amazon EventBridge."""
