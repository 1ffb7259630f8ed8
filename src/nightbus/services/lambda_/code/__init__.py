"""Takes packages of code and layers, links to them, and removes unpacked code that no function has."""
