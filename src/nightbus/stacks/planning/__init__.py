"""Plans a deployment: what a template with its parameters would change in a stack, as a change set shows it."""
