"""What a task vector is: forms, alignment, expressions, the store."""
