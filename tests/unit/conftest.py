"""Settles what holds for all unit tests: none of them measures time, which belongs in `bench/`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
