"""Speaks to HTTP endpoints outside the node, and judges their addresses first."""
