"""Nightbus: an event bus and functions platform that you run yourself, driven by the AWS tools you have."""

__version__ = "0.1.0"
