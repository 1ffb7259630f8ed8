"""Runs Lambda extensions beside a function's runtime, and serves them the Extensions API."""
