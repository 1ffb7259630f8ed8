"""Keeps a SAM application on the node as its sources are: `nightbus dev`."""
