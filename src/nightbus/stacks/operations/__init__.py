"""Carries out operations on stacks: the phases of a stack, and their steps on single resources."""
