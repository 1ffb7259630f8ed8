"""Says what goes over the edges of the graph now, out of the logs that the node writes anyway."""
