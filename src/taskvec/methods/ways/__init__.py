"""The merge methods, one a file: a record of the file's name, which is found by it."""
