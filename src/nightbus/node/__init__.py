"""One running node: settings, assembly, start and orderly stop."""
