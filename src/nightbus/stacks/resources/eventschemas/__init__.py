"""Implements the resource types of EventBridge Schemas."""
