"""Publishes layers, and says who may use them."""
