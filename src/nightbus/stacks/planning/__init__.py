"""Plans deployments: computes what a template with its parameters would change in a stack, as change sets show it."""
