"""Carries out multipart uploads."""
