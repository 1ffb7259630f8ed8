"""Reads templates: their text, structure, parameters and intrinsic functions, and the order of their resources."""
