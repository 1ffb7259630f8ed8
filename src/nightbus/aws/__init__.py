"""Defines the vocabulary of AWS: ARNs, scopes, ids, errors, calls. Pure values, standard library only."""
