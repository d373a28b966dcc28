"""What expressions may name: vectors, blocks of a model, functions, merges."""
