"""Reads templates: text, structure, parameters, intrinsic functions, and the order of resources."""
