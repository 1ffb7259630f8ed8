"""Carries out the commands: one module for each, and two more for the output and the artefacts of `deploy`."""
