"""Lists the keys and the versions of a bucket."""
