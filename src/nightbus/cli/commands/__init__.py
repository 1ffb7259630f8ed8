"""Carries out the commands: one module for each, and beside `deploy` its output and its artefacts."""
