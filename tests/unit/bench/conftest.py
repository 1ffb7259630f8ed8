"""The benchmark's modules stand in a folder of scripts, not in a package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "bench"))
