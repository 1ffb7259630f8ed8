"""A store in memory that several nodes share, slow on purpose, for tests.

`MemoryCluster` is what the nodes share, `MemoryStore` is one node's view of it.
"""

from memory_store.cluster import MemoryCluster
from memory_store.node_view import MemoryStore

__all__ = ["MemoryCluster", "MemoryStore"]
