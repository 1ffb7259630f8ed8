"""The embedded backend: one SQLite file and a folder of blobs, which one node has to itself."""
