"""Execution environments: Runtime API, zygote, sandbox, warm pool, code packages."""
