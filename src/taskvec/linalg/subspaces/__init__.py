"""Subspaces of one matrix and of several: singular directions, what they share, and what is left."""
