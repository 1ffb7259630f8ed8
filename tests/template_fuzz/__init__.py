"""Tries generated templates with generated parameters on a node in this process, in bulk.

A family is a template made of the rows of `type_lives`, with its variants, parameter sets and stacks. `families` makes
it, `node` is what it is tried on, `trial` tries it, and `tally` counts what was exercised.
"""
