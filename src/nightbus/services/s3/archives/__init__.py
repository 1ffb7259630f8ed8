"""Keeps archived objects from being read until they are restored: GLACIER and DEEP_ARCHIVE."""
