"""Verifies who signed a request. Everything but `verifier` is pure: values in, values out."""
