"""Serves the Runtime API to the process of an environment."""
