"""Names the records that the graph is made of, by their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.store.interface import Record

Records = Mapping[str, Sequence[Record]]
