"""Recipes as values: ours and mergekit's, read from YAML and checked."""
