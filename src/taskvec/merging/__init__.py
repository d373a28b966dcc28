"""Merges: any method over task vectors, computed as it is read."""
