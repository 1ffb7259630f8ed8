"""Identities of callers: credentials."""
