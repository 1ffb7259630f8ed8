"""Keeps versions of objects from being deleted: retention periods and legal holds of Object Lock."""
