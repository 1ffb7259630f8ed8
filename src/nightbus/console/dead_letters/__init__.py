"""Says why a message is in a dead-letter queue, and sends messages where they came from once more."""
