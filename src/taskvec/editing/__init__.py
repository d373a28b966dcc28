"""From words to an output: expressions and recipes are understood, planned, and carried out."""
