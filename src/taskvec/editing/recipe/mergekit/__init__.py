"""mergekit's recipes, read as they are and turned into ours."""
