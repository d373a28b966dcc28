"""Bases that the paper's own code wrote, read without running any of it."""
