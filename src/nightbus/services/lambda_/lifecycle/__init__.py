"""Says in which state functions are, and prepares new and changed ones for their invocations."""
