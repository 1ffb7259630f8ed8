"""Manages topics, and the settings that a topic has."""
