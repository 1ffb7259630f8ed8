"""The distributions that a function with Powertools for Python brings along, and the runtime that they are for."""

from __future__ import annotations

import sys

PACKAGES = ("aws-lambda-powertools", "aws-xray-sdk", "wrapt", "jmespath", "typing-extensions")
# wrapt has a part that is compiled for the version
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
