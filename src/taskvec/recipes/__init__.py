"""What to do, said once: recipes as values, written in YAML, ours and mergekit's."""
