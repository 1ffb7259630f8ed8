"""Validates, merges and shows the settings of functions: one module for each kind of setting."""
