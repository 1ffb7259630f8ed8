"""Compares the resources of stacks with what is really there."""
