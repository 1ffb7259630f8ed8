"""Finds the machine's Chromium. Without one its tests are skipped, but fail in CI, which has one."""

from __future__ import annotations

import os
import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in _NAMES if (found := shutil.which(name))), "")


def need_browser() -> None:
    if not BROWSER:
        if os.environ.get("CI"):
            pytest.fail("CI must have a browser: apt-get install chromium")
        pytest.skip("there is no Chromium here")
