"""Keeps a store in one SQLite file and a folder of blobs, which one node has to itself: the embedded backend."""
