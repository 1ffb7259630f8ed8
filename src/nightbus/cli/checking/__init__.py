"""Says before any deployment what of a template a node does, what it refuses, and what lies elsewhere."""
